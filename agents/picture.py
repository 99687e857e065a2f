"""Pictures that need no display."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any


def draw_png(path: Path, size: tuple[float, float], draw: Callable[[Any], object], dpi: int = 110) -> bool:
    """Draw a figure of matplotlib as a PNG.

    Figure and canvas are used directly, because pyplot keeps global state and may ask for a display.

    Args:
        path: Where to write it, in a folder that is made if need be.
        size: Width and height [in].
        draw: Draws on an empty figure.
        dpi: Pixels per inch.

    Returns:
        Whether it was drawn; without matplotlib it is not.
    """
    if importlib.util.find_spec("matplotlib") is None:
        return False
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=dpi)
    return True
