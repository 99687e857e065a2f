"""How a user gets fed up with more of the same.

Each department has an exposure ``e <- decay * e + clicked``, a fading count of recent clicks (the
exposure effect of CIRS, Gao et al., 2022).  When it reaches a threshold the user is bored with that
department for some steps (the rule of SARDINE, Deffayet et al., 2024, whose count is a plain window)
and the exposure starts again at zero.  Nothing warns a myopic policy before the threshold.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function


@device_function
def bored_score(score: float, steps_left: int, penalty: float) -> float:
    """Return what is left of a score [logit] while the user is bored with the item's department."""
    return score - penalty if steps_left > 0 else score


@device_function
def grow_bored(
    exposure: NDArray[np.float64],
    bored: NDArray[np.int64],
    world: int,
    department: int,
    clicked: float,
    decay: float,
    threshold: float,
    steps: int,
) -> int:
    """Advance exposure and boredom of one user by one step, in place.

    Args:
        exposure: Exposure [clicks], shape (worlds, departments).
        bored: Steps of boredom left, shape (worlds, departments).
        world: The user's row.
        department: Department of the item that was shown.
        clicked: 1 if it was clicked, 0 if not; planners may pass a probability.
        decay: Factor on the exposure, in [0, 1].
        threshold: Exposure [clicks] at which boredom begins.
        steps: How long it lasts.

    Returns:
        How many departments bore the user now.
    """
    count = 0
    for d in range(exposure.shape[1]):
        exposure[world, d] *= decay
        if bored[world, d] > 0:
            bored[world, d] -= 1
        if d == department:
            exposure[world, d] += clicked
            if exposure[world, d] >= threshold:
                exposure[world, d] = 0.0
                bored[world, d] = steps
        if bored[world, d] > 0:
            count += 1
    return count
