"""The ground: walked in fixed point through the raster for agents, interpolated and sharpened for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving.roads import surface
from mmenvs.driving.roads.raster import CELL, GRASS_TILES, LINE_WIDTH, TILE_BITS, code_in_tile
from mmenvs.driving.sensors import scene as sc
from mmenvs.driving.sensors.scene import Scene, beam
from mmenvs.driving.sensors.sheet import ONE, Sheet, Walk, fit, is_worth_it, lay_out, walk_map, walk_sheet
from mmenvs.driving.weather import Look

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.sensors.camera import View

MASKONE = 128.0  # value of a headlight mask that leaves a colour as it is
WET_ASPHALT, WET_GRASS = 0.42, 0.16  # how much darker they are when wet
MIRROR = 0.5  # how well wet asphalt mirrors, beside still water
_BYTE, _SHIFT_8, _SHIFT_16 = np.uint32(255), np.uint32(8), np.uint32(16)


def ground_table(look: Look, depth: NDArray[np.float64], mount_height: float) -> NDArray[np.uint32]:
    """Return the colour of each surface code at each row under a look, haze included.

    Wet ground is darker, and mirrors the haze above the horizon by Schlick's form of Fresnel's law,
    ``F = 0.02 + 0.98 (1 - cos)^5`` with the angle at which the row is seen.  Under a look with
    headlights the colours are those of full light, for the mask to dim.

    Args:
        look: The look.
        depth: Distance of the ground at each row [m], shape (rows,).
        mount_height: Height of the eye [m].

    Returns:
        Shape (rows, 256), 0xBBGGRR.
    """
    weather, variant = look.weather, look.variant
    tint = np.ones(3) if weather.headlights else np.array(weather.tint)
    haze = np.array(weather.haze)
    if weather.headlights:
        haze = np.minimum(haze / np.array(weather.tint), 255.0)
    layers = surface.layers().astype(np.float64)
    paint = layers[:, 0:1] + layers[:, 1:2]
    hard = np.minimum(layers[:, 2:3] + layers[:, 4:5], 1.0)  # asphalt, pavement and their paint
    stain = np.array(variant.grass) * (1 - hard) + np.array(variant.asphalt) * hard
    stain = stain + (1.0 - stain) * paint
    damp = 1.0 - weather.wetness * (WET_GRASS + (WET_ASPHALT - WET_GRASS) * hard * (1.0 - 0.6 * paint))
    colours = (surface.palette() * stain * damp * tint)[None]
    fade = np.exp(-depth * weather.extinction)[:, None, None]
    mirror = weather.wetness * MIRROR * _fresnel(depth, mount_height)[:, None, None] * hard
    colours = colours + (haze - colours) * mirror
    return pack(colours * fade + haze * (1 - fade))


def _fresnel(depth: NDArray[np.float64], mount_height: float) -> NDArray[np.float64]:
    graze = 1.0 - mount_height / np.sqrt(mount_height**2 + depth**2)
    return np.asarray(0.02 + 0.98 * graze**5)


def pack(colours: NDArray[np.float64]) -> NDArray[np.uint32]:
    """Pack colours of shape (..., 3) into 0xBBGGRR of shape (...)."""
    c = np.clip(np.round(colours), 0, 255).astype(np.uint32)
    return np.ascontiguousarray(c[..., 0] | c[..., 1] << np.uint32(8) | c[..., 2] << np.uint32(16))


def headlight_mask(
    look: Look, depth: NDArray[np.float64], width: int, focal: float, yaw: float, start: float
) -> NDArray[np.uint8]:
    """Return how brightly ambient light and the own headlights light each pixel of the ground.

    Args:
        look: A look with headlights.
        depth: Distance of the ground at each row below the horizon [m], shape (rows,).
        width: Columns.
        focal: Focal length [pixels].
        yaw: Direction of view, relative to the car [rad].
        start: How far ahead of the eye the headlights sit [m].

    Returns:
        Factors by channel, times :data:`MASKONE`; shape (rows, 3 * width).
    """
    across = depth[:, None] * (np.arange(width) + 0.5 - 0.5 * width) / focal
    ahead = depth[:, None] * math.cos(yaw) + across * math.sin(yaw) - start
    aside = across * math.cos(yaw) - depth[:, None] * math.sin(yaw)
    lit = np.vectorize(beam, otypes=[np.float64])(ahead, aside)[..., None]
    factor = np.array(look.weather.tint) + look.weather.headlights * lit * np.array([1.0, 0.96, 0.86])
    mask = np.clip(np.round(MASKONE * factor), 0, 255).astype(np.uint8)
    return np.asarray(mask.reshape(len(depth), -1))


@inner_function
def _start_of_row(
    scene: Scene,
    depth: float,
    level: int,
    slot: int,
    maps: Maps,
) -> tuple[float, float, float, float]:
    """Return the fixed-point walk along a row of pixels: where it starts, and its step, in cells."""
    cell = CELL * (1 << level)
    step = depth / scene.focal
    left = (0.5 * scene.width - 0.5) * step  # from the axis to the first pixel's centre
    x = scene.x + scene.cos * depth - scene.sin * left - maps.origin[slot, 0]
    y = scene.y + scene.sin * depth + scene.cos * left - maps.origin[slot, 1]
    scale = ONE / cell
    return x * scale, y * scale, scene.sin * step * scale, -scene.cos * step * scale


@inner_function
def _walk_of_row(scene: Scene, depth: float, level: int, slot: int, maps: Maps) -> Walk:
    x, y, step_x, step_y = _start_of_row(scene, depth, level, slot, maps)
    return Walk(int(x), int(y), int(step_x), int(step_y))


@inner_function
def draw_ground(
    scene: Scene,
    view: View,
    row: int,
    camera: int,
    slot: int,
    maps: Maps,
    codes: ByteArray,
    sheet: Sheet,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw the ground below the horizon for agents; ``row`` is that of the look in the view's tables."""
    mask = int(view.light[row, sc.L_MASK])
    end, laid = view.horizon, False
    for line in range(view.horizon, view.height):
        level = view.row_level[line]
        walk = _walk_of_row(scene, view.row_depth[line], level, slot, maps)
        if line == end:
            # The next rows of one level, or the half of them, and so on, that there is room for.
            end += 1
            while end < view.height and view.row_level[end] == level:
                end += 1
            last = _walk_of_row(scene, view.row_depth[end - 1], level, slot, maps)
            while not fit(walk, last, view.width, sheet) and end > line + 1:
                end = line + (end - line) // 2
                last = _walk_of_row(scene, view.row_depth[end - 1], level, slot, maps)
            laid = is_worth_it(sheet, view.width * (end - line))
            if laid:
                lay_out(walk, last, view.width, level, slot, maps, sheet)
        if laid:
            walk_sheet(walk, sheet, codes)
        else:
            walk_map(walk, level, slot, maps, codes)
        if len(rgb):
            target, table = rgb[line], view.ground[row, line]
            for column in range(view.width):
                packed = table[codes[column]]
                target[column, 0] = packed & _BYTE
                target[column, 1] = (packed >> _SHIFT_8) & _BYTE
                target[column, 2] = packed >> _SHIFT_16
        if len(semantic):
            for column in range(view.width):
                semantic[line, column, 0] = view.semantics[codes[column]]
    if mask >= 0 and len(rgb):
        # One long run of bytes: row by row, the compiler's wide loop would leave a rest each time.
        run = 3 * view.width * (view.height - view.horizon)
        target_bytes, factors = rgb[view.horizon :].reshape(run), view.masks[mask, camera].reshape(run)
        for k in range(run):
            lit = (np.uint16(target_bytes[k]) * np.uint16(factors[k])) >> np.uint16(7)
            target_bytes[k] = min(lit, np.uint16(255))


@inner_function
def lattice_noise(
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


@inner_function
def smooth_row(
    fx: float,
    fy: float,
    step_x: float,
    step_y: float,
    level: int,
    depth: float,
    pixel: float,
    mount_height: float,
    slot: int,
    maps: Maps,
    layers: FloatArray,
    light: FloatArray,
    factors: ByteArray,
    target: ByteArray,
) -> None:
    """Draw one row of ground for people: interpolated layers, edges sharpened to the pixel.

    Args:
        fx: Where the row starts, in fixed-point cells from the map's corner.
        fy: The same.
        step_x: Step of a column, likewise.
        step_y: The same.
        level: Mip level.
        depth: Distance of the row from the eye [m], for the haze.
        pixel: Size of a pixel on the ground, across the row [m].
        mount_height: Height of the eye above ground [m].
        slot: Slot of the map.
        maps: ``Maps``.
        layers: See :func:`~mmenvs.driving.roads.surface.layers`.
        light: Row of ``View.light``.
        factors: Headlight mask of the row, shape (3 * width,); empty without headlights.
        target: Row of the picture, shape (width, 3).
    """
    begin = maps.level_start[slot, level]
    columns = maps.level_columns[slot, level]
    rows = maps.level_rows[slot, level]
    cell_size = CELL * (1 << level)
    gain = min(max(0.8 * cell_size / pixel, 1.0), 5.0)
    paint_gain = gain if cell_size < LINE_WIDTH else 1.0  # a line thinner than a cell never reaches half
    fade = math.exp(-depth * light[sc.L_EXTINCTION])
    near = math.exp(-depth / 30.0)
    wet = light[sc.L_WET]
    graze = 1.0 - mount_height / math.sqrt(mount_height * mount_height + depth * depth)
    mirror = wet * MIRROR * (0.02 + 0.98 * graze * graze * graze * graze * graze)
    dark_grass, dark_road = 1.0 - WET_GRASS * wet, 1.0 - WET_ASPHALT * wet
    masked = len(factors) > 0
    for column in range(len(target)):
        u = fx / ONE - 0.5 + step_x / ONE * column
        v = fy / ONE - 0.5 + step_y / ONE * column
        iu, iv = int(math.floor(u)), int(math.floor(v))
        au, av = u - iu, v - iv
        white = yellow = road = tone = paved = stone = 0.0
        for j in range(2):
            for i in range(2):
                weight = (au if i else 1.0 - au) * (av if j else 1.0 - av)
                tile_column = (iu + i) >> TILE_BITS
                tile_row = (iv + j) >> TILE_BITS
                if 0 <= tile_column < columns and 0 <= tile_row < rows:
                    tile = int(np.int64(maps.tile_index[slot, begin + tile_row * columns + tile_column]))
                else:
                    tile = (tile_column ^ tile_row) & (GRASS_TILES - 1)
                code = code_in_tile(tile, iu + i, iv + j, maps.tiles[slot], maps.swatches[slot])
                white += weight * layers[code, 0]
                yellow += weight * layers[code, 1]
                road += weight * layers[code, 2]
                tone += weight * layers[code, 3]
                paved += weight * layers[code, 4]
                stone += weight * layers[code, 5]
        x, y = (u + 0.5) * cell_size, (v + 0.5) * cell_size
        white = min(max((white - 0.5) * paint_gain + 0.5, 0.0), 1.0)
        yellow = min(max((yellow - 0.5) * paint_gain + 0.5, 0.0), 1.0)
        hard = min(max((road + paved - 0.5) * gain + 0.5, 0.0), 1.0)
        patches = lattice_noise(x * 0.35, y * 0.35) + 0.5 * lattice_noise(x * 1.3, y * 1.3)
        grain = (lattice_noise(x * 9.0, y * 9.0) - 0.5) * near
        slab_tone = tone
        tone = 0.35 * tone + 0.3 * patches
        red = (78.0 + 34.0 * tone + 26.0 * grain) * light[sc.L_GRASS] * dark_grass
        green = (112.0 + 32.0 * tone + 30.0 * grain) * light[sc.L_GRASS + 1] * dark_grass
        blue = (48.0 + 20.0 * tone + 16.0 * grain) * light[sc.L_GRASS + 2] * dark_grass
        grey = 84.0 + 12.0 * tone + 16.0 * grain
        grey_r, grey_g, grey_b = grey, grey + 1.0, grey + 5.0
        if paved > 0.0:
            share = min(max((paved / max(road + paved, 1.0e-6) - 0.5) * gain + 0.5, 0.0), 1.0)
            slab = _paving(x, y, slab_tone, near) + 12.0 * grain
            slab += (190.0 + 14.0 * grain - slab) * min(max((stone - 0.5) * gain + 0.5, 0.0), 1.0)
            grey_r += (slab - grey_r) * share
            grey_g += (slab - 3.0 - grey_g) * share
            grey_b += (slab - 9.0 - grey_b) * share
        grey_r *= light[sc.L_ASPHALT] * dark_road
        grey_g *= light[sc.L_ASPHALT + 1] * dark_road
        grey_b *= light[sc.L_ASPHALT + 2] * dark_road
        red += (grey_r - red) * hard
        green += (grey_g - green) * hard
        blue += (grey_b - blue) * hard
        worn = (0.93 + 0.1 * grain) * (1.0 - 0.17 * wet)
        red += (236.0 * worn - red) * white
        green += (236.0 * worn - green) * white
        blue += (232.0 * worn - blue) * white
        red += (238.0 * worn - red) * yellow
        green += (186.0 * worn - green) * yellow
        blue += (48.0 * worn - blue) * yellow
        red, green, blue = red * light[sc.L_TINT], green * light[sc.L_TINT + 1], blue * light[sc.L_TINT + 2]
        if masked:  # the mask holds the tint already, as a share of MASKONE
            red *= factors[3 * column] / (MASKONE * light[sc.L_TINT])
            green *= factors[3 * column + 1] / (MASKONE * light[sc.L_TINT + 1])
            blue *= factors[3 * column + 2] / (MASKONE * light[sc.L_TINT + 2])
        shine = mirror * hard
        if shine > 0.0:  # puddles shine more
            shine *= min(max(1.8 * patches - 0.7, 0.25), 1.6)
            red += (light[sc.L_HAZE] - red) * shine
            green += (light[sc.L_HAZE + 1] - green) * shine
            blue += (light[sc.L_HAZE + 2] - blue) * shine
        target[column, 0] = min(max(red * fade + light[sc.L_HAZE] * (1.0 - fade), 0.0), 255.0)
        target[column, 1] = min(max(green * fade + light[sc.L_HAZE + 1] * (1.0 - fade), 0.0), 255.0)
        target[column, 2] = min(max(blue * fade + light[sc.L_HAZE + 2] * (1.0 - fade), 0.0), 255.0)


@inner_function
def _paving(
    x: float,
    y: float,
    tone: float,
    near: float,
) -> float:
    """Return the brightness of paving slabs of 0.5 m by 0.5 m, laid in bond."""
    row = math.floor(y * 2.0)
    u = x * 2.0 + 0.5 * (row - 2.0 * math.floor(0.5 * row))
    v = y * 2.0 - row
    cell = math.floor(u)
    u -= cell
    edge = min(min(u, 1.0 - u), min(v, 1.0 - v))
    joint = min(max(edge * 16.0, 0.0), 1.0)
    mottle = lattice_noise(cell * 7.3 + 0.5, row * 5.1 + 0.5) - 0.5
    return 138.0 + 20.0 * tone + (22.0 * mottle - 34.0 * (1.0 - joint)) * near


@inner_function
def draw_smooth_ground(
    scene: Scene,
    view: View,
    row: int,
    camera: int,
    slot: int,
    maps: Maps,
    rgb: ByteArray,
) -> None:
    """Draw the ground below the horizon for people; ``row`` is that of the look in the view's tables."""
    mask = int(view.light[row, sc.L_MASK])
    nothing = view.masks[0, 0, 0, :0]
    for line in range(view.horizon, view.height):
        level = view.row_level[line]
        depth = np.float64(view.row_depth[line])
        fx, fy, step_x, step_y = _start_of_row(scene, depth, level, slot, maps)
        factors = view.masks[mask, camera, line - view.horizon] if mask >= 0 else nothing
        smooth_row(
            fx, fy, step_x, step_y, level, depth, depth / scene.focal, scene.mount_height, slot, maps,
            view.layers, view.light[row], factors, rgb[line],
        )  # fmt: skip
