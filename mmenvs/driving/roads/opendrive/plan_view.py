"""Reads the plan view of a road, and refuses or mends what no road can have."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from mmenvs.driving.roads.opendrive.geometry import (
    STEP,
    Bend,
    Cubic,
    Geometry,
    ParametricCubic,
    ReferenceLine,
)
from mmenvs.driving.roads.opendrive.parse import Node

_LONGEST = 1e5  # length of a road [m]
_SHORTEST = 1e-6  # length of a geometry [m]
_MOST_TURNING = 300.0  # of one geometry [rad]
_GAP_WARNED, _GAP_REFUSED = 0.2, 10.0  # between the end of one geometry and the start of the next [m]
_STATION_SLACK = 0.1  # between the s that a geometry states and the sum of the lengths before it [m]


def read_plan_view(road: Node) -> ReferenceLine | None:
    """Read the plan view of a road.

    Args:
        road: A ``<road>``.

    Returns:
        Its reference line; None where it has no length, of which a warning tells.

    Raises:
        RoadError: If there is none, or a geometry is unknown, incomplete or impossible.
    """
    nodes = road.all("planView", "geometry")
    if not nodes:
        raise road.error("there is no <geometry> in a <planView>")
    nodes.sort(key=lambda node: node.number("s"))
    pieces: list[Geometry] = []
    kept: list[Node] = []
    begin = 0.0
    for node in nodes:
        length = node.number("length")
        if length < 0:
            raise node.error(f"the length of a <geometry> is {length:g} m")
        if length < _SHORTEST:
            continue
        if begin + length > _LONGEST:
            raise node.error(f"the road is longer than {_LONGEST / 1000:g} km")
        stated = node.number("s")
        if abs(stated - begin) > _STATION_SLACK:
            node.warn(
                f"a <geometry> states s={stated:g}, the lengths before it add up to {begin:g}, which is taken"
            )
        pieces.append(_read_geometry(node, begin, length))
        kept.append(node)
        begin += length
    if not pieces:
        road.warn("the road has no length and is left out")
        return None
    for node in nodes:
        if node not in kept:
            node.warn("a <geometry> has no length and is left out")
    _check_joints(pieces, kept)
    line = ReferenceLine(pieces)
    stated = road.number("length")
    if abs(stated - line.length) > max(_STATION_SLACK, 0.01 * line.length):
        road.warn(f"length={stated:g} m, but its plan view is {line.length:g} m long, which is taken")
    return line


def _read_geometry(node: Node, begin: float, length: float) -> Geometry:
    """Read one geometry and check that it is one that a road can have."""
    start = (begin, length, node.number("x"), node.number("y"), node.number("hdg"))
    shapes = [
        child for child in node.children if child.tag in ("line", "arc", "spiral", "poly3", "paramPoly3")
    ]
    if len(shapes) != 1:
        tags = ", ".join(f"<{child.tag}>" for child in node.children) or "nothing"
        raise node.error(f"a <geometry> holds {tags}; must be a line, arc, spiral, poly3 or paramPoly3")
    shape = shapes[0]
    piece: Geometry
    if shape.tag == "line":
        piece = Geometry(*start)
    elif shape.tag == "arc":
        curvature = shape.number("curvature")
        piece = Bend(*start, curvature, curvature)
    elif shape.tag == "spiral":
        piece = Bend(*start, shape.number("curvStart"), shape.number("curvEnd"))
    elif shape.tag == "poly3":
        a, b, c, d = (shape.number(name) for name in "abcd")
        piece = Cubic(*start, (a, b, c, d))
    else:
        scale = shape.text("pRange", "normalized")
        if scale not in ("normalized", "arcLength"):
            shape.warn(f'pRange="{scale}" is unknown; normalized is taken')
        names = [[f"{letter}{axis}" for letter in "abcd"] for axis in "UV"]
        (ua, ub, uc, ud), (va, vb, vc, vd) = ([shape.number(name) for name in row] for row in names)
        most = length if scale == "arcLength" else 1.0
        piece = ParametricCubic(*start, (ua, ub, uc, ud), (va, vb, vc, vd), most)
    if isinstance(piece, Bend) and length * max(abs(piece.first), abs(piece.last)) > _MOST_TURNING:
        raise shape.error(f"<{shape.tag}> turns more than {_MOST_TURNING / (2 * math.pi):.0f} times round")
    if isinstance(piece, Cubic | ParametricCubic):
        pose = piece.local(np.linspace(0.0, length, math.ceil(length / STEP) + 1))
        drawn = float(np.hypot(np.diff(pose.x), np.diff(pose.y)).sum())
        if not 0.5 * length - 0.1 < drawn < 2.0 * length + 0.1:
            raise shape.error(
                f"<{shape.tag}> draws {drawn:.3g} m of road, but its length says {length:.3g} m"
            )
    return piece


def _check_joints(pieces: list[Geometry], nodes: list[Node]) -> None:
    """Warn where a geometry does not begin where the one before it ends, and refuse what is far off."""
    for (before, after), node in zip(pairwise(pieces), nodes[1:], strict=True):
        end = before.at(np.array([before.length]))
        gap = math.hypot(after.x - end.x[0], after.y - end.y[0])
        if gap > _GAP_REFUSED:
            raise node.error(f"a <geometry> begins {gap:.3g} m from where the one before it ends")
        if gap > _GAP_WARNED:
            node.warn(f"a <geometry> begins {gap:.2g} m from where the one before it ends")
