"""A bird's-eye view for agents: the ground raster from above and what stands on it, heading up.

Like ``semantic`` and ``depth`` it is ground truth: weather, darkness and occlusion do not change it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.roads import network, surface
from mmenvs.driving.roads.compiled import GRID, MOST_GROUPS
from mmenvs.driving.roads.raster import CELL, LEVELS
from mmenvs.driving.sensors.ground import pack
from mmenvs.driving.sensors.sheet import ONE, Sheet, Walk, fit, is_worth_it, lay_out, walk_map, walk_sheet
from mmenvs.driving.sensors.signals import lamp_colour

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

EGO_ROW = 0.75  # where the ego's centre is, as a share of the height from the top
_LEAST = 0.65  # half of the smallest thing [pixels]: no turn of it can slip between pixel centres


class Chart(NamedTuple):
    """What a bird's-eye view needs besides the world.

    Attributes:
        resolution: Side of a pixel [m].
        level: Mip level that it samples.
        semantics: Semantic class of each surface code, shape (256,).
        ground: Colour of each surface code, shape (256,), 0xBBGGRR.
        colours: Colour of each semantic class, shape (classes, 3).
    """

    resolution: float
    level: int
    semantics: NDArray[np.uint8]
    ground: NDArray[np.uint32]
    colours: NDArray[np.uint8]


#: Colour of each semantic class where classes are shown as colours, shape (classes, 3).
CLASS_COLOURS = np.array(
    [
        (126, 178, 232), (104, 142, 66), (92, 88, 104), (240, 240, 236), (58, 110, 214),
        (226, 92, 52), (46, 104, 58), (196, 148, 106), (220, 206, 96), (150, 150, 130),
        (176, 170, 166), (232, 62, 140), (60, 206, 200), (250, 190, 40),
    ],
    np.uint8,
)  # fmt: skip


def make_chart(resolution: float) -> Chart:
    """Prepare a bird's-eye view whose pixels are ``resolution`` metres wide."""
    level = int(np.clip(round(math.log2(max(resolution / CELL, 1.0))), 0, LEVELS - 1))
    return Chart(float(resolution), level, surface.semantics(), pack(surface.palette()), CLASS_COLOURS)


@inner_function
def _stamp(
    centre_row: float,
    centre_column: float,
    up: float,
    right: float,
    half_length: float,
    half_width: float,
    round_: bool,
    red: float,
    green: float,
    blue: float,
    out: ByteArray,
) -> None:
    """Fill a rectangle or an ellipse, in pixels; ``up, right`` is the unit vector of its length."""
    half_length, half_width = max(half_length, _LEAST), max(half_width, _LEAST)
    tall = half_length * abs(up) + half_width * abs(right)
    wide = half_length * abs(right) + half_width * abs(up)
    first, last = max(int(centre_row - tall), 0), min(int(centre_row + tall) + 1, out.shape[0])
    begin, end = max(int(centre_column - wide), 0), min(int(centre_column + wide) + 1, out.shape[1])
    for row in range(first, last):
        v = centre_row - row - 0.5
        for column in range(begin, end):
            u = column + 0.5 - centre_column
            a, b = (v * up + u * right) / half_length, (u * up - v * right) / half_width
            inside = a * a + b * b <= 1.0 if round_ else max(abs(a), abs(b)) <= 1.0
            if inside:
                out[row, column, 0] = red
                if out.shape[2] == 3:
                    out[row, column, 1] = green
                    out[row, column, 2] = blue


@inner_function
def _walk_of_row(
    row: int,
    ego_x: float,
    ego_y: float,
    cos: float,
    sin: float,
    chart: Chart,
    slot: int,
    maps: Maps,
    out: ByteArray,
) -> Walk:
    scale = ONE / (CELL * (1 << chart.level))
    left = 0.5 * (out.shape[1] - 1) * chart.resolution
    step = chart.resolution * scale
    ahead = (EGO_ROW * out.shape[0] - row - 0.5) * chart.resolution
    x = ego_x + cos * ahead - sin * left - maps.origin[slot, 0]
    y = ego_y + sin * ahead + cos * left - maps.origin[slot, 1]
    return Walk(int(x * scale), int(y * scale), int(sin * step), int(-cos * step))


@inner_function
def _draw_ground(
    ego_x: float,
    ego_y: float,
    cos: float,
    sin: float,
    chart: Chart,
    slot: int,
    maps: Maps,
    codes: ByteArray,
    sheet: Sheet,
    out: ByteArray,
) -> None:
    height, width = out.shape[0], out.shape[1]
    end, laid = 0, False
    for row in range(height):
        walk = _walk_of_row(row, ego_x, ego_y, cos, sin, chart, slot, maps, out)
        if row == end:  # the rows that are left, or the half of them, and so on, that there is room for
            end = height
            last = _walk_of_row(end - 1, ego_x, ego_y, cos, sin, chart, slot, maps, out)
            while not fit(walk, last, width, sheet) and end > row + 1:
                end = row + (end - row) // 2
                last = _walk_of_row(end - 1, ego_x, ego_y, cos, sin, chart, slot, maps, out)
            laid = is_worth_it(sheet, width * (end - row))
            if laid:
                lay_out(walk, last, width, chart.level, slot, maps, sheet)
        if laid:
            walk_sheet(walk, sheet, codes)
        else:
            walk_map(walk, chart.level, slot, maps, codes)
        for column in range(width):
            if out.shape[2] == 1:
                out[row, column, 0] = chart.semantics[codes[column]]
            else:
                packed = chart.ground[codes[column]]
                for channel in range(3):
                    out[row, column, channel] = (packed >> np.uint32(8 * channel)) & np.uint32(255)


@inner_function
def overlook(
    world: int,
    chart: Chart,
    worlds: Worlds,
    maps: Maps,
    codes: ByteArray,
    sheet: Sheet,
    out: ByteArray,
) -> None:
    """Draw one world from above, the ego in the middle of its lower half, its heading up.

    Args:
        world: Index of the world.
        chart: Resolution and colours.
        worlds: ``Worlds``.
        maps: ``Maps``.
        codes: Scratch, shape (width,), uint8.
        sheet: Scratch.
        out: Shape (height, width, 1) for semantic classes or (height, width, 3) for colours.
    """
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    height, width = out.shape[0], out.shape[1]
    _draw_ground(ego[st.X], ego[st.Y], cos, sin, chart, slot, maps, codes, sheet, out)
    per = 1.0 / chart.resolution
    middle_row, middle_column = EGO_ROW * height, 0.5 * width
    reach = chart.resolution * math.sqrt(middle_row * middle_row + middle_column * middle_column)
    colourful = out.shape[2] == 3
    columns, rows = maps.grid_size[slot, 0], maps.grid_size[slot, 1]
    margin = reach + 10.0
    column0 = max(int((ego[st.X] - margin - maps.origin[slot, 0]) / GRID), 0)
    column1 = min(int((ego[st.X] + margin - maps.origin[slot, 0]) / GRID), columns - 1)
    row0 = max(int((ego[st.Y] - margin - maps.origin[slot, 1]) / GRID), 0)
    row1 = min(int((ego[st.Y] + margin - maps.origin[slot, 1]) / GRID), rows - 1)
    for grid_row in range(row0, row1 + 1 if column0 <= column1 else row0):
        begin = maps.grid_start[slot, grid_row * columns + column0]
        end = maps.grid_start[slot, grid_row * columns + column1 + 1]
        for item in range(begin, end):
            thing = maps.scenery[slot, item]
            kind = int(thing[network.S_KIND])
            label = surface.POLE
            if kind in (network.TREE, network.BUSH):
                label = surface.VEGETATION
            elif kind == network.HOUSE:
                label = surface.BUILDING
            _place(
                thing[network.S_X] - ego[st.X], thing[network.S_Y] - ego[st.Y], cos, sin,
                thing[network.S_COS], thing[network.S_SIN], thing[network.S_HALF_LENGTH],
                thing[network.S_HALF_WIDTH], label == surface.VEGETATION, label, per, chart, out,
            )  # fmt: skip
    for k in range(worlds.box_count[world] + 1):
        box = worlds.boxes[world, k] if k < worlds.box_count[world] else worlds.ego_box[world]
        kind = int(box[st.B_KIND])
        label = surface.VEHICLE
        if kind in (st.PARKED, st.BARRIER, st.CONE):
            label = surface.OBSTACLE
        elif kind == st.CYCLIST:
            label = surface.CYCLIST
        elif kind == st.PEDESTRIAN:
            label = surface.PEDESTRIAN
        _place(
            box[st.B_X] - ego[st.X], box[st.B_Y] - ego[st.Y], cos, sin, box[st.B_COS], box[st.B_SIN],
            box[st.B_HALF_LENGTH], box[st.B_HALF_WIDTH], False, label, per, chart, out,
        )  # fmt: skip
    for head in range(maps.signal_count[slot]):
        signal = maps.signals[slot, head]
        dx, dy = signal[0] - ego[st.X], signal[1] - ego[st.Y]
        _place(dx, dy, cos, sin, 1.0, 0.0, 0.5, 0.5, True, surface.SIGNAL, per, chart, out)
        group = int(signal[4])
        if colourful and 0 <= group < MOST_GROUPS:
            lit = lamp_colour(np.int64(worlds.lights[world, group]))
            _stamp(
                middle_row - (dx * cos + dy * sin) * per, middle_column - (dy * cos - dx * sin) * per,
                1.0, 0.0, 0.5 * per, 0.5 * per, True, lit[0], lit[1], lit[2], out,
            )  # fmt: skip


@inner_function
def _place(
    dx: float,
    dy: float,
    cos: float,
    sin: float,
    heading_cos: float,
    heading_sin: float,
    half_length: float,
    half_width: float,
    round_: bool,
    label: int,
    per: float,
    chart: Chart,
    out: ByteArray,
) -> None:
    """Stamp one thing ``dx, dy`` from the ego, in its class or its colour; ``per`` is pixels a metre."""
    ahead, left = dx * cos + dy * sin, dy * cos - dx * sin
    size = (half_length + half_width) * per + 1.0
    row, column = EGO_ROW * out.shape[0] - ahead * per, 0.5 * out.shape[1] - left * per
    if row < -size or row > out.shape[0] + size or column < -size or column > out.shape[1] + size:
        return
    red = green = blue = np.float64(label)
    if out.shape[2] == 3:
        red, green, blue = (
            np.float64(chart.colours[label, 0]),
            np.float64(chart.colours[label, 1]),
            np.float64(chart.colours[label, 2]),
        )
    _stamp(
        row, column, heading_cos * cos + heading_sin * sin, heading_cos * sin - heading_sin * cos,
        half_length * per, half_width * per, round_, red, green, blue, out,
    )  # fmt: skip
