"""Road marks: what is painted along a border, and whether a lane may be changed across it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from mmenvs.driving.roads.network import WHITE, YELLOW
from mmenvs.driving.roads.opendrive.parse import Node

DASH, GAP = 3.0, 4.5  # of a broken line that does not give its own, as in towns [m]
_WIDTH, _BOLD_WIDTH = 0.12, 0.25  # [m]
_DOTS = (0.15, 1.2)  # Botts' dots, as dashes [m]
_PAINTED = frozenset(
    ("solid", "broken", "solid solid", "solid broken", "broken solid", "broken broken", "botts dots")
) | {"custom", "edge"}
_UNPAINTED = frozenset({"none", "curb", "grass"})
_UNCROSSABLE = frozenset({"solid", "edge", "curb", "grass"})
_YELLOWS = frozenset({"yellow", "orange"})
_LEFTWARDS, _RIGHTWARDS = "increase", "decrease"  # the numbers of lanes grow to the left


@dataclass(frozen=True)
class Line:
    """One line of a mark.

    Attributes:
        offset: Distance from the border [m], left positive.
        width: Width of the paint [m].
        dash: Length of a dash [m]; 0 for a solid line.
        gap: Length between dashes [m].
    """

    offset: float
    width: float
    dash: float = 0.0
    gap: float = 0.0


@dataclass(frozen=True)
class Mark:
    """A road mark, valid to the next one or to the end of its section.

    Attributes:
        begin: Station at which it begins [m].
        colour: :data:`WHITE` or :data:`YELLOW`.
        lines: What is painted.
        leftwards: Whether a lane may be changed across it to the left, as seen along the reference line.
        rightwards: The same to the right.
    """

    begin: float
    colour: int
    lines: tuple[Line, ...]
    leftwards: bool
    rightwards: bool


def permits(marks: Sequence[Mark], station: float, leftwards: bool) -> bool:
    """Say whether a lane may be changed across the marks of a border at a station [m]."""
    valid = [mark for mark in marks if mark.begin <= station + 1e-6]
    if not valid:
        return True
    return valid[-1].leftwards if leftwards else valid[-1].rightwards


def spans(marks: Sequence[Mark], begin: float, end: float) -> list[tuple[Mark, float, float]]:
    """Return each painted mark with the stations from and to which it runs, between two stations [m]."""
    starts = [min(max(mark.begin, begin), end) for mark in marks]
    stretches = zip(marks, pairwise([*starts, end]), strict=True)
    return [(mark, low, high) for mark, (low, high) in stretches if mark.lines and high - low > 0.05]


def read_marks(node: Node, lane: int, begin: float) -> tuple[Mark, ...]:
    """Read the marks of a lane.

    Args:
        node: The lane's element.
        lane: Its number; 0 for the middle line.
        begin: Station at which its section begins [m].
    """
    marks = [_read_mark(mark, lane, begin) for mark in node.all("roadMark")]
    return tuple(sorted(marks, key=lambda mark: mark.begin))


def _read_mark(node: Node, lane: int, begin: float) -> Mark:
    kind = node.text("type", "none")
    if kind not in _PAINTED and kind not in _UNPAINTED:
        node.warn(f'road mark type "{kind}" is unknown; nothing is painted')
        kind = "none"
    words = ["botts"] if kind == "botts dots" else kind.split()
    if lane > 0:
        words.reverse()  # lines are named from the middle outwards; from here on, from left to right
    leftwards, rightwards = _permissions(node, words)
    return Mark(
        begin=begin + node.soft_number("sOffset", 0.0),
        colour=YELLOW if node.text("color", "standard") in _YELLOWS else WHITE,
        lines=() if kind in _UNPAINTED else _read_lines(node, words),
        leftwards=leftwards,
        rightwards=rightwards,
    )


def _permissions(node: Node, words: list[str]) -> tuple[bool, bool]:
    """Return whether a lane may be changed to the left and to the right."""
    change = node.text("laneChange")
    if change in ("both", "none", _LEFTWARDS, _RIGHTWARDS):
        return change in ("both", _LEFTWARDS), change in ("both", _RIGHTWARDS)
    if change:
        node.warn(f'laneChange="{change}" is unknown; the type of the mark decides')
    if words == ["custom"]:
        free = all(line.text("rule") != "no passing" for line in node.all("type", "line"))
        return free, free
    # The line nearer to the car decides: a change to the left begins right of the mark.
    return words[-1] not in _UNCROSSABLE, words[0] not in _UNCROSSABLE


def _read_lines(node: Node, words: list[str]) -> tuple[Line, ...]:
    bold = node.text("weight") == "bold"
    width = _between(node, "width", 0.02, 1.0, _BOLD_WIDTH if bold else _WIDTH)
    told = node.all("type", "line")
    if told:
        return tuple(_read_line(line, words, width) for line in told[:4])
    # Two lines stand apart by the width of one.
    places = [0.0] if len(words) == 1 else [width, -width]
    dashes = {"broken": (DASH, GAP), "botts": _DOTS}
    return tuple(
        Line(place, width, *dashes.get(word, (0.0, 0.0))) for place, word in zip(places, words, strict=True)
    )


def _read_line(node: Node, words: list[str], width: float) -> Line:
    """Read a ``<line>``; one without spaces is solid, unless the mark says otherwise."""
    dash, gap = node.soft_number("length", 0.0), node.soft_number("space", 0.0)
    if not (0.05 <= dash <= 100.0 and 0.05 <= gap <= 100.0):
        dash, gap = (DASH, GAP) if words == ["broken"] else (0.0, 0.0)
    offset = node.soft_number("tOffset", 0.0)
    return Line(offset if abs(offset) <= 5.0 else 0.0, _between(node, "width", 0.02, 1.0, width), dash, gap)


def _between(node: Node, name: str, least: float, most: float, default: float) -> float:
    value = node.soft_number(name, default)
    return value if least <= value <= most else default
