from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from feedback.diagnostics.overview import overview
from feedback.labels import Preference, Rating

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)


def test_kinds_labellers_and_pace_by_hand(make_clip) -> None:
    def rate(labeller: str, seconds: float) -> Rating:
        return Rating(
            labeller=labeller, clip=make_clip(), value=3, created=BEGIN + timedelta(seconds=seconds)
        )

    preference = Preference(
        labeller="bob", first=make_clip(1), second=make_clip(2), choice="first", created=BEGIN
    )
    undone = rate("alice", 20)
    found = overview([rate("alice", 0), rate("alice", 40), rate("alice", 3600), preference], [undone])
    assert found.kinds == {"preference": 1, "rating": 3}
    assert found.labellers == {"alice": 3, "bob": 1}
    assert (found.standing, found.undone) == (4, 1)
    assert (found.first, found.last) == (BEGIN, BEGIN + timedelta(hours=1))
    alice, bob = found.paces
    # Labels at 0, 20 and 40 s, then a pause: two labels' time in 40 s.
    assert (alice.labels, alice.minutes) == (4, pytest.approx(40 / 60))
    assert alice.per_minute == pytest.approx(3)
    assert math.isnan(bob.per_minute)
    assert found.curve == {"alice": pytest.approx([0, 40 / 60, 40 / 60]), "bob": [0.0]}


def test_an_empty_store_is_described_as_empty() -> None:
    found = overview([])
    assert (found.standing, found.undone, found.first, found.paces, found.curve) == (0, 0, None, [], {})
