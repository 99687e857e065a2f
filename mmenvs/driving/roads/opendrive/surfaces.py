"""Paved ground and paint of roads."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from mmenvs.driving.roads.network import ASPHALT, PAVEMENT, Area, Stroke
from mmenvs.driving.roads.opendrive.geometry import Array, Pose
from mmenvs.driving.roads.opendrive.lanes import beside, section_stations
from mmenvs.driving.roads.opendrive.marks import spans
from mmenvs.driving.roads.opendrive.records import RoadRecord, Section

_OVERLAP = 0.1  # by which areas reach into the next one, so that no seam shows [m]
_NARROWEST = 0.02  # of a band that is drawn [m]
_MOST_SAMPLES = 1000  # along one polygon
_MOST_TURNING = 2.5  # of one polygon; a band that turned much further could meet itself [rad]
_TIGHT = 0.9  # an offset of this share of the radius of a bend cannot be drawn point by point
_CELL = 0.1  # of the grid in which the gaps of a junction are found [m]
_MOST_CELLS = 2000  # along a side of that grid
_GROWN = 5  # cells by which a gap is filled beyond its edge
_LARGEST_GAP = 120.0  # above it, what lanes surround is an island [m^2]


def pave_road(road: RoadRecord) -> list[Area]:
    """Return the ground of a road: in each section one polygon per run of lanes with one surface."""
    areas: list[Area] = []
    for section in road.sections:
        stations = section_stations(road, section, section.begin, section.end)
        pose, edges = road.line.at(stations), road.edges(section, stations)
        if any((pose.curvature * edge > _TIGHT).any() for edge in edges.values()):
            stations = section_stations(road, section, section.begin, section.end, dense=True)
            pose, edges = road.line.at(stations), road.edges(section, stations)
        present = [
            lane
            for lane in section.lanes
            if np.abs(edges[lane] - edges[section.inner(lane)]).max() > _NARROWEST
        ]
        for surface, run in groupby(present, key=lambda lane: section.lanes[lane].surface):
            lanes = list(run)
            if surface >= 0:
                left = edges[lanes[0] if lanes[0] > 0 else section.inner(lanes[0])]
                right = edges[lanes[-1] if lanes[-1] < 0 else section.inner(lanes[-1])]
                areas += [Area(surface, polygon) for polygon in _bands(pose, left, right)]
    return areas


def paint_road(road: RoadRecord) -> list[Stroke]:
    """Return the paint of a road; borders with no asphalt on either side are not painted."""
    strokes: list[Stroke] = []
    for section in road.sections:
        for lane in (0, *section.lanes):
            marks = section.lanes[lane].marks if lane else section.centre
            if not marks or not _on_asphalt(section, lane):
                continue
            for mark, begin, end in spans(marks, section.begin, section.end):
                stations = section_stations(road, section, begin, end)
                pose, edge = road.line.at(stations), road.edges(section, stations)[lane]
                strokes += [
                    Stroke(beside(pose, edge + line.offset), line.width, mark.colour, line.dash, line.gap)
                    for line in mark.lines
                ]
    return strokes


def fill_gaps(areas: Sequence[Area]) -> list[Area]:
    """Return asphalt for the gaps that the lanes of one junction leave between them.

    A gap is what asphalt surrounds; above 120 m² it is taken for an island, and where pavement lies in it,
    for one too.

    Args:
        areas: Areas of the roads that cross the junction.
    """
    import cv2

    asphalt = [area.polygon for area in areas if area.kind == ASPHALT]
    if len(asphalt) < 2:
        return []
    corners = np.concatenate(asphalt)
    origin = corners.min(axis=0) - 2.0
    extent = corners.max(axis=0) + 2.0 - origin
    cell = max(_CELL, float(extent.max()) / _MOST_CELLS)
    columns, rows = (int(side / cell) + 2 for side in extent)

    def drawn(polygons: list[Array]) -> NDArray[np.uint8]:
        grid = np.zeros((rows, columns), np.uint8)
        for polygon in polygons:
            points = np.round((polygon - origin) / cell * 16).astype(np.int32)
            cv2.fillPoly(grid, [points], 1, cv2.LINE_8, 4)  # in sixteenths of a cell
        return grid

    road = drawn(asphalt)
    pavement = drawn([area.polygon for area in areas if area.kind == PAVEMENT])
    _, names, stats, _ = cv2.connectedComponentsWithStats(1 - road, connectivity=4)
    gaps: list[Area] = []
    for name in range(1, len(stats)):
        left, top, width, height, size = stats[name]
        if name == names[0, 0] or size * cell * cell > _LARGEST_GAP:
            continue
        corner = np.array([max(left - _GROWN - 1, 0), max(top - _GROWN - 1, 0)])
        window = (
            slice(corner[1], top + height + _GROWN + 1),
            slice(corner[0], left + width + _GROWN + 1),
        )
        hole = (names[window] == name).astype(np.uint8)
        if pavement[window][hole > 0].mean() > 0.2:
            continue
        # Some cells more close the seam and the thin ends of the gap, but only where asphalt is all around,
        # so that no edge of the road moves.
        grown = cv2.dilate(hole, np.ones((2 * _GROWN + 1, 2 * _GROWN + 1), np.uint8))
        grown = cv2.bitwise_and(grown, cv2.erode(road[window] | hole, np.ones((3, 3), np.uint8)))
        outlines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        filled = [origin + (outline[:, 0] + corner) * cell for outline in outlines if len(outline) > 2]
        gaps += [Area(ASPHALT, polygon) for polygon in filled]
    return gaps


def _on_asphalt(section: Section, lane: int) -> bool:
    """Whether there is asphalt on either side of the outer border of a lane; 0 is the middle."""
    outside = [other for other in section.lanes if other != lane and section.inner(other) == lane]
    beside_it = [*outside, lane] if lane else outside
    return any(section.lanes[other].surface == ASPHALT for other in beside_it)


def _bands(pose: Pose, left: Array, right: Array) -> list[Array]:
    """Return polygons between two edges, where they lie apart.

    Args:
        pose: Poses of the reference line, n of them.
        left: Distance of the left edge from it [m], shape (n,).
        right: The same of the right edge.
    """
    apart = left - right > _NARROWEST
    turned = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(np.unwrap(pose.heading))))])
    polygons = []
    for wide, group in groupby(range(len(apart)), key=lambda k: bool(apart[k])):
        if not wide:
            continue
        members = list(group)
        # A sample more on either side lets a band run out to a point.
        begin, end = max(members[0] - 1, 0), min(members[-1] + 1, len(apart) - 1)
        while begin < end:
            stop = int(np.searchsorted(turned, turned[begin] + _MOST_TURNING, side="right")) - 1
            stop = min(max(stop, begin + 1), begin + _MOST_SAMPLES, end)
            chosen = slice(begin, stop + 1)
            part = Pose(*(column[chosen] for column in pose))
            polygons.append(_band(part, left[chosen], right[chosen]))
            begin = stop
    return [polygon for polygon in polygons if len(polygon) > 2]


def _band(pose: Pose, left: Array, right: Array) -> Array:
    polygon = np.concatenate([_edge(pose, left), _edge(pose, right)[::-1]])
    step = np.roll(polygon, -1, axis=0) - polygon
    return np.asarray(polygon[np.hypot(*step.T) > 1e-6])


def _edge(pose: Pose, offset: Array) -> Array:
    """Return an edge of a band, a little longer than the band at both ends."""
    points = pose.beside(offset)
    for end, sign in ((0, -1.0), (-1, 1.0)):
        heading = pose.heading[end]
        points[end] += sign * _OVERLAP * np.array([np.cos(heading), np.sin(heading)])
    if (pose.curvature * offset < _TIGHT).all():
        return points
    # In a bend that is tighter than the offset the edge runs back and crosses itself.  What is too much of
    # it lies nearer to the reference line than it should.
    apart = points[:, None] - pose.beside(np.zeros(len(offset)))[None]
    keep = np.hypot(apart[..., 0], apart[..., 1]).min(axis=1) > 0.95 * np.abs(offset)
    keep[[0, -1]] = True
    return np.asarray(points[keep])
