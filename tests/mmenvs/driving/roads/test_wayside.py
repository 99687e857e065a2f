"""Where people cross although nothing is painted there."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

import mmenvs  # noqa: F401
from mmenvs.driving import state as st
from mmenvs.driving.roads import layouts, towns
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.routes import DrivableMask
from mmenvs.driving.roads.wayside import APART, MOST, WIDEST, places_to_cross


@pytest.mark.parametrize("seed", range(3))
def test_places_lie_from_kerb_to_kerb_and_apart(seed) -> None:
    made = towns.town(seed, towns.TOWN)
    mask = DrivableMask(made)
    places = places_to_cross(made, mask)
    assert 3 <= len(places) <= MOST
    middles = np.array([0.5 * (p.start + p.end) for p in (*made.crossings, *places)])
    gaps = np.hypot(*(middles[:, None] - middles[None]).transpose(2, 0, 1))
    fresh = np.arange(len(middles)) >= len(made.crossings)
    np.fill_diagonal(gaps, np.inf)
    assert gaps[fresh].min() >= APART
    for place in places:
        along = place.end - place.start
        width = np.hypot(*along)
        assert 5.0 < width <= WIDEST + 0.01
        inside = place.start + np.linspace(0.1, 0.9, 9)[:, None] * along
        cells = ((inside - mask.origin) / 0.2).astype(int)
        assert mask.cells[cells[:, 1], cells[:, 0]].all()
        beyond = np.array([place.start - along / width * 0.6, place.end + along / width * 0.6])
        cells = ((beyond - mask.origin) / 0.2).astype(int)
        assert not mask.cells[cells[:, 1], cells[:, 0]].any()


def test_nobody_crosses_a_motorway() -> None:
    made = layouts.highway(0, layouts.HIGHWAY).network
    assert max(lane.limit for lane in made.lanes if lane.kind == net.DRIVING) > 20
    assert places_to_cross(made, DrivableMask(made)) == []


def test_some_people_cross_elsewhere_and_most_do_not() -> None:
    env = gym.make_vec(
        "mmenvs/Driving-v0", num_envs=64, map="town", pedestrians=20, sensors=("state",), traffic_vehicles=0
    )
    env.reset(seed=0)
    simulator = env.unwrapped.simulator
    people = simulator.worlds.people
    painted = simulator.roads.counts[simulator.worlds.slot, -1]
    here = people[:, st.W_STATE] > 0
    elsewhere = here & (people[:, st.W_CROSSING] >= painted[:, None])
    assert 0.08 < elsewhere.sum() / here.sum() < 0.25
