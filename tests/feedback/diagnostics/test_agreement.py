from __future__ import annotations

import pytest

from agents.evaluation import wilson
from feedback.diagnostics.agreement import agreement


def test_pairs_are_counted_per_labeller_by_hand() -> None:
    margins = [2.0, -1.0, 0.5, -0.2, 0.0, 3.0]
    targets = [1.0, 0.0, 0.0, 1.0, 1.0, 0.5]  # right, right, wrong, wrong, called equal, undecided
    labellers = ["bob", "alice", "bob", "alice", "alice", "carol"]
    everybody, alice, bob = agreement(margins, targets, labellers)
    assert (everybody.labeller, everybody.right, everybody.pairs) == (None, 2, 5)
    assert (alice.labeller, alice.right, alice.pairs) == ("alice", 1, 3)
    assert (bob.labeller, bob.right, bob.pairs) == ("bob", 1, 2)
    assert everybody.rate == wilson(2, 5)


def test_nothing_decided_is_nothing_found() -> None:
    assert agreement([1.0], [0.5], ["alice"]) == []
    assert agreement([], [], []) == []


def test_every_pair_needs_everything() -> None:
    with pytest.raises(ValueError, match=r"2, 1 and 1 entries"):
        agreement([1.0, 2.0], [1.0], ["alice"])
