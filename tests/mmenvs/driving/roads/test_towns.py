"""Towns: sound, strongly connected, varied."""

from __future__ import annotations

import numpy as np
import pytest
from road_checks import check_network, overlapping_lanes, reachable, same, steps_from

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.sections import RoadSettings
from mmenvs.driving.roads.towns import TOWN, town


@pytest.mark.parametrize("seed", range(12))
def test_a_town_is_sound(seed):
    network = town(seed)
    check_network(network)
    assert not overlapping_lanes(network)
    corners = np.concatenate([area.polygon for area in network.areas])
    assert (np.ptp(corners, axis=0) > 200).all() and (np.ptp(corners, axis=0) < 320).all()


@pytest.mark.parametrize("seed", range(30))
def test_everywhere_can_be_reached_from_everywhere(seed):
    ways = steps_from(town(seed))
    back = [[] for _ in ways]
    for index, others in enumerate(ways):
        for other in others:
            back[other].append(index)
    everything = set(range(len(ways)))
    assert reachable(ways, 0) == everything
    assert reachable(back, 0) == everything


def test_towns_have_all_that_towns_have():
    networks = [town(seed) for seed in range(10)]
    lanes = [lane for network in networks for lane in network.lanes]
    assert {lane.rule for lane in lanes} == {net.FREE, net.YIELD, net.STOP, net.SIGNAL}
    assert {lane.turn for lane in lanes} == {net.STRAIGHT, net.LEFT, net.RIGHT}
    assert any(lane.right >= 0 for lane in lanes) and any(lane.opposite >= 0 for lane in lanes)
    crossings = [crossing for network in networks for crossing in network.crossings]
    assert {crossing.group < 0 for crossing in crossings} == {True, False}
    assert sum(len(network.spots) for network in networks) > 100
    for network in networks:
        assert network.signals and len(network.crossings) > 20
        assert {area.kind for area in network.areas} == {net.ASPHALT, net.PAVEMENT}


def test_parked_cars_stand_at_the_kerb_and_face_the_traffic():
    network = town(0)
    assert network.spots
    centres = np.concatenate([lane.centre for lane in network.lanes if lane.junction < 0]).astype(float)
    for spot in network.spots:
        gap = np.hypot(centres[:, 0] - spot.x, centres[:, 1] - spot.y)
        nearest = centres[gap.argmin()]
        assert gap.min() > 0.5 * nearest[net.WIDTH] + 0.5 * spot.width - 0.2
        ahead = np.cos(spot.heading) * nearest[net.COS] + np.sin(spot.heading) * nearest[net.SIN]
        assert ahead > 0.99


def test_the_same_seed_gives_the_same_town():
    assert same(town(5), town(5))
    assert len(town(5).lanes) != len(town(6).lanes)


@pytest.mark.parametrize(
    "settings",
    [
        RoadSettings(size=160.0, pavement=2.0),
        RoadSettings(size=420.0, pavement=0.0),
        RoadSettings(lane_width=3.0),
    ],
)
def test_other_settings_make_sound_towns(settings):
    network = town(3, settings)
    check_network(network)
    assert bool(network.crossings) == (settings.pavement > 0)
    assert reachable(steps_from(network), 0) == set(range(len(network.lanes)))
    assert settings != TOWN
