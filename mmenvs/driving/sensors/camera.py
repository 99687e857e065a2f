"""A perspective camera over a flat world of upright solids.

Every solid stands upright and the camera does not roll, so one image column is one ray on the ground
plane: a solid covers a vertical span of each column, found by one ray-box intersection, as a lidar beam
would find it.  The ground is linear along each image row, so it is walked in fixed point through the
raster at the mip level that fits the row.  A tilt of the camera is a shift of the horizon row.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import fast_function, inlined_function
from mmenvs.driving import state as st
from mmenvs.driving.roads import surface
from mmenvs.driving.roads.raster import CELL, LEVELS, LINE_WIDTH, TILE, TILE_BITS
from mmenvs.driving.sensors.scenery import draw_scenery
from mmenvs.driving.sensors.vehicles import draw_shadow, draw_vehicle, in_view

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds

HAZE_DISTANCE = 260.0  # at which a colour has faded to a third [m]
HAZE = np.array([196.0, 208.0, 218.0])
_FRACTION = 16  # bits of the fixed-point fraction
_ONE = float(1 << _FRACTION)
_BYTE, _SHIFT_8, _SHIFT_16 = np.uint32(255), np.uint32(8), np.uint32(16)
_TILE_SHIFT, _CELL_SHIFT = np.uint64(_FRACTION + TILE_BITS), np.uint64(_FRACTION)
_TILE_MASK, _TILE_BITS = np.uint64(TILE - 1), np.uint64(TILE_BITS)


class View(NamedTuple):
    """A camera and the tables that depend on it alone.

    Attributes:
        height: Rows [pixels].
        width: Columns [pixels].
        focal: Focal length [pixels].
        horizon: Row of the horizon; above it is sky [pixels].
        mount_height: Height of the eye above ground [m].
        mount_ahead: Position of the eye ahead of the ego's centre [m].
        reach: Farthest distance at which solids are drawn [m].
        show_ego: Whether the ego itself is drawn.
        row_depth: Distance of the ground at each row [m], shape (height,).
        row_level: Mip level of each row, shape (height,).
        ground: Colour of each surface code at each row, haze included, shape (height, 256), 0xBBGGRR.
        azimuths: Pixels of the panorama's full turn, a power of two.
        panorama: Sky and hills by row and azimuth, which grows to the right (clockwise), with a width's
            overlap; shape (horizon, 3 * (azimuths + width)), RGB.
        azimuth: Azimuth index of each column relative to the heading, shape (width,).
        layers: See :func:`~mmenvs.driving.roads.surface.layers`.
        semantics: Semantic class of each code, shape (256,).
        depth_scale: 1 / range of the depth sensor [1/m].
    """

    height: int
    width: int
    focal: float
    horizon: int
    mount_height: float
    mount_ahead: float
    reach: float
    show_ego: bool
    row_depth: NDArray[np.float32]
    row_level: NDArray[np.int32]
    ground: NDArray[np.uint32]
    azimuths: int
    panorama: NDArray[np.uint8]
    azimuth: NDArray[np.int32]
    layers: NDArray[np.float32]
    semantics: NDArray[np.uint8]
    depth_scale: float


def make_view(
    size: tuple[int, int],
    fov: float,
    *,
    mount_height: float = 1.45,
    mount_ahead: float = 0.6,
    horizon: float = 0.44,
    reach: float | None = None,
    show_ego: bool = False,
    depth_range: float = 100.0,
) -> View:
    """Prepare a camera.

    Args:
        size: Height and width [pixels].
        fov: Horizontal field of view [degrees].
        mount_height: Height of the eye [m].
        mount_ahead: Position of the eye ahead of the ego's centre [m]; negative is behind.
        horizon: Share of the height above the horizon.
        reach: Distance up to which solids are drawn [m]; by default where a car is a pixel wide.
        show_ego: Whether to draw the ego.
        depth_range: Distance at which the depth sensor reads 1 [m].
    """
    height, width = size
    focal = 0.5 * width / math.tan(math.radians(0.5 * fov))
    rows = round(horizon * height)
    below = np.arange(height) + 0.5 - rows
    depth = np.where(below > 0, mount_height * focal / np.maximum(below, 1e-6), 1e4)
    across = depth / focal
    along = depth * across / mount_height
    # Between sharp across and calm along the view: a row far away spans many cells lengthwise.
    footprint = np.sqrt(across * np.minimum(along, 6.0 * across))
    level = np.clip(np.floor(np.log2(np.maximum(footprint / CELL, 1.0)) + 0.25), 0, LEVELS - 1)
    fade = np.exp(-depth / HAZE_DISTANCE)[:, None, None]
    ground = surface.palette()[None] * fade + HAZE * (1 - fade)
    azimuths = 1 << math.ceil(math.log2(2 * math.pi * focal))
    angles = np.arctan((np.arange(width) + 0.5 - 0.5 * width) / focal)
    return View(
        height=height,
        width=width,
        focal=focal,
        horizon=rows,
        mount_height=mount_height,
        mount_ahead=mount_ahead,
        reach=float(np.clip(2.2 * focal, 60, 260)) if reach is None else reach,
        show_ego=show_ego,
        row_depth=depth.astype(np.float32),
        row_level=level.astype(np.int32),
        ground=_pack(ground),
        azimuths=azimuths,
        panorama=_panorama(rows, azimuths, width, focal),
        azimuth=np.round(-angles / (2 * math.pi) * azimuths).astype(np.int32),
        layers=surface.layers(),
        semantics=surface.semantics(),
        depth_scale=1.0 / depth_range,
    )


def _pack(colours: NDArray[np.float64]) -> NDArray[np.uint32]:
    c = np.clip(np.round(colours), 0, 255).astype(np.uint32)
    return np.ascontiguousarray(c[..., 0] | c[..., 1] << np.uint32(8) | c[..., 2] << np.uint32(16))


def _panorama(rows: int, azimuths: int, width: int, focal: float) -> NDArray[np.uint8]:
    """Paint the sky: a gradient, soft clouds and two ranges of hills; periodic in azimuth."""
    elevation = ((rows - np.arange(rows) - 0.5) / focal)[:, None]
    angle = (np.arange(azimuths) / azimuths * 2 * math.pi)[None]
    share = np.clip(elevation / 0.55, 0, 1)[..., None] ** 0.8
    gradient = np.array([206.0, 219.0, 230.0]) * (1 - share) + np.array([96.0, 148.0, 208.0]) * share
    image = np.repeat(gradient, azimuths, axis=1)
    rng = np.random.default_rng(7)
    cloud = np.zeros((rows, azimuths))
    for octave in range(1, 6):
        for _ in range(4):
            turns = int(rng.integers(1, 4)) * 2**octave
            lift = rng.uniform(-1, 1) * 2**octave * 2.5
            cloud += np.sin(turns * angle + lift * elevation * 8 + rng.uniform(0, 7)) / 2**octave
    cover = np.clip(cloud * 0.55 - 0.05, 0, 1) * np.clip((elevation - 0.05) / 0.2, 0, 1)
    image += (np.array([250.0, 250.0, 252.0]) - image) * (0.75 * cover)[..., None]
    for base, height, colour, seed in (
        (0.035, 0.03, (150, 172, 186), 1),
        (0.012, 0.022, (112, 140, 118), 2),
    ):
        rng = np.random.default_rng(seed)
        crest = np.full(azimuths, base)
        for turns in (2, 3, 5, 9, 17, 31, 57):
            crest += height * np.sin(turns * angle[0] + rng.uniform(0, 7)) / turns**0.7 * 0.6
        cover = np.clip((crest[None] - elevation) * focal + 0.5, 0, 1)[..., None]
        image += (np.array(colour, np.float64) - image) * cover
    image = np.concatenate([image, np.tile(image, (1, -(-width // azimuths), 1))[:, :width]], axis=1)
    return np.clip(np.round(image), 0, 255).astype(np.uint8).reshape(rows, -1)


@fast_function
def _sky(
    view: View,
    heading: float,
    rgb: ByteArray,
) -> None:
    """Copy the part of the panorama that lies ahead, for agents.

    Each row is one run of bytes, as if the picture were a cylinder: up to half the field of
    view from the axis that is off by less than the clouds are wide; people get :func:`_exact_sky`.
    """
    azimuths = view.azimuths
    base = int(math.floor(heading / (2.0 * math.pi) * azimuths))
    start = 3 * ((azimuths - 1 - base - view.width // 2) & (azimuths - 1))
    flat = rgb.reshape(view.height, 3 * view.width)
    for row in range(view.horizon):
        # Slices, so that the compiler sees two plain runs of bytes and copies them in wide words.
        target = flat[row]
        source = view.panorama[row, start : start + 3 * view.width]
        for k in range(len(target)):
            target[k] = source[k]


@fast_function
def _exact_sky(
    view: View,
    heading: float,
    rgb: ByteArray,
) -> None:
    """Copy the part of the panorama that lies ahead, each column at its own azimuth."""
    azimuths = view.azimuths
    base = int(math.floor(heading / (2.0 * math.pi) * azimuths))
    for row in range(view.horizon):
        for column in range(view.width):
            place = azimuths - 1 - ((base + view.azimuth[column]) & (azimuths - 1))
            for channel in range(3):
                rgb[row, column, channel] = view.panorama[row, 3 * place + channel]


@fast_function
def _ground_row(
    view: View,
    row: int,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    slot: int,
    maps: Maps,
) -> tuple[float, float, float, float, int]:
    """Return the fixed-point walk along a row: start and step in cells, and the row's level."""
    depth = view.row_depth[row]
    level = view.row_level[row]
    cell = CELL * (1 << level)
    step = depth / view.focal
    left = (0.5 * view.width - 0.5) * step  # from the axis to the first pixel's centre
    x = eye_x + cos * depth - sin * left - maps.origin[slot, 0]
    y = eye_y + sin * depth + cos * left - maps.origin[slot, 1]
    scale = _ONE / cell
    return x * scale, y * scale, sin * step * scale, -cos * step * scale, level


@fast_function
def _walk_ground(
    view: View,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    slot: int,
    maps: Maps,
    codes: ByteArray,
    row: int,
) -> None:
    """Write the surface code of each pixel of a row."""
    fx, fy, step_x, step_y, level = _ground_row(view, row, eye_x, eye_y, cos, sin, slot, maps)
    begin = maps.level_start[slot, level]
    columns = maps.level_columns[slot, level]
    rows = maps.level_rows[slot, level]
    index = maps.tile_index[slot, begin:]
    tiles = maps.tiles[slot]
    ix, iy = np.int64(fx), np.int64(fy)
    dx, dy = np.int64(step_x), np.int64(step_y)
    limit_x, limit_y = columns << (_FRACTION + TILE_BITS), rows << (_FRACTION + TILE_BITS)
    end_x, end_y = ix + dx * (view.width - 1), iy + dy * (view.width - 1)
    if min(ix, end_x) >= 0 and min(iy, end_y) >= 0 and max(ix, end_x) < limit_x and max(iy, end_y) < limit_y:
        # The whole row lies on the map. Unsigned indices spare Numba's check for negative ones.
        ux, uy, ucolumns = np.uint64(ix), np.uint64(iy), np.uint64(columns)
        ustep_x, ustep_y = np.uint64(dx), np.uint64(dy)
        for column in range(view.width):
            tile = index[(uy >> _TILE_SHIFT) * ucolumns + (ux >> _TILE_SHIFT)]
            cell = ((uy >> _CELL_SHIFT) & _TILE_MASK) << _TILE_BITS | (ux >> _CELL_SHIFT) & _TILE_MASK
            codes[column] = tiles[np.uint64(tile), cell]
            ux += ustep_x
            uy += ustep_y
        return
    for column in range(view.width):
        tile_column = ix >> (_FRACTION + TILE_BITS)
        tile_row = iy >> (_FRACTION + TILE_BITS)
        cell_index = ((iy >> _FRACTION) & (TILE - 1)) << TILE_BITS | (ix >> _FRACTION) & (TILE - 1)
        if 0 <= tile_column < columns and 0 <= tile_row < rows:
            tile_index = np.int64(index[tile_row * columns + tile_column])
        else:
            tile_index = (tile_column ^ tile_row) & 3  # beyond the map lies more grass
        codes[column] = tiles[tile_index, cell_index]
        ix += dx
        iy += dy


@fast_function
def _noise(
    x: float,
    y: float,
) -> float:
    """Smooth lattice noise in [0, 1) for close-up texture."""
    gx, gy = math.floor(x), math.floor(y)
    u, v = x - gx, y - gy
    ix, iy = np.int64(gx), np.int64(gy)
    u = u * u * (3.0 - 2.0 * u)
    v = v * v * (3.0 - 2.0 * v)
    total = 0.0
    for j in range(2):
        for i in range(2):
            h = (ix + i) * 374761393 + (iy + j) * 668265263
            h = (h ^ (h >> 13)) * 1274126177
            value = np.float64((h ^ (h >> 16)) & 65535) / 65536.0
            total += value * (u if i else 1.0 - u) * (v if j else 1.0 - v)
    return total


@fast_function
def _smooth_row(
    view: View,
    row: int,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    slot: int,
    maps: Maps,
    rgb: ByteArray,
) -> None:
    """Draw one row of ground for people: interpolated layers, edges sharpened to the pixel."""
    fx, fy, step_x, step_y, level = _ground_row(view, row, eye_x, eye_y, cos, sin, slot, maps)
    begin = maps.level_start[slot, level]
    columns = maps.level_columns[slot, level]
    rows = maps.level_rows[slot, level]
    depth = view.row_depth[row]
    cell_size = CELL * (1 << level)
    pixel = depth / view.focal
    gain = min(max(0.8 * cell_size / pixel, 1.0), 5.0)
    paint_gain = gain if cell_size < LINE_WIDTH else 1.0  # a line thinner than a cell never reaches half
    fade = math.exp(-depth / HAZE_DISTANCE)
    near = math.exp(-depth / 30.0)
    for column in range(view.width):
        u = fx / _ONE - 0.5 + step_x / _ONE * column
        v = fy / _ONE - 0.5 + step_y / _ONE * column
        iu, iv = np.int64(math.floor(u)), np.int64(math.floor(v))
        au, av = u - iu, v - iv
        white = yellow = road = tone = 0.0
        for j in range(2):
            for i in range(2):
                weight = (au if i else 1.0 - au) * (av if j else 1.0 - av)
                tile_column = (iu + i) >> TILE_BITS
                tile_row = (iv + j) >> TILE_BITS
                if 0 <= tile_column < columns and 0 <= tile_row < rows:
                    tile = np.int64(maps.tile_index[slot, begin + tile_row * columns + tile_column])
                else:
                    tile = (tile_column ^ tile_row) & 3
                code = maps.tiles[slot, tile, ((iv + j) & (TILE - 1)) << TILE_BITS | (iu + i) & (TILE - 1)]
                white += weight * view.layers[code, 0]
                yellow += weight * view.layers[code, 1]
                road += weight * view.layers[code, 2]
                tone += weight * view.layers[code, 3]
        x, y = (u + 0.5) * cell_size, (v + 0.5) * cell_size
        white = min(max((white - 0.5) * paint_gain + 0.5, 0.0), 1.0)
        yellow = min(max((yellow - 0.5) * paint_gain + 0.5, 0.0), 1.0)
        road = min(max((road - 0.5) * gain + 0.5, 0.0), 1.0)
        patches = _noise(x * 0.35, y * 0.35) + 0.5 * _noise(x * 1.3, y * 1.3)
        grain = (_noise(x * 9.0, y * 9.0) - 0.5) * near
        tone = 0.35 * tone + 0.3 * patches
        red = 78.0 + 34.0 * tone + 26.0 * grain
        green = 112.0 + 32.0 * tone + 30.0 * grain
        blue = 48.0 + 20.0 * tone + 16.0 * grain
        grey = 84.0 + 12.0 * tone + 16.0 * grain
        red += (grey - red) * road
        green += (grey + 1.0 - green) * road
        blue += (grey + 5.0 - blue) * road
        worn = 0.93 + 0.1 * grain
        red += (236.0 * worn - red) * white
        green += (236.0 * worn - green) * white
        blue += (232.0 * worn - blue) * white
        red += (238.0 * worn - red) * yellow
        green += (186.0 * worn - green) * yellow
        blue += (48.0 * worn - blue) * yellow
        rgb[row, column, 0] = min(max(red * fade + 196.0 * (1.0 - fade), 0.0), 255.0)
        rgb[row, column, 1] = min(max(green * fade + 208.0 * (1.0 - fade), 0.0), 255.0)
        rgb[row, column, 2] = min(max(blue * fade + 218.0 * (1.0 - fade), 0.0), 255.0)


@fast_function
def _ground(
    view: View,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    slot: int,
    maps: Maps,
    codes: ByteArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw the ground below the horizon."""
    for row in range(view.horizon, view.height):
        _walk_ground(view, eye_x, eye_y, cos, sin, slot, maps, codes, row)
        if len(rgb):
            target, table = rgb[row], view.ground[row]
            for column in range(view.width):
                packed = table[codes[column]]
                target[column, 0] = packed & _BYTE
                target[column, 1] = (packed >> _SHIFT_8) & _BYTE
                target[column, 2] = packed >> _SHIFT_16
        if len(semantic):
            for column in range(view.width):
                semantic[row, column, 0] = view.semantics[codes[column]]


@inlined_function
def photograph(
    world: int,
    view: View,
    worlds: Worlds,
    maps: Maps,
    zbuffer: FloatArray,
    codes: ByteArray,
    visible: IntArray,
    rgb: ByteArray,
    semantic: ByteArray,
    depth: FloatArray,
) -> None:
    """Take one picture of one world.

    Args:
        world: Index of the world.
        view: The camera.
        worlds: ``Worlds``.
        maps: ``Maps``.
        zbuffer: Scratch, shape (height, width), float32.
        codes: Scratch, shape (width,), uint8.
        visible: Scratch, shape (boxes,), int64.
        rgb: Shape (height, width, 3), uint8; empty if not wanted.
        semantic: Shape (height, width, 1), uint8; empty if not wanted.
        depth: Shape (height, width, 1), float32; empty if not wanted.
    """
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    eye_x = ego[st.X] + cos * view.mount_ahead
    eye_y = ego[st.Y] + sin * view.mount_ahead
    if len(rgb):
        _sky(view, ego[st.HEADING], rgb)
    if len(semantic):
        semantic[: view.horizon] = surface.SKY
    _ground(view, eye_x, eye_y, cos, sin, slot, maps, codes, rgb, semantic)
    _solids(world, view, eye_x, eye_y, cos, sin, worlds, maps, zbuffer, visible, rgb, semantic)
    if len(depth):
        for row in range(view.height):
            ground = view.row_depth[row]
            for column in range(view.width):
                depth[row, column, 0] = min(min(zbuffer[row, column], ground) * view.depth_scale, 1.0)


@inlined_function
def portray(
    world: int,
    view: View,
    worlds: Worlds,
    maps: Maps,
    zbuffer: FloatArray,
    visible: IntArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Take one picture of one world for people: exact sky, smooth ground; see :func:`photograph`."""
    ego = worlds.ego[world]
    slot = worlds.slot[world]
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    eye_x = ego[st.X] + cos * view.mount_ahead
    eye_y = ego[st.Y] + sin * view.mount_ahead
    _exact_sky(view, ego[st.HEADING], rgb)
    for row in range(view.horizon, view.height):
        _smooth_row(view, row, eye_x, eye_y, cos, sin, slot, maps, rgb)
    _solids(world, view, eye_x, eye_y, cos, sin, worlds, maps, zbuffer, visible, rgb, semantic)


@inlined_function
def _solids(
    world: int,
    view: View,
    eye_x: float,
    eye_y: float,
    cos: float,
    sin: float,
    worlds: Worlds,
    maps: Maps,
    zbuffer: FloatArray,
    visible: IntArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw all that stands on the ground: shadows first, then whatever casts them."""
    zbuffer[:] = 1.0e9
    boxes = worlds.boxes[world]
    count = 0
    for k in range(worlds.box_count[world]):
        if in_view(view, eye_x, eye_y, cos, sin, boxes[k]):
            visible[count] = k
            count += 1
    total = count + 1 if view.show_ego else count
    for k in range(total):
        box = boxes[visible[k]] if k < count else worlds.ego_box[world]
        draw_shadow(view, eye_x, eye_y, cos, sin, box, rgb)
    for k in range(total):
        box = boxes[visible[k]] if k < count else worlds.ego_box[world]
        draw_vehicle(view, eye_x, eye_y, cos, sin, box, zbuffer, rgb, semantic)
    draw_scenery(view, eye_x, eye_y, cos, sin, worlds.slot[world], maps, zbuffer, rgb, semantic)
