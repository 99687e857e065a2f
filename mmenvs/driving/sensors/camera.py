"""A perspective camera over a flat world of upright solids.

Every solid stands upright and the camera does not roll, so one image column is one ray on the ground
plane: a solid covers a vertical span of each column, found by one ray-box intersection, as a lidar beam
would find it.  The ground is linear along each image row, so it is walked in fixed point through the
raster at the mip level that fits the row.  A tilt of the camera is a shift of the horizon row.

What weather and light change (see :mod:`mmenvs.driving.weather`) lies in tables with one row per look:
the colours of the ground, the sky, the mask of the own headlights.  Only ``camera`` shows the weather:
``semantic`` and ``depth`` are ground truth and the same under every look.

===========  =====================================================================
file         what it draws
===========  =====================================================================
scene        the eye, its light, and what the air does to a colour
sky          sky, clouds, sun, stars, hills
ground       the raster, seen by agents and by people; headlights on it
sheet        the part of the raster that a picture shows
shadows      what darkens or brightens the ground
strokes      spans, limbs, ellipses
solids       boxes and how they are decorated
vehicles     cars, vans, lorries, rescue vehicles, barriers, cones
people       pedestrians, cyclists
signals      traffic lights
houses       houses, and what they hide
scenery      trees, bushes, posts, lamps
glow         halos of lamps
lens         rain, glare, noise
===========  =====================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray, IntArray
from mmenvs.core.kernels import inlined_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.roads import surface
from mmenvs.driving.roads.raster import CELL, LEVELS
from mmenvs.driving.sensors.glow import glow_vehicle, light_road
from mmenvs.driving.sensors.ground import draw_ground, draw_smooth_ground, ground_table, headlight_mask
from mmenvs.driving.sensors.houses import CURTAIN_ROWS, covered
from mmenvs.driving.sensors.lens import glare_veil, grain_table, look_through
from mmenvs.driving.sensors.people import draw_person
from mmenvs.driving.sensors.scene import LAMP_AHEAD, Scene, light_of, look_out, turn_to_view
from mmenvs.driving.sensors.scenery import draw_scenery, gather_scenery, glow_scenery, light_scenery
from mmenvs.driving.sensors.shadows import draw_shadow
from mmenvs.driving.sensors.sheet import Sheet
from mmenvs.driving.sensors.signals import draw_signals
from mmenvs.driving.sensors.sky import copy_exact_sky, copy_sky, paint_sky
from mmenvs.driving.sensors.strokes import FLAT
from mmenvs.driving.sensors.vehicles import draw_vehicle, in_view
from mmenvs.driving.weather import LOOKS, look_at

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.state import Worlds


_AROUND = 0.6  # how far shadows, lamps and limbs stand out of a box [m]


class View(NamedTuple):
    """Cameras of one kind, and the tables that depend on them alone.

    The cameras differ in their direction only: each looks from the same distance before the ego's
    centre, in the direction in which it looks.

    Attributes:
        height: Rows [pixels].
        width: Columns [pixels].
        focal: Focal length [pixels].
        horizon: Row of the horizon; above it is sky [pixels].
        mount_height: Height of the eye above ground [m].
        mount_ahead: Position of the eye ahead of the ego's centre, in the direction of view [m].
        reach: Farthest distance at which solids are drawn [m].
        show_ego: Whether the ego itself is drawn.
        yaws: Direction of each camera, left of the car's heading [rad], shape (cameras,).
        row_depth: Distance of the ground at each row [m], shape (height,).
        row_level: Mip level of each row, shape (height,).
        look_row: Row of each look in the tables below, -1 for looks they do not hold, shape (LOOKS,).
        light: Numbers of each look, shape (looks, LIGHT_COLUMNS); see :mod:`~mmenvs.driving.sensors.scene`.
        ground: Colour of each surface code at each row, haze included, shape (looks, height, 256), 0xBBGGRR.
        azimuths: Pixels of the panorama's full turn, a power of two.
        panorama: Sky and hills by row and azimuth, which grows to the right (clockwise), with a width's
            overlap; shape (looks, horizon, 3 * (azimuths + width)), RGB.
        azimuth: Azimuth index of each column relative to the heading, shape (width,).
        masks: Light of the own headlights on the ground, shape (looks that have them, cameras,
            height - horizon, 3 * width).
        veils: Glare of a low sun, shape (looks that have it, height, 9 * width).
        grains: Noise of the chip, shape (looks that have it, 2 * GRAIN_SIZE).
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
    yaws: NDArray[np.float64]
    row_depth: NDArray[np.float32]
    row_level: NDArray[np.int32]
    look_row: NDArray[np.int32]
    light: NDArray[np.float64]
    ground: NDArray[np.uint32]
    azimuths: int
    panorama: NDArray[np.uint8]
    azimuth: NDArray[np.int32]
    masks: NDArray[np.uint8]
    veils: NDArray[np.uint8]
    grains: NDArray[np.int8]
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
    yaws: Sequence[float] = (0.0,),
    looks: Sequence[int] | NDArray[np.int32] = (0,),
) -> View:
    """Prepare cameras.

    Args:
        size: Height and width [pixels].
        fov: Horizontal field of view [degrees].
        mount_height: Height of the eye [m].
        mount_ahead: Position of the eye ahead of the ego's centre [m]; negative is behind.
        horizon: Share of the height above the horizon.
        reach: Distance up to which solids are drawn [m]; by default where a car is a pixel wide.
        show_ego: Whether to draw the ego.
        depth_range: Distance at which the depth sensor reads 1 [m].
        yaws: Direction of each camera, left of the car's heading [degrees].
        looks: Numbers of the looks to prepare; what has no table costs neither time nor memory.
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
    azimuths = 1 << math.ceil(math.log2(2 * math.pi * focal))
    angles = np.arctan((np.arange(width) + 0.5 - 0.5 * width) / focal)
    turns = np.radians(np.asarray(yaws, np.float64))
    chosen = [look_at(int(index)) for index in looks]
    look_row = np.full(LOOKS, -1, np.int32)
    light: list[NDArray[np.float64]] = []
    masks: list[list[NDArray[np.uint8]]] = []
    veils: list[NDArray[np.uint8]] = []
    grains: list[NDArray[np.int8]] = []
    for k, look in enumerate(chosen):
        look_row[look.index] = k
        mask = len(masks) if look.weather.headlights else -1
        veil = len(veils) if look.weather.glare else -1
        grain = len(grains) if look.weather.grain else -1
        light.append(light_of(look, mask, veil, grain))
        if mask >= 0:
            start = LAMP_AHEAD - mount_ahead
            masks.append(
                [headlight_mask(look, depth[rows:], width, focal, yaw, start) for yaw in turns.tolist()]
            )
        if grain >= 0:
            grains.append(grain_table(look.weather.grain))
        if veil >= 0:
            veils.append(glare_veil(look, height, width, rows, focal))
    return View(
        height=height,
        width=width,
        focal=focal,
        horizon=rows,
        mount_height=mount_height,
        mount_ahead=mount_ahead,
        reach=float(np.clip(2.2 * focal, 60, 260)) if reach is None else reach,
        show_ego=show_ego,
        yaws=turns,
        row_depth=depth.astype(np.float32),
        row_level=level.astype(np.int32),
        look_row=look_row,
        light=np.stack(light),
        ground=np.stack([ground_table(look, depth, mount_height) for look in chosen]),
        azimuths=azimuths,
        panorama=np.stack([paint_sky(rows, azimuths, width, focal, look) for look in chosen]),
        azimuth=np.round(-angles / (2 * math.pi) * azimuths).astype(np.int32),
        masks=np.array(masks, np.uint8) if masks else np.zeros((1, 1, 1, 0), np.uint8),
        veils=np.array(veils, np.uint8) if veils else np.zeros((1, 1, 0), np.uint8),
        grains=np.array(grains, np.int8) if grains else np.zeros((1, 0), np.int8),
        layers=surface.layers(),
        semantics=surface.semantics(),
        depth_scale=1.0 / depth_range,
    )


@inner_function
def photograph(
    world: int,
    camera: int,
    view: View,
    worlds: Worlds,
    maps: Maps,
    zbuffer: FloatArray,
    codes: ByteArray,
    sheet: Sheet,
    visible: IntArray,
    near: IntArray,
    rgb: ByteArray,
    semantic: ByteArray,
    depth: FloatArray,
) -> None:
    """Take one picture of one world.

    Args:
        world: Index of the world.
        camera: Index of the camera in ``view.yaws``.
        view: The cameras.
        worlds: ``Worlds``.
        maps: ``Maps``.
        zbuffer: Scratch, shape (height + CURTAIN_ROWS, width), float32.
        codes: Scratch, shape (width,), uint8.
        sheet: Scratch.
        visible: Scratch, shape (boxes,), int64.
        near: Scratch, shape (scenery items of a map,), int64.
        rgb: Shape (height, width, 3), uint8; empty if not wanted.
        semantic: Shape (height, width, 1), uint8; empty if not wanted.
        depth: Shape (height, width, 1), float32; empty if not wanted.
    """
    slot = worlds.slot[world]
    scene, row = look_out(world, camera, view, worlds, len(semantic) == 0 and len(depth) == 0)
    if len(rgb):
        copy_sky(view, row, worlds.ego[world, st.HEADING] + view.yaws[camera], rgb)
    if len(semantic):
        semantic[: view.horizon] = surface.SKY
    draw_ground(scene, view, row, camera, slot, maps, codes, sheet, rgb, semantic)
    _draw_solids(world, view.show_ego, scene, worlds, maps, zbuffer, visible, near, rgb, semantic)
    if len(rgb):
        look_through(world, camera, row, scene, view, worlds, True, rgb)
    if len(depth):
        for line in range(view.height):
            ground = view.row_depth[line]
            for column in range(view.width):
                depth[line, column, 0] = min(min(zbuffer[line, column], ground) * view.depth_scale, 1.0)


@inner_function
def portray(
    world: int,
    view: View,
    worlds: Worlds,
    maps: Maps,
    zbuffer: FloatArray,
    visible: IntArray,
    near: IntArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Take one picture of one world for people: exact sky, smooth ground; see :func:`photograph`."""
    scene, row = look_out(world, 0, view, worlds, True)
    copy_exact_sky(view, row, worlds.ego[world, st.HEADING] + view.yaws[0], rgb)
    draw_smooth_ground(scene, view, row, 0, worlds.slot[world], maps, rgb)
    _draw_solids(world, view.show_ego, scene, worlds, maps, zbuffer, visible, near, rgb, semantic)
    look_through(world, 0, row, scene, view, worlds, False, rgb)


@inlined_function
def _draw_solids(
    world: int,
    show_ego: bool,
    scene: Scene,
    worlds: Worlds,
    maps: Maps,
    scratch: FloatArray,
    visible: IntArray,
    near: IntArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw all that stands on the ground: houses first, because they hide the most; what glows last."""
    zbuffer, curtain = scratch[:-CURTAIN_ROWS], scratch[-CURTAIN_ROWS:]
    zbuffer[:] = FLAT
    slot = worlds.slot[world]
    boxes = worlds.boxes[world]
    pictured, low_sun = len(rgb) > 0, scene.cast_x != 0.0 or scene.cast_y != 0.0
    count = 0
    for k in range(worlds.box_count[world]):
        if in_view(scene, boxes[k]):
            visible[count] = k
            count += 1
            if pictured and scene.night:
                light_road(scene, boxes[k], rgb)
    things = gather_scenery(scene, slot, maps, near)
    if pictured and scene.night:
        light_scenery(scene, slot, maps, near, things, zbuffer, rgb)
    draw_scenery(scene, slot, maps, near, things, curtain, zbuffer, rgb, semantic)
    if maps.signal_count[slot] > 0:
        draw_signals(scene, world, slot, worlds, maps, zbuffer, rgb, semantic)
    shown = 0
    for k in range(count + 1 if show_ego else count):
        box = boxes[visible[k]] if k < count else worlds.ego_box[world]
        dx, dy = np.float64(box[st.B_X]) - scene.x, np.float64(box[st.B_Y]) - scene.y
        ahead, aside = turn_to_view(scene, dx, dy)
        high, radius = np.float64(box[st.B_HEIGHT]), np.float64(box[st.B_RADIUS])
        # A shadow falls on ground that nothing covers, so it may be drawn at any time, and but once.
        hides = covered(scene, ahead, aside, radius + _AROUND, high + _AROUND, curtain)
        if pictured and (low_sun or not hides):
            draw_shadow(scene, box, zbuffer, rgb)
        if hides:
            continue
        paint = rgb if ahead < scene.clear_reach else rgb[:0]
        if box[st.B_KIND] >= st.CYCLIST:
            draw_person(scene, box, zbuffer, paint, semantic)
        else:
            draw_vehicle(scene, box, zbuffer, paint, semantic)
        if k < count:
            visible[shown] = visible[k]
            shown += 1
    if not pictured:
        return
    if low_sun:
        light_scenery(scene, slot, maps, near, things, zbuffer, rgb)
    if scene.night:
        glow_scenery(scene, slot, maps, near, things, zbuffer, rgb)
    for k in range(shown + 1 if show_ego else shown):
        box = boxes[visible[k]] if k < shown else worlds.ego_box[world]
        if scene.lamps > 0.0 or box[st.B_KIND] == st.EMERGENCY:
            glow_vehicle(scene, box, zbuffer, rgb)
