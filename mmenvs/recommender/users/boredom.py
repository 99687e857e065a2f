"""How a user gets fed up with more of the same.  Nothing warns a myopic policy before the threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob, option
from mmenvs.recommender.arrays import Records

NONE, FADING, WINDOW = range(3)


class BoredomLaw(NamedTuple):
    """A boredom law as kernels see it; the dataclasses below explain each number."""

    kind: int
    decay: float
    threshold: float
    steps: int
    penalty: float
    window: int
    everything: bool


@dataclass(frozen=True, kw_only=True)
class FadingBoredom:
    """Each category has an exposure ``e <- decay e + clicks``, a fading count of clicks.

    The exposure effect of CIRS (Gao et al., TOIS 2023).  At the threshold the user is bored with that
    category for some steps and the exposure starts again at zero.

    Attributes:
        decay: Factor by which exposure shrinks each step, in [0, 1].
        threshold: Exposure at which boredom begins [clicks].
        steps: Steps for which it lasts.
        penalty: What it takes from the score of items of that category [logit].
    """

    decay: float = knob(0.85, 0.0, 1.0)
    threshold: float = knob(3.0, 0.1, 1_000.0)
    steps: int = knob(12, 1, 1_000)
    penalty: float = knob(4.0, 0.0, 1_000.0)

    #: Clicks to be remembered one by one.
    memory = 1

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> BoredomLaw:
        """Return the law as kernels see it."""
        return BoredomLaw(FADING, self.decay, self.threshold, self.steps, self.penalty, 1, False)


@dataclass(frozen=True, kw_only=True)
class WindowBoredom:
    """Bored as soon as ``threshold`` of the last clicks lie in one category (SARDINE, Deffayet et al., 2024).

    Of the last ``memory`` clicks those of the last ``window`` steps are counted by the main category of
    their items.  SARDINE's churn-and-return users lose interest in everything meanwhile.

    Attributes:
        memory: Clicks that are remembered.
        window: Steps for which a click counts.
        threshold: Clicks in one category that bore.
        steps: Steps for which it lasts.
        loses: ``"everything"``, or ``"category"`` for items of the boring category only.
        penalty: What boredom takes from the score.
    """

    memory: int = knob(10, 1, 1_000)
    window: int = knob(5, 1, 1_000)
    threshold: int = knob(5, 1, 1_000)
    steps: int = knob(5, 1, 1_000)
    loses: str = option("everything", "category")
    penalty: float = knob(100.0, 0.0, 1_000.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> BoredomLaw:
        """Return the law as kernels see it."""
        return BoredomLaw(
            WINDOW,
            0.0,
            float(self.threshold),
            self.steps,
            self.penalty,
            self.window,
            self.loses == "everything",
        )


Boredom = FadingBoredom | WindowBoredom

#: Nothing ever bores.
NO_BOREDOM = BoredomLaw(NONE, 0.0, 1.0, 1, 0.0, 1, False)


@inner_function
def boredom_penalty(law: BoredomLaw, bored: NDArray[np.int64], world: int, category: int) -> float:
    """Return what boredom takes from the score of an item of ``category`` now."""
    if law.kind == NONE:
        return 0.0
    if not law.everything:
        return law.penalty if bored[world, category] > 0 else 0.0
    for c in range(bored.shape[1]):
        if bored[world, c] > 0:
            return law.penalty
    return 0.0


@inner_function
def grow_bored(
    law: BoredomLaw,
    exposure: NDArray[np.float64],
    bored: NDArray[np.int64],
    world: int,
) -> int:
    """End a step: boredom runs on, and begins where the exposure has reached the threshold.

    Under :class:`FadingBoredom` the step's clicks are in the exposure already (:func:`fade` came before
    them); under :class:`WindowBoredom` the exposure counts the clicks of the window.

    Args:
        law: The law.
        exposure: Exposure by category [clicks], shape (worlds, categories).
        bored: Steps of boredom left, shape (worlds, categories).
        world: The user's row.

    Returns:
        How many categories bore the user now.
    """
    if law.kind == NONE:
        return 0
    count = 0
    for c in range(exposure.shape[1]):
        if bored[world, c] > 0:
            bored[world, c] -= 1
        if exposure[world, c] >= law.threshold:
            if law.kind == FADING:
                exposure[world, c] = 0.0
                bored[world, c] = law.steps
            elif bored[world, c] == 0:
                bored[world, c] = law.steps
        if bored[world, c] > 0:
            count += 1
    return count


@inner_function
def fade(law: BoredomLaw, exposure: NDArray[np.float64], world: int) -> None:
    """Begin a step of :class:`FadingBoredom`: exposure fades before the step's clicks are added."""
    if law.kind == FADING:
        for c in range(exposure.shape[1]):
            exposure[world, c] *= law.decay


@inner_function
def count_click(
    law: BoredomLaw,
    clicks: Records,
    exposure: NDArray[np.float64],
    world: int,
    category: int,
    step: int,
) -> None:
    """Let a click count towards boredom with its category, between :func:`fade` and :func:`count_window`."""
    if law.kind == WINDOW:
        remember_click(clicks, world, category, step)
    elif law.kind == FADING:
        exposure[world, category] += 1.0


@inner_function
def remember_click(clicks: Records, world: int, category: int, step: int) -> None:
    """Put a click at the end of the remembered ones and drop the oldest.

    Args:
        clicks: :data:`~mmenvs.recommender.arrays.CLICK`, oldest first, shape (worlds, memory).
        world: The user's row.
        category: The new click's category.
        step: The step now.
    """
    memory = clicks.shape[1]
    for k in range(memory - 1):
        clicks[world, k].category = clicks[world, k + 1].category
        clicks[world, k].step = clicks[world, k + 1].step
    clicks[world, memory - 1].category = category
    clicks[world, memory - 1].step = step


@inner_function
def count_window(
    law: BoredomLaw, clicks: Records, exposure: NDArray[np.float64], world: int, step: int
) -> None:
    """Write the clicks of the window by category as exposure, at the end of ``step``."""
    if law.kind != WINDOW:
        return
    for c in range(exposure.shape[1]):
        exposure[world, c] = 0.0
    for k in range(clicks.shape[1]):
        category = clicks[world, k].category
        if category >= 0 and clicks[world, k].step > step - law.window:
            exposure[world, category] += 1.0


@inner_function
def tell_exposure(
    law: BoredomLaw, exposure: NDArray[np.float64], recent: NDArray[np.float32], world: int
) -> None:
    """Write what agents see of boredom to come: exposure as a share of what bores, at most 1."""
    for c in range(recent.shape[1]):
        recent[world, c] = min(exposure[world, c] / law.threshold, 1.0)
