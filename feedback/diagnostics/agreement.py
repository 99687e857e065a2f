"""How often a learned reward ranks a pair as the people did who were asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from agents.evaluation import Estimate, wilson


@dataclass(frozen=True)
class Agreement:
    """How many pairs were ranked as a labeller did.

    Attributes:
        labeller: Whose answers; None for all of them together.
        right: Pairs ranked as he or she did.
        pairs: Pairs that he or she decided.
        rate: The share of them, with Wilson's 95 % interval.
    """

    labeller: str | None
    right: int
    pairs: int
    rate: Estimate


def agreement(margins: ArrayLike, targets: ArrayLike, labellers: Sequence[str]) -> list[Agreement]:
    """Compare the order that a reward gives to pairs with the one that people gave.

    Counted are pairs that were decided; one that the reward calls equal counts as ranked wrong.  The
    interval (Wilson 1927) takes pairs as independent; where clips come back in many pairs it is too narrow.

    Args:
        margins: Score of the first segment less that of the second, shape (pairs,).
        targets: 1 where the first was preferred, 0 where the second was, ½ if they are equal, shape (pairs,).
        labellers: Who answered, one name a pair.

    Returns:
        All together first, then each labeller by name; nothing for those who decided no pair.

    Raises:
        ValueError: If the three differ in length.
    """
    gaps, wanted = np.asarray(margins, float), np.asarray(targets, float)
    if not len(gaps) == len(wanted) == len(labellers):
        raise ValueError(
            f"margins, targets and labellers have {len(gaps)}, {len(wanted)} and {len(labellers)} entries, "
            "but must have one for each pair"
        )
    right = np.sign(gaps) == np.sign(wanted - 0.5)
    names = np.array(labellers, dtype=object)
    decided = wanted != 0.5
    found = []
    for labeller in (None, *sorted(set(labellers))):
        chosen = right[decided if labeller is None else decided & (names == labeller)]
        if chosen.size:
            count = int(chosen.sum())
            found.append(Agreement(labeller, count, chosen.size, wilson(count, chosen.size)))
    return found
