"""Procedural roads: a smooth random line, lanes beside it, trees and houses around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.roads import network
from mmenvs.driving.roads.network import Road

SHOULDER = 1.2  # paved strip beside the outer lanes [m]
_MAX_HEADING = 1.2  # below pi / 2 the line moves ever eastward, so it cannot cross itself [rad]


def generate_road(config: DrivingConfig, seed: int) -> Road:
    """Make a road of ``config``'s length, lanes and curvature.

    Args:
        config: Settings of the world.
        seed: Non-negative integer; the same seed gives the same road, bit for bit.
    """
    rng = np.random.default_rng([seed, 0x5EED])
    reference = _reference_line(config, rng)
    width = config.lane_width
    forward = [width * (i + 0.5) for i in range(config.lanes)]
    oncoming = [width * (config.lanes + i + 0.5) for i in range(config.oncoming_lanes)]
    # The reference line is the carriageway's middle, so that "offset 0" is the same for every layout.
    middle = width * (config.lanes + config.oncoming_lanes) / 2
    offsets = np.array(forward + oncoming, np.float32) - np.float32(middle)
    directions = np.array([1] * len(forward) + [-1] * len(oncoming), np.float32)
    lines = []
    total = config.lanes + config.oncoming_lanes
    for boundary in range(total + 1):
        outer = boundary in (0, total)
        centre = config.oncoming_lanes > 0 and boundary == config.lanes
        at = boundary * width - middle
        if centre:
            lines += [(at - 0.16, 1, 0), (at + 0.16, 1, 0)]
        else:
            lines.append((at, 0, 0 if outer else 1))
    left, right = middle + SHOULDER, -middle - SHOULDER
    return Road(
        reference,
        offsets,
        directions,
        left,
        right,
        np.array(lines, np.float32),
        _scenery(reference, left, right, rng),
    )


def _reference_line(config: DrivingConfig, rng: np.random.Generator) -> NDArray[np.float32]:
    """Integrate a random curvature profile: straights and bends joined by smooth transitions."""
    samples = round(config.road_length) + network.RUN_IN + network.RUN_OUT + 1
    target = np.zeros(samples)
    heading, at = 0.0, network.RUN_IN // 2
    while at < samples:
        length = int(rng.integers(25, 70))
        curvature = 0.0 if rng.random() < 0.25 else rng.uniform(-1, 1) * config.max_curvature
        if abs(heading + curvature * length) > _MAX_HEADING:
            curvature = -curvature
        if abs(heading + curvature * length) > _MAX_HEADING:
            curvature = 0.0
        target[at : at + length] = curvature
        heading += curvature * min(length, samples - at)
        at += length
    ramp = np.hanning(21)
    curvature_profile = np.convolve(np.pad(target, 10, mode="edge"), ramp / ramp.sum(), mode="valid")
    headings = np.concatenate([[0.0], np.cumsum((curvature_profile[:-1] + curvature_profile[1:]) / 2)])
    middle = (headings[:-1] + headings[1:]) / 2
    points = np.zeros((samples, 2))
    points[1:, 0] = np.cumsum(np.cos(middle))
    points[1:, 1] = np.cumsum(np.sin(middle))
    columns = (points[:, 0], points[:, 1], np.cos(headings), np.sin(headings), curvature_profile)
    return np.stack(columns, 1).astype(np.float32)


def _scenery(
    reference: NDArray[np.float32], left: float, right: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Place delineator posts at steady distances and trees, bushes, houses and lamps at random."""
    rows: list[tuple[float, ...]] = []
    last = len(reference) - 1

    def add(kind: int, station: float, offset: float, length: float, width: float, height: float) -> None:
        sample = reference[int(np.clip(station, 0, last))]
        x = sample[0] - sample[3] * offset
        y = sample[1] + sample[2] * offset
        rows.append((kind, x, y, sample[2], sample[3], length / 2, width / 2, height, rng.random()))

    for place in range(10, last, 25):
        add(network.POST, place, left + 0.9, 0.12, 0.12, 1.0)
        add(network.POST, place, right - 0.9, 0.12, 0.12, 1.0)
    for edge, side in ((left, 1), (right, -1)):
        station: float = rng.uniform(0, 12)
        wood = rng.random()
        while station < last:
            if rng.random() < 0.15:
                wood = rng.random()
            draw = rng.random()
            if draw < 0.07:
                length, width = rng.uniform(8, 14), rng.uniform(7, 10)
                add(
                    network.HOUSE,
                    station,
                    edge + side * rng.uniform(14, 22),
                    length,
                    width,
                    rng.uniform(4, 8),
                )
                station += 16
            elif draw < 0.13:
                add(network.LAMP, station, edge + side * 1.6, 0.18, 0.18, 6.5)
            elif draw < 0.13 + 0.62 * wood + 0.15:
                size = rng.uniform(2.6, 5.0)
                add(
                    network.TREE,
                    station,
                    edge + side * rng.uniform(3.5, 16),
                    size,
                    size,
                    size * rng.uniform(1.4, 2.0),
                )
            else:
                size = rng.uniform(0.9, 1.9)
                add(network.BUSH, station, edge + side * rng.uniform(2.2, 8), size, size, size * 0.8)
            station += rng.uniform(3, 11)
    items = np.array(rows, np.float32).reshape(-1, network.SCENERY_COLUMNS)
    # A bend may fold the outside of one stretch onto another: keep clear of the whole road.
    gap = items[:, None, network.S_X : network.S_Y + 1] - reference[None, ::2, :2]
    distance = np.sqrt((gap**2).sum(axis=2).min(axis=1))
    size = items[:, network.S_HALF_LENGTH : network.S_HALF_WIDTH + 1].max(axis=1)
    return np.asarray(items[distance > max(left, -right) + 1.5 * size + 0.2])
