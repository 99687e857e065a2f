"""The time that a user is willing to spend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mmenvs.core.kernels import inner_function
from mmenvs.core.knobs import check_knobs, knob


class BudgetLaw(NamedTuple):
    """The law of the budget as kernels see it."""

    on: bool
    start: float
    idle: float
    refund: float


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Time that clicks spend, idling spends too, and good items give back (RecSim's interest evolution).

    A click costs its dwell w and gives back ``refund w quality``; a step without a click costs ``idle``.
    The session ends when nothing is left.

    Attributes:
        start: What a session starts with, in the unit of the dwell law.
        idle: Cost of a step without a click.
        refund: Share of the dwell that an item of quality 1 gives back.
    """

    start: float = knob(200.0, 0.001, 1e9)
    idle: float = knob(0.5, 0.0, 1e6)
    refund: float = knob(0.9 / 3.4, 0.0, 10.0)

    def __post_init__(self) -> None:
        """Check every field."""
        check_knobs(self)

    def law(self) -> BudgetLaw:
        """Return the law as kernels see it."""
        return BudgetLaw(True, self.start, self.idle, self.refund)


#: All the time in the world.
NO_BUDGET = BudgetLaw(False, 1e300, 0.0, 0.0)


@inner_function
def spend(law: BudgetLaw, budget: float, dwell: float, quality: float) -> float:
    """Return the budget after a click."""
    return budget - dwell + law.refund * dwell * quality if law.on else budget
