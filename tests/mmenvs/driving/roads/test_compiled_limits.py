"""Networks larger than the arrays of a world are refused, or not used whole; they never overrun them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mmenvs.driving.roads import towns
from mmenvs.driving.roads.compiled import (
    MOST_CROSSINGS,
    MOST_GROUPS,
    N_CROSSINGS,
    N_PAINTED,
    compile_network,
)
from mmenvs.driving.roads.ground import rasterise_network
from mmenvs.driving.roads.network import RoadError
from mmenvs.driving.roads.routes import find_loop


def test_too_many_signal_groups_are_refused() -> None:
    made = towns.town(0, towns.TOWN)
    crowded = replace(made, groups=made.groups * (MOST_GROUPS // len(made.groups) + 1))
    with pytest.raises(RoadError, match=rf"{len(crowded.groups)} signal groups, at most {MOST_GROUPS}"):
        compile_network(crowded, rasterise_network(made), [find_loop(made, 0, 0.0)])


def test_of_many_crossings_the_first_are_used() -> None:
    made = towns.town(0, towns.TOWN)
    crowded = replace(made, crossings=made.crossings * 5)
    assert len(crowded.crossings) > MOST_CROSSINGS
    rows = compile_network(crowded, rasterise_network(made), [find_loop(made, 0, 0.0)])
    assert rows["counts"][N_CROSSINGS] == rows["counts"][N_PAINTED] == MOST_CROSSINGS
    assert len(rows["crossings"]) == MOST_CROSSINGS
