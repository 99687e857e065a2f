"""Writes small OpenDRIVE files for the tests."""

from __future__ import annotations

import math

from mmenvs.driving.roads.network import Lane, Network
from mmenvs.driving.roads.opendrive import read_opendrive

WIDTH = 3.5
ARM, HALF = 100.0, 20.0  # length of an arm of the crossroads, and how far from the middle it ends [m]
NAMES = ("east", "north", "west", "south")


def document(*parts, header=""):
    head = f'<?xml version="1.0"?>\n<OpenDRIVE>\n<header revMajor="1" revMinor="6" {header}/>\n'
    return f"{head}{''.join(parts)}</OpenDRIVE>\n"


def line(length, s=0.0, x=0.0, y=0.0, hdg=0.0, shape="<line/>"):
    return f'<geometry s="{s!r}" x="{x!r}" y="{y!r}" hdg="{hdg!r}" length="{length!r}">{shape}</geometry>\n'


def lane(number, kind="driving", width=WIDTH, mark="", before=None, after=None, extra="", widths=""):
    """A lane; ``mark`` is the type of its road mark or whole elements."""
    if mark and not mark.startswith("<"):
        mark = f'<roadMark sOffset="0" type="{mark}"/>'
    links = "".join(
        f'<{tag} id="{other}"/>'
        for tag, other in (("predecessor", before), ("successor", after))
        if other is not None
    )
    widths = widths or f'<width sOffset="0" a="{width}" b="0" c="0" d="0"/>'
    return f'<lane id="{number}" type="{kind}"><link>{links}</link>{widths}{mark}{extra}</lane>\n'


def section(*lanes, s=0.0, centre="", attributes=""):
    """A section of lanes given as ``(number, text)`` or as text that begins with its number."""
    if centre and not centre.startswith("<"):
        centre = f'<roadMark sOffset="0" type="{centre}"/>'
    sides = {"left": "", "right": ""}
    for text in lanes:
        sides["right" if 'id="-' in text.split("type")[0] else "left"] += text
    parts = [f"<{side}>{text}</{side}>" for side, text in sides.items() if text]
    parts.insert(1 if sides["left"] else 0, f'<center><lane id="0" type="none">{centre}</lane></center>')
    return f'<laneSection s="{s}" {attributes}>{"".join(parts)}</laneSection>\n'


def road(name, plan, sections, length=100.0, before="", after="", extra="", lane_offset="", attributes=""):
    """A road; ``before`` and ``after`` are such as ``"road 2 start"`` or ``"junction 9"``."""
    links = ""
    for tag, text in (("predecessor", before), ("successor", after)):
        if text:
            kind, other, *contact = text.split()
            contact = f' contactPoint="{contact[0]}"' if contact else ""
            links += f'<{tag} elementType="{kind}" elementId="{other}"{contact}/>'
    attributes = attributes or 'junction="-1"'
    return (
        f'<road id="{name}" length="{length!r}" {attributes}>\n<link>{links}</link>\n'
        f"<planView>\n{plan}</planView>\n<lanes>\n{lane_offset}{sections}</lanes>\n{extra}</road>\n"
    )


def street(*lanes, length=100.0, **options):
    """A straight road along x with one section."""
    centre = options.pop("centre", "")
    return road("1", line(length), section(*lanes, centre=centre), length, **options)


def read(tmp_path, text, name="map.xodr") -> Network:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_opendrive(path)


def lane_of(network: Network, source: str) -> tuple[int, Lane]:
    """Find the lane whose source begins so; there must be one."""
    found = [(k, one) for k, one in enumerate(network.lanes) if one.source.startswith(source)]
    assert len(found) == 1, [one.source for _, one in found] or [one.source for one in network.lanes]
    return found[0]


def crossroads(arm_extra=None, way_extra=None, junction_extra="", tail="", lane_links=True) -> str:
    """Four arms of two lanes; every arm leads straight on, left and right.

    Roads 0 to 3 (east, north, west, south) run towards the middle; road ``10 * (a + 1) + b`` leads from arm
    a to arm b.

    Args:
        arm_extra: Elements to add to an arm, by its number.
        way_extra: The same for the roads of the junction.
        junction_extra: Elements to add to the junction.
        tail: Elements after it.
        lane_links: Whether the connections say which lanes they join.
    """
    roads, connections = "", ""
    for a in range(4):
        out = a * math.pi / 2
        x, y = (HALF + ARM) * math.cos(out), (HALF + ARM) * math.sin(out)
        lanes = section(lane(1), lane(-1), centre="broken")
        plan = line(ARM, x=x, y=y, hdg=out + math.pi)
        extra = (arm_extra or {}).get(a, "")
        roads += road(a, plan, lanes, ARM, after="junction 9", extra=extra)
    for a in range(4):
        out = a * math.pi / 2
        x, y, inwards = HALF * math.cos(out), HALF * math.sin(out), out + math.pi
        for b in range(4):
            if a == b:
                continue
            name = 10 * (a + 1) + b
            turn = math.remainder((b - a) * math.pi / 2 + math.pi, 2 * math.pi)
            length = 2 * HALF if abs(turn) < 0.1 else HALF * math.pi / 2
            shape = "<line/>" if abs(turn) < 0.1 else f'<arc curvature="{math.copysign(1 / HALF, turn)}"/>'
            roads += road(
                name,
                line(length, x=x, y=y, hdg=inwards, shape=shape),
                section(lane(-1, before=-1, after=1)),
                length,
                before=f"road {a} end",
                after=f"road {b} end",
                extra=(way_extra or {}).get(name, ""),
                attributes='junction="9"',
            )
            link = '<laneLink from="-1" to="-1"/>' if lane_links else ""
            connections += (
                f'<connection id="{name}" incomingRoad="{a}" connectingRoad="{name}" contactPoint="start">'
                f"{link}</connection>\n"
            )
    return document(roads, f'<junction id="9">\n{connections}{junction_extra}</junction>\n', tail)


def signal(name, kind, s=90.0, t=-5.0, orientation="+", extra="", **attributes):
    text = " ".join(f'{key}="{value}"' for key, value in attributes.items())
    place = f's="{s}" t="{t}" orientation="{orientation}"'
    return f'<signal id="{name}" {place} type="{kind}" {text}>{extra}</signal>'


def signals(*texts):
    return f"<signals>{''.join(texts)}</signals>"


def objects(*texts):
    return f"<objects>{''.join(texts)}</objects>"
