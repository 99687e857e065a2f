"""Reads an OpenDRIVE file, step by step."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from mmenvs.driving.roads.markings import outline_of, zebra
from mmenvs.driving.roads.network import Crossing, Network, Spot
from mmenvs.driving.roads.opendrive.lanes import finish_lanes, lay_lanes
from mmenvs.driving.roads.opendrive.links import inherit_limits, link_lanes, read_junctions
from mmenvs.driving.roads.opendrive.objects import read_crossings, read_spots
from mmenvs.driving.roads.opendrive.parse import Node, RoadWarning, parse
from mmenvs.driving.roads.opendrive.programme import make_programmes
from mmenvs.driving.roads.opendrive.records import RoadRecord, read_roads
from mmenvs.driving.roads.opendrive.signals import apply_signals, read_signals
from mmenvs.driving.roads.opendrive.surfaces import fill_gaps, paint_road, pave_road

_FARTHEST = 10_000.0  # from the origin; beyond it 32-bit numbers lose millimetres [m]


def read_opendrive(source: str | Path) -> Network:
    """Read the roads of an OpenDRIVE file, version 1.4 to 1.7.

    Elevation, superelevation and crossfall are left out: the network is a plan.  A map that lies more than
    10 km from its origin is moved there by whole kilometres.

    Args:
        source: Path of an ``.xodr`` file.

    Returns:
        Its network, named after the file.  Lane ``source`` texts name road, section and lane.

    Raises:
        RoadError: If the file is no OpenDRIVE, or holds a road that cannot be built; the message names the
            file, the line and the road.
        OSError: If the file cannot be read.

    Warns:
        RoadWarning: For what was wrong and has been replaced; the table in
            :mod:`mmenvs.driving.roads.opendrive` lists the fallbacks.
    """
    path = Path(source)
    root = parse(path)
    network = _build(root, path.name)
    for message in root.source.messages():
        warnings.warn(message, RoadWarning, stacklevel=2)
    return network


def _build(root: Node, name: str) -> Network:
    roads = read_roads(root)
    _move_near(roads)
    junctions = read_junctions(root, roads)
    layout = lay_lanes(roads, {junction.id: junction.number for junction in junctions.values()})
    link_lanes(layout, roads, junctions)
    marks = read_signals(roads)
    apply_signals(layout, marks)
    inherit_limits(layout)
    signals, groups, programmes = make_programmes(root, layout, junctions, marks)
    lanes, _ = finish_lanes(layout)
    areas, strokes = [], []
    crossings: list[Crossing] = []
    spots: list[Spot] = []
    ground = {road.id: pave_road(road) for road in roads.values()}
    for road in roads.values():
        strokes += paint_road(road)
        crossings += read_crossings(road, junctions, programmes, groups)
        found, paved = read_spots(road, layout)
        spots += found
        strokes += [stroke for spot in found for stroke in outline_of(spot)]
        areas += [*ground[road.id], *paved]
    strokes += [stroke for crossing in crossings for stroke in zebra(crossing)]
    for junction in junctions.values():
        inside = [road.id for road in roads.values() if road.junction == junction.id]
        areas += fill_gaps([area for road in inside for area in ground[road]])
    return Network(
        lanes=lanes,
        areas=tuple(areas),
        strokes=tuple(strokes),
        signals=tuple(signals),
        groups=tuple(groups),
        crossings=tuple(crossings),
        spots=tuple(spots),
        left_hand=sum(1 if road.left_hand else -1 for road in roads.values()) > 0,
        name=name,
    )


def _move_near(roads: dict[str, RoadRecord]) -> None:
    """Move a map that is given in the coordinates of a country to its origin."""
    corners = np.array([[piece.x, piece.y] for road in roads.values() for piece in road.line.pieces])
    if np.abs(corners).max() > _FARTHEST:
        east, north = -np.round(corners.mean(axis=0), -3)
        for road in roads.values():
            road.line.shift = (float(east), float(north))
