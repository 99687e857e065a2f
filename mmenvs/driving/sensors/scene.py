"""Where an eye stands and in which light: all that a drawing function needs besides the picture itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import fast_function, inner_function
from mmenvs.driving import state as st
from mmenvs.driving.weather import WEATHERS, Look

if TYPE_CHECKING:
    from mmenvs.driving.sensors.camera import View
    from mmenvs.driving.state import Worlds

Colour = tuple[float, float, float]

LOW_SUN = 25.0  # below this elevation the sun casts long shadows [degrees]
BEAM_REACH = 85.0  # beyond it the own headlights light nothing [m]
LAMP_AHEAD = 2.2  # where the own headlights sit, ahead of the ego's centre [m]
UNSEEN = 0.0022  # of a contrast that is left where drawing stops: less than half a level

# Columns of ``View.light``: the numbers of a look.
(
    L_EXTINCTION, L_EXACT, L_HAZE, L_TINT, L_AMBIENT, L_SUN, L_SUN_X, L_SUN_Y, L_SHADOW, L_CAST,
    L_HEADLIGHTS, L_LAMPS, L_NIGHT, L_LEAVES, L_GRASS, L_ASPHALT, L_WET, L_RAIN, L_GRAIN, L_VEIL,
    L_MASK, L_AZIMUTH, L_ELEVATION,
) = (0, 1, 2, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 20, 23, 26, 27, 28, 29, 30, 31, 32)  # fmt: skip
LIGHT_COLUMNS = 33


class Scene(NamedTuple):
    """An eye and its light, scalars only, so that a call hands over registers and no arrays.

    Attributes:
        width: Columns of the picture [pixels].
        height: Rows of the picture [pixels].
        horizon: Row of the horizon.
        focal: Focal length [pixels].
        mount_height: Height of the eye [m].
        reach: Farthest distance at which solids are drawn [m].
        spread: Tangent of half the field of view.
        x: East of the eye [m].
        y: North of the eye [m].
        cos: Cosine of the direction of view.
        sin: Sine of the direction of view.
        step: Steps since the episode began, for what blinks.
        extinction: Of the air [1/m].
        exact: Whether the air is thick enough for the exponential to be computed exactly.
        clear_reach: Distance beyond which the air swallows all colour [m].
        haze_red: Colour of the air.
        haze_green: Colour of the air.
        haze_blue: Colour of the air.
        red: Factor of reflected light.
        green: Factor of reflected light.
        blue: Factor of reflected light.
        ambient: Brightness of a face that the light grazes.
        sun: What a face towards the light gains.
        sun_x: East part of the direction that the light comes from.
        sun_y: North part of it.
        shadow: Share of light that a shadow leaves.
        cast_x: Where the shadow of a point a metre high falls, east [m/m]; 0 under a high sun.
        cast_y: The same, north [m/m].
        headlights: Brightness of the own headlights.
        beam_cos: Direction of the headlights in the frame of the eye: ahead.
        beam_sin: The same, to the right.
        beam_start: How far ahead of the eye the headlights sit [m].
        lamps: How much lamps outshine their surroundings.
        night: Whether windows and street lamps are lit.
        wet: How wet the ground is, 0 to 1.
        leaf_red: Factor of the colour of leaves.
        leaf_green: Factor of the colour of leaves.
        leaf_blue: Factor of the colour of leaves.
    """

    width: int
    height: int
    horizon: int
    focal: float
    mount_height: float
    reach: float
    spread: float
    x: float
    y: float
    cos: float
    sin: float
    step: int
    extinction: float
    exact: bool
    clear_reach: float
    haze_red: float
    haze_green: float
    haze_blue: float
    red: float
    green: float
    blue: float
    ambient: float
    sun: float
    sun_x: float
    sun_y: float
    shadow: float
    cast_x: float
    cast_y: float
    headlights: float
    beam_cos: float
    beam_sin: float
    beam_start: float
    lamps: float
    night: bool
    wet: float
    leaf_red: float
    leaf_green: float
    leaf_blue: float


class Air(NamedTuple):
    """What the air and the light make of an object's colour at one distance.

    Attributes:
        clear: Share of emitted light that reaches the eye.
        red: Share of reflected light that reaches the eye.
        green: Share of reflected light that reaches the eye.
        blue: Share of reflected light that reaches the eye.
        haze_red: What the air adds.
        haze_green: What the air adds.
        haze_blue: What the air adds.
    """

    clear: float
    red: float
    green: float
    blue: float
    haze_red: float
    haze_green: float
    haze_blue: float


def light_of(look: Look, mask: int = -1, veil: int = -1, grain: int = -1) -> NDArray[np.float64]:
    """Return the numbers of a look, shape (LIGHT_COLUMNS,).

    Args:
        look: The look.
        mask: Row of its headlights in ``View.masks``; -1 if it has none.
        veil: Row of its glare in ``View.veils``; -1 if it has none.
        grain: Row of its noise in ``View.grains``; -1 if it has none.
    """
    weather, variant = look.weather, look.variant
    row = np.zeros(LIGHT_COLUMNS)
    row[L_EXTINCTION] = weather.extinction
    # A clear day is the reference: there the cheap form is within a level of the exact one.
    row[L_EXACT] = weather.extinction > 1.2 * WEATHERS["clear"].extinction
    row[L_HAZE : L_HAZE + 3] = weather.haze
    row[L_TINT : L_TINT + 3] = weather.tint
    row[L_AMBIENT], row[L_SUN] = weather.ambient, weather.sun
    row[L_SUN_X], row[L_SUN_Y] = math.cos(variant.azimuth), math.sin(variant.azimuth)
    row[L_SHADOW] = weather.shadow
    if weather.sun_elevation < LOW_SUN:
        row[L_CAST] = 1.0 / math.tan(math.radians(weather.sun_elevation))
    row[L_HEADLIGHTS], row[L_LAMPS], row[L_NIGHT] = weather.headlights, weather.lamps, weather.night
    row[L_LEAVES : L_LEAVES + 3] = variant.leaves
    row[L_GRASS : L_GRASS + 3] = variant.grass
    row[L_ASPHALT : L_ASPHALT + 3] = variant.asphalt
    row[L_WET], row[L_RAIN] = weather.wetness, weather.rain
    row[L_MASK], row[L_VEIL], row[L_GRAIN] = mask, veil, grain
    row[L_AZIMUTH], row[L_ELEVATION] = variant.azimuth, math.radians(weather.sun_elevation)
    return row


@inner_function
def look_out(
    world: int,
    camera: int,
    view: View,
    worlds: Worlds,
    colour_only: bool,
) -> tuple[Scene, int]:
    """Return the scene of one camera of one world, and the row of its look in the view's tables.

    Args:
        world: Index of the world.
        camera: Index of the camera.
        view: The cameras.
        worlds: ``Worlds``.
        colour_only: Whether what the air swallows need not be drawn.
    """
    ego = worlds.ego[world]
    yaw = view.yaws[camera]
    heading = ego[st.HEADING] + yaw
    cos, sin = math.cos(heading), math.sin(heading)
    row = max(view.look_row[worlds.look[world]], 0)
    light = view.light[row]
    clear_reach = -math.log(UNSEEN) / light[L_EXTINCTION]
    reach = min(view.reach, clear_reach) if colour_only else view.reach
    scene = Scene(
        view.width,
        view.height,
        view.horizon,
        view.focal,
        view.mount_height,
        reach,
        0.5 * view.width / view.focal,
        ego[st.X] + cos * view.mount_ahead,
        ego[st.Y] + sin * view.mount_ahead,
        cos,
        sin,
        worlds.steps[world],
        light[L_EXTINCTION],
        light[L_EXACT] > 0.0,
        clear_reach,
        light[L_HAZE],
        light[L_HAZE + 1],
        light[L_HAZE + 2],
        light[L_TINT],
        light[L_TINT + 1],
        light[L_TINT + 2],
        light[L_AMBIENT],
        light[L_SUN],
        light[L_SUN_X],
        light[L_SUN_Y],
        light[L_SHADOW],
        -light[L_SUN_X] * light[L_CAST],
        -light[L_SUN_Y] * light[L_CAST],
        light[L_HEADLIGHTS],
        math.cos(yaw),
        math.sin(yaw),
        LAMP_AHEAD - view.mount_ahead,
        light[L_LAMPS],
        light[L_NIGHT] > 0.0,
        light[L_WET],
        light[L_LEAVES],
        light[L_LEAVES + 1],
        light[L_LEAVES + 2],
    )
    return scene, row


@fast_function
def beam(
    ahead: float,
    aside: float,
) -> float:
    """Return how brightly low-beam headlights light a point: a lobe a little to the right.

    Args:
        ahead: Distance ahead of the lamps [m].
        aside: Distance to the right of their axis [m].
    """
    if ahead <= 0.0 or ahead > BEAM_REACH:
        return 0.0
    u = (aside - 0.04 * ahead) / (1.7 + 0.38 * ahead)
    fall = 1.0 - ahead / BEAM_REACH
    return min(0.3 * ahead, 1.0) * 1.35 * fall * fall * fall / (1.0 + u * u * (1.0 + 0.6 * u * u))


@inner_function
def turn_to_view(
    scene: Scene,
    east: float,
    north: float,
) -> tuple[float, float]:
    """Return how far a vector points ahead of the eye and to its right, in the vector's own unit."""
    return east * scene.cos + north * scene.sin, east * scene.sin - north * scene.cos


@inner_function
def air_at(
    scene: Scene,
    depth: float,
    across: float,
    lit: float,
) -> Air:
    """Return the light and the air at a point.

    Args:
        scene: The eye.
        depth: Distance ahead [m].
        across: Distance to the right [m].
        lit: Share of the own headlights' beam that the object gets: 1 near the ground, less high up.
    """
    thick = max(depth, 0.0) * scene.extinction
    clear = math.exp(-thick) if scene.exact else 1.0 / (1.0 + thick + 0.5 * thick * thick)
    red, green, blue = clear * scene.red, clear * scene.green, clear * scene.blue
    if scene.headlights > 0.0:
        ahead = depth * scene.beam_cos + across * scene.beam_sin - scene.beam_start
        aside = across * scene.beam_cos - depth * scene.beam_sin
        gain = lit * clear * scene.headlights * beam(ahead, aside)
        red += gain
        green += 0.96 * gain
        blue += 0.86 * gain
    rest = 1.0 - clear
    return Air(
        clear, red, green, blue, scene.haze_red * rest, scene.haze_green * rest, scene.haze_blue * rest
    )


@inner_function
def hazed(
    red: float,
    green: float,
    blue: float,
    shade: float,
    air: Air,
) -> Colour:
    """Return a lit colour as it reaches the eye; ``shade`` is the brightness of the face."""
    return (
        min(red * (shade * air.red) + air.haze_red, 255.0),
        min(green * (shade * air.green) + air.haze_green, 255.0),
        min(blue * (shade * air.blue) + air.haze_blue, 255.0),
    )


@inner_function
def glowing(
    red: float,
    green: float,
    blue: float,
    air: Air,
) -> Colour:
    """Return the colour of a lamp as it reaches the eye: no light makes it brighter, air dims it."""
    return (
        min(red * air.clear + air.haze_red, 255.0),
        min(green * air.clear + air.haze_green, 255.0),
        min(blue * air.clear + air.haze_blue, 255.0),
    )
