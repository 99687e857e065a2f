"""Red lights run: how many."""

from __future__ import annotations

from mmenvs.core.arrays import FloatArray
from mmenvs.core.kernels import fast_function
from mmenvs.driving.metrics.columns import LAST_RED_LIGHT, RED_LIGHTS


@fast_function
def update_red_light(
    row: FloatArray,
    red_light: bool,
) -> None:
    """Count a red light at the step at which its line is crossed.

    Args:
        row: Row of ``Verdicts.metrics``.
        red_light: Whether the ego runs a red light; several steps in a row are one light.
    """
    if red_light and row[LAST_RED_LIGHT] == 0.0:
        row[RED_LIGHTS] += 1.0
    row[LAST_RED_LIGHT] = 1.0 if red_light else 0.0
