"""What every road network must fulfil, whoever made it."""

from __future__ import annotations

import math
from collections import deque
from itertools import pairwise

import cv2
import numpy as np

from mmenvs.driving.roads import network as net

CELL = 0.25
CHANGE = 27.0  # lanes shorter than this leave no room to change [m]


def check_network(network, sharpest=1 / 6):
    """Check geometry, topology and rules."""
    lanes = network.lanes
    before = network.predecessors()
    for index, lane in enumerate(lanes):
        where = f"{network.name}: lane {index}, {lane.source}"
        check_samples(lane, sharpest, where)
        for successor in lane.successors:
            a, b = lane.centre[-1].astype(float), lanes[successor].centre[0].astype(float)
            assert np.hypot(*(a[:2] - b[:2])) < 0.05, where
            assert a[net.COS] * b[net.COS] + a[net.SIN] * b[net.SIN] > math.cos(math.radians(2)), where
            assert abs(a[net.WIDTH] - b[net.WIDTH]) < 1.6, where
        assert len(set(lane.successors)) == len(lane.successors) <= 4, where
        for side, back in ((lane.left, "right"), (lane.right, "left"), (lane.opposite, "opposite")):
            if side >= 0:
                assert getattr(lanes[side], back) == index, where
                assert abs(lanes[side].length - lane.length) < 0.15 * max(lane.length, lanes[side].length), (
                    where
                )
        check_rule(network, lane, before[index], where)
        if lane.centre[-1, net.WIDTH] < 1.5:
            assert not lane.successors and lanes[lane.left].successors, where
        if lane.centre[0, net.WIDTH] < 1.5:
            assert not before[index] and before[lane.left], where
    assert all(len(area.polygon) >= 3 and np.isfinite(area.polygon).all() for area in network.areas)
    check_ground(network)


def check_samples(lane, sharpest, where):
    """Check that samples are evenly spaced, and that heading and curvature are those of the points."""
    centre = lane.centre.astype(float)
    steps = np.diff(centre[:, :2], axis=0)
    gaps = np.hypot(*steps.T)
    assert gaps.max() < 1.01, where
    assert np.ptp(gaps) < 0.04 * gaps.max(), where
    assert abs(gaps.sum() - lane.length) < 0.01 * lane.length + 0.02, where
    heading = np.unwrap(np.arctan2(centre[:, net.SIN], centre[:, net.COS]))
    chord = np.arctan2(steps[:, 1], steps[:, 0])
    middle = 0.5 * (heading[:-1] + heading[1:])
    assert np.abs((chord - middle + math.pi) % (2 * math.pi) - math.pi).max() < 0.02, where
    bend = 0.5 * (centre[:-1, net.CURVATURE] + centre[1:, net.CURVATURE])
    step = np.abs(np.diff(centre[:, net.CURVATURE]))
    assert (np.abs(np.diff(heading) / gaps - bend) < 0.01 + 0.6 * step).all(), where
    assert np.abs(centre[:, net.CURVATURE]).max() <= sharpest, where
    assert centre[:, net.WIDTH].min() > 0.95, where
    assert lane.junction >= 0 or lane.length > 8, where


def check_rule(network, lane, before, where):
    """Check what is heeded, and that only lanes within junctions ask for it."""
    if lane.rule == net.SIGNAL:
        assert network.groups[lane.group].junction == lane.junction, where
    else:
        assert lane.group == -1, where
    if lane.junction >= 0:
        assert before and len(lane.successors) == 1, where
        assert lane.left == lane.right == lane.opposite == -1, where
    else:
        assert lane.rule == net.FREE, where


def asphalt_mask(network):
    """Return where the asphalt is, and the corner of the grid."""
    polygons = [area.polygon for area in network.areas if area.kind == net.ASPHALT]
    corners = np.concatenate(polygons)
    low = corners.min(axis=0) - 2
    size = np.ceil((corners.max(axis=0) + 2 - low) / CELL).astype(int)
    mask = np.zeros((size[1], size[0]), np.uint8)
    for polygon in polygons:
        cv2.fillPoly(mask, [np.round(((polygon - low) / CELL - 0.5) * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask, low


def check_ground(network):
    """Check that lanes and paint lie on asphalt."""
    mask, low = asphalt_mask(network)

    def on_asphalt(points):
        column, row = ((points - low) / CELL).astype(int).T
        return mask[row.clip(0, len(mask) - 1), column.clip(0, mask.shape[1] - 1)] > 0

    for index, lane in enumerate(network.lanes):
        centre = lane.centre.astype(float)
        normal = np.stack([-centre[:, net.SIN], centre[:, net.COS]], 1)
        for side in (-0.35, 0.0, 0.35):
            assert on_asphalt(centre[:, :2] + side * centre[:, net.WIDTH :] * normal).all(), (
                f"{network.name}: lane {index}, {lane.source}"
            )
    for signal in network.signals:
        assert not on_asphalt(np.array([[signal.x, signal.y]])).any(), (
            f"{network.name}: {signal} stands on the road"
        )
    mask = cv2.dilate(mask, np.ones((3, 3), np.uint8))  # paint at an edge is within the mask's rounding
    for stroke in network.strokes:
        share = np.linspace(0, 1, 9)[:, None]
        points = np.concatenate([a + share * (b - a) for a, b in pairwise(stroke.line)])
        assert on_asphalt(points).all(), f"{network.name}: a stroke near {points[~on_asphalt(points)][0]}"


def steps_from(network):
    """Return for each lane those that can be driven onto from it."""
    ways = []
    for lane in network.lanes:
        sides = [s for s in (lane.left, lane.right) if s >= 0 and lane.length > CHANGE and lane.junction < 0]
        ways.append([*lane.successors, *sides])
    return ways


def reachable(ways, start):
    """Return all that can be reached."""
    seen, waiting = {start}, deque([start])
    while waiting:
        for other in ways[waiting.popleft()]:
            if other not in seen:
                seen.add(other)
                waiting.append(other)
    return seen


def overlapping_lanes(network, hops=4):
    """Return pairs of lanes that lie on each other though they have nothing to do with each other."""
    lanes = network.lanes
    related = [set() for _ in lanes]
    junctions = {}
    for index, lane in enumerate(lanes):
        for other in (*lane.successors, lane.left, lane.right, lane.opposite):
            if other >= 0:
                related[index].add(other)
                related[other].add(index)
        if lane.junction >= 0:
            junctions.setdefault(lane.junction, set()).add(index)
    for members in junctions.values():
        for index in members:
            related[index] |= members
    near = [{index} for index in range(len(lanes))]
    for _ in range(hops):
        near = [set().union(*(related[k] for k in found)) | found for found in near]
    points = np.concatenate([lane.centre[::3, :2] for lane in lanes]).astype(float)
    owner = np.concatenate([np.full(len(lane.centre[::3]), index) for index, lane in enumerate(lanes)])
    found = set()
    for index, lane in enumerate(lanes):
        mine = lane.centre[::3, :2].astype(float)
        inside = (points > mine.min(axis=0) - 6).all(axis=1) & (points < mine.max(axis=0) + 6).all(axis=1)
        others = [k for k in set(owner[inside].tolist()) if k not in near[index]]
        for other in others:
            theirs = points[owner == other]
            gap = np.hypot(mine[:, None, 0] - theirs[:, 0], mine[:, None, 1] - theirs[:, 1]).min()
            if gap < 4.5:
                found.add((index, other))
    return found


def same(a, b):
    """Whether two networks are equal, bit for bit."""
    assert len(a.lanes) == len(b.lanes)
    for one, other in zip(a.lanes, b.lanes, strict=True):
        assert np.array_equal(one.centre, other.centre)
        for name in (
            "length",
            "successors",
            "left",
            "right",
            "opposite",
            "junction",
            "turn",
            "rule",
            "group",
        ):
            assert getattr(one, name) == getattr(other, name)
    for one, other in zip(a.areas, b.areas, strict=True):
        assert np.array_equal(one.polygon, other.polygon)
    for one, other in zip(a.strokes, b.strokes, strict=True):
        assert np.array_equal(one.line, other.line)
    assert a.signals == b.signals and a.groups == b.groups and a.spots == b.spots
    return True
