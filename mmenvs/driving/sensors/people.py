"""Pedestrians and cyclists, of limbs that move as they go.

See :mod:`mmenvs.driving.sensors.strokes` for the arguments that the drawing functions share.
"""

from __future__ import annotations

import math

import numpy as np

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving import state as st
from mmenvs.driving.roads.surface import CYCLIST, PEDESTRIAN
from mmenvs.driving.sensors.scene import Air, Colour, Scene, air_at, hazed, turn_to_view
from mmenvs.driving.sensors.strokes import NEAR, ellipse, limb

STRIDE = 0.72  # length of one step [m]
_SKIN = (214.0, 168.0, 136.0)


@inner_function
def _cloth(
    number: int,
    shade: float,
    air: Air,
) -> Colour:
    """Return one of eight colours of clothes."""
    kind = number & 7
    if kind == 0:
        return hazed(196.0, 48.0, 44.0, shade, air)
    if kind == 1:
        return hazed(42.0, 74.0, 138.0, shade, air)
    if kind == 2:
        return hazed(228.0, 196.0, 62.0, shade, air)
    if kind == 3:
        return hazed(62.0, 62.0, 70.0, shade, air)
    if kind == 4:
        return hazed(226.0, 224.0, 216.0, shade, air)
    if kind == 5:
        return hazed(54.0, 118.0, 92.0, shade, air)
    if kind == 6:
        return hazed(136.0, 92.0, 144.0, shade, air)
    return hazed(150.0, 108.0, 74.0, shade, air)


@inner_function
def draw_person(
    scene: Scene,
    box: FloatArray,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a pedestrian, or a cyclist on a bicycle, as the kind of the box says."""
    dx, dy = box[st.B_X] - scene.x, box[st.B_Y] - scene.y
    depth, across = turn_to_view(scene, dx, dy)
    if depth < NEAR:
        return
    heading_cos, heading_sin = np.float64(box[st.B_COS]), np.float64(box[st.B_SIN])
    away, aside = turn_to_view(scene, heading_cos, heading_sin)  # of the heading
    high, hue = np.float64(box[st.B_HEIGHT]), np.float64(box[st.B_HUE])
    scale = scene.focal / depth
    base = scene.horizon + scene.mount_height * scale
    centre = across * scale + 0.5 * scene.width
    air = air_at(scene, depth, across, 1.0)
    moved = box[st.B_X] * heading_cos + box[st.B_Y] * heading_sin
    speed = math.sqrt(box[st.B_VX] * box[st.B_VX] + box[st.B_VY] * box[st.B_VY])
    if int(box[st.B_KIND]) == st.CYCLIST:
        _cyclist(
            scene, depth, centre, base, scale, high, away, aside, hue, moved, air, zbuffer, rgb, semantic
        )
    else:
        _pedestrian(
            scene, depth, centre, base, scale, high, away, aside, hue, moved, speed, air, zbuffer, rgb,
            semantic,
        )  # fmt: skip


@inner_function
def _pedestrian(
    scene: Scene,
    depth: float,
    centre: float,
    base: float,
    scale: float,
    high: float,
    away: float,
    aside: float,
    hue: float,
    moved: float,
    speed: float,
    air: Air,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw two legs, two arms, a torso and a head, in proportion to the height."""
    number = int(hue * 64.0)
    swing = 0.24 * min(speed, 1.4) / 1.4 * math.sin(math.pi * moved / STRIDE)
    coat, sleeve = _cloth(number, 1.0, air), _cloth(number, 0.86, air)
    trousers, shoe = hazed(52.0, 58.0, 78.0, 1.0, air), hazed(38.0, 36.0, 38.0, 1.0, air)
    if number & 8:
        trousers = hazed(112.0, 100.0, 84.0, 1.0, air)
    skin, hair = hazed(_SKIN[0], _SKIN[1], _SKIN[2], 1.0, air), hazed(70.0, 48.0, 34.0, 1.0, air)
    broad = abs(away) + 0.62 * abs(aside)
    unit = high * scale
    hip, shoulder = base - 0.5 * unit, base - 0.81 * unit
    label = np.int64(PEDESTRIAN)
    # The torso first: what is as near as it is does not paint over it, so arms go before.
    for side in range(2):
        sign = 1.0 if side else -1.0
        step = sign * swing * (high / 1.72)
        # The limb on the far side of the body is a hair's breadth farther away.
        place = depth - 0.02 * sign * (1.0 if aside > 0.0 else -1.0)
        out = 0.05 * sign * away * unit
        foot = centre + out + step * aside * scale
        lift = 0.03 * unit * max(sign * math.cos(math.pi * moved / STRIDE), 0.0) * min(speed, 1.0)
        limb(
            scene, place, centre + out, hip, foot, base - lift - 0.02 * unit, max(0.05 * unit, 0.5),
            trousers, label, zbuffer, rgb, semantic,
        )  # fmt: skip
        ellipse(
            scene, place - 0.001, foot + 0.03 * aside * unit, base - lift - 0.02 * unit,
            (0.045 + 0.035 * abs(aside)) * unit, max(0.022 * unit, 0.3), shoe, label, zbuffer, rgb, semantic,
        )  # fmt: skip
        arm = 0.145 * sign * away * unit
        limb(
            scene, place - 0.05, centre + arm, shoulder + 0.03 * unit,
            centre + 1.15 * arm - 0.85 * step * aside * scale, base - 0.45 * unit, max(0.034 * unit, 0.4),
            sleeve, label, zbuffer, rgb, semantic,
        )  # fmt: skip
    ellipse(
        scene, depth - 0.04, centre, 0.5 * (hip + shoulder) - 0.01 * unit, max(0.13 * broad * unit, 0.6),
        0.21 * unit, coat, label, zbuffer, rgb, semantic,
    )  # fmt: skip
    limb(
        scene, depth - 0.041, centre, shoulder + 0.05 * unit, centre, hip + 0.02 * unit,
        max(0.105 * broad * unit, 0.55), coat, label, zbuffer, rgb, semantic,
    )  # fmt: skip
    head = base - 0.925 * unit
    ellipse(
        scene, depth - 0.05, centre, head - 0.008 * unit, max(0.062 * unit, 0.55), max(0.075 * unit, 0.6),
        hair, label, zbuffer, rgb, semantic,
    )  # fmt: skip
    if away < 0.35:  # the face, for those who come nearer or pass by
        ellipse(
            scene, depth - 0.051, centre + 0.02 * aside * unit, head + 0.014 * unit, 0.05 * unit, 0.06 * unit,
            skin, label, zbuffer, rgb, semantic,
        )  # fmt: skip


@inner_function
def _wheel(
    scene: Scene,
    depth: float,
    centre: float,
    base: float,
    scale: float,
    aside: float,
    air: Air,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a bicycle wheel: a ring as broad as it is seen from the side, of eight strokes."""
    tyre = hazed(30.0, 30.0, 34.0, 1.0, air)
    wide = max(0.33 * abs(aside), 0.02) * scale
    tall, middle = 0.33 * scale, base - 0.34 * scale
    before_x, before_y = wide, 0.0
    for part in range(1, 13):
        angle = part * (2.0 * math.pi / 12.0)
        x, y = wide * math.cos(angle), tall * math.sin(angle)
        limb(
            scene, depth, centre + before_x, middle + before_y, centre + x, middle + y,
            max(0.024 * scale, 0.35), tyre, np.int64(CYCLIST), zbuffer, rgb, semantic,
        )  # fmt: skip
        before_x, before_y = x, y


@inner_function
def _cyclist(
    scene: Scene,
    depth: float,
    centre: float,
    base: float,
    scale: float,
    high: float,
    away: float,
    aside: float,
    hue: float,
    moved: float,
    air: Air,
    zbuffer: FloatArray,
    rgb: ByteArray,
    semantic: ByteArray,
) -> None:
    """Draw a bicycle and its rider; ``ahead`` below is what a metre along the heading is in pixels."""
    number = int(hue * 64.0)
    ahead = aside * scale
    up = high / 1.75 * scale
    label = np.int64(CYCLIST)
    coat, trousers = _cloth(number, 1.0, air), hazed(48.0, 52.0, 66.0, 1.0, air)
    frame = _cloth(number >> 3, 0.9, air)
    skin, helmet = hazed(_SKIN[0], _SKIN[1], _SKIN[2], 1.0, air), _cloth((number >> 1) + 4, 1.05, air)
    thin = max(0.022 * scale, 0.35)
    for end in range(2):
        place = 0.53 if end else -0.53
        _wheel(
            scene, depth + place * away, centre + place * ahead, base, scale, aside, air, zbuffer, rgb,
            semantic,
        )  # fmt: skip
    crank_x, crank_y = centre - 0.06 * ahead, base - 0.3 * scale
    saddle_x, saddle_y = centre - 0.2 * ahead, base - 0.9 * up
    bars_x, bars_y = centre + 0.42 * ahead, base - 1.0 * up
    for bar in range(5):
        x0, y0, x1, y1 = crank_x, crank_y, saddle_x, saddle_y
        if bar == 1:
            x1, y1 = bars_x - 0.04 * ahead, bars_y + 0.15 * up
        elif bar == 2:
            x0, y0, x1, y1 = saddle_x, saddle_y + 0.1 * up, bars_x - 0.05 * ahead, bars_y + 0.12 * up
        elif bar == 3:
            x0, y0, x1, y1 = centre + 0.53 * ahead, base - 0.34 * scale, bars_x - 0.06 * ahead, bars_y
        elif bar == 4:
            x1, y1 = centre - 0.53 * ahead, base - 0.34 * scale
        limb(scene, depth - 0.01, x0, y0, x1, y1, thin, frame, label, zbuffer, rgb, semantic)
    # A handlebar is broad from the front and the back.
    limb(
        scene, depth + 0.42 * away - 0.01, bars_x - 0.26 * away * scale, bars_y, bars_x + 0.26 * away * scale,
        bars_y, thin, frame, label, zbuffer, rgb, semantic,
    )  # fmt: skip
    shoulder_x, shoulder_y = centre + 0.14 * ahead, base - 1.42 * up
    turn = moved * 2.2
    for side in range(2):
        sign = 1.0 if side else -1.0
        out = 0.1 * sign * away * scale
        pedal_x = crank_x + sign * 0.17 * math.sin(turn) * ahead + out
        pedal_y = crank_y - sign * 0.17 * math.cos(turn) * scale
        knee_x = 0.5 * (saddle_x + pedal_x) + 0.17 * ahead + 0.5 * out
        knee_y = 0.5 * (saddle_y + pedal_y) - 0.08 * up
        place = depth - 0.02 - 0.02 * sign * (1.0 if aside > 0.0 else -1.0)
        half = max(0.065 * up, 0.45)
        limb(
            scene,
            place,
            saddle_x + out,
            saddle_y,
            knee_x,
            knee_y,
            half,
            trousers,
            label,
            zbuffer,
            rgb,
            semantic,
        )
        limb(
            scene,
            place,
            knee_x,
            knee_y,
            pedal_x,
            pedal_y,
            0.8 * half,
            trousers,
            label,
            zbuffer,
            rgb,
            semantic,
        )
        reach = 0.2 * sign * away * scale
        limb(
            scene, place - 0.03, shoulder_x + 0.8 * reach, shoulder_y + 0.06 * up, bars_x + reach, bars_y,
            max(0.045 * up, 0.4), coat, label, zbuffer, rgb, semantic,
        )  # fmt: skip
    broad = abs(away) + 0.7 * abs(aside)
    limb(
        scene, depth - 0.06, saddle_x, saddle_y, shoulder_x, shoulder_y, max(0.17 * broad * up, 0.6),
        coat, label, zbuffer, rgb, semantic,
    )  # fmt: skip
    head_x, head_y = shoulder_x + 0.1 * ahead, shoulder_y - 0.17 * up
    ellipse(
        scene, depth - 0.05, head_x, head_y, max(0.095 * up, 0.5), max(0.125 * up, 0.6),
        skin, label, zbuffer, rgb, semantic,
    )  # fmt: skip
    ellipse(
        scene, depth - 0.07, head_x - 0.02 * ahead, head_y - 0.07 * up, max(0.115 * up, 0.5), 0.08 * up,
        helmet, label, zbuffer, rgb, semantic,
    )  # fmt: skip
