"""What a person sees from above: the ground as the renderer draws it, and everything on it, heading up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, FloatArray
from mmenvs.core.kernels import entry_point, kernel
from mmenvs.driving import state as st
from mmenvs.driving.roads import network, surface
from mmenvs.driving.roads.compiled import MOST_GROUPS
from mmenvs.driving.roads.raster import CELL, LEVELS
from mmenvs.driving.sensors.goal import goal_corners
from mmenvs.driving.sensors.ground import headlight_mask, smooth_row
from mmenvs.driving.sensors.scene import L_EXTINCTION, L_TINT, L_WET, LAMP_AHEAD, light_of
from mmenvs.driving.sensors.signals import lamp_colour
from mmenvs.driving.sensors.vehicles import paint_of
from mmenvs.driving.weather import Look, look_at

if TYPE_CHECKING:
    from mmenvs.driving.roads.library import Maps
    from mmenvs.driving.simulator import DrivingSimulator
    from mmenvs.driving.state import Worlds

Picture = NDArray[np.uint8]
Points = NDArray[np.float64]

ACROSS = 84.0  # what the width of the picture shows [m]
EGO_ROW = 0.66  # where the ego is, as a share of the height from the top
_EGO_PAINT = (60.0, 156.0, 240.0)
_SHIFT = 4  # fractional bits of the coordinates that OpenCV takes
_GOAL = (88, 190, 255)


@kernel
def survey_worlds(
    begin: int,
    end: int,
    pixel: float,
    level: int,
    layers: FloatArray,
    light: FloatArray,
    factors: ByteArray,
    worlds: Worlds,
    maps: Maps,
    rgb: ByteArray,
) -> None:
    """Draw the ground of the worlds ``begin`` to ``end`` from above, each into the same ``rgb``.

    Args:
        begin: First world.
        end: One past the last world.
        pixel: Side of a pixel [m].
        level: Mip level to sample.
        layers: See :func:`~mmenvs.driving.roads.surface.layers`.
        light: Numbers of the look, shape (LIGHT_COLUMNS,).
        factors: Headlight mask, shape (height, 3 * width); (height, 0) without headlights.
        worlds: ``Worlds``.
        maps: ``Maps``.
        rgb: Shape (height, width, 3).
    """
    height, width = rgb.shape[0], rgb.shape[1]
    scale = 65536.0 / (CELL * (1 << level))
    left = 0.5 * (width - 1) * pixel
    for world in range(begin, end):
        ego = worlds.ego[world]
        slot = worlds.slot[world]
        cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
        for row in range(height):
            ahead = (EGO_ROW * height - row - 0.5) * pixel
            x = ego[st.X] + cos * ahead - sin * left - maps.origin[slot, 0]
            y = ego[st.Y] + sin * ahead + cos * left - maps.origin[slot, 1]
            smooth_row(
                x * scale, y * scale, sin * pixel * scale, -cos * pixel * scale, level, 0.0, pixel, 40.0,
                slot, maps, layers, light, factors[row], rgb[row],
            )  # fmt: skip


def mark_ground(picture: Picture, points: Points) -> None:
    """Lay a coloured sheet with a bright edge on a picture, in place; points are (column, row)."""
    if len(points) < 3:
        return
    sheet = picture.copy()
    cv2.fillPoly(sheet, [_fixed(points)], _GOAL, cv2.LINE_AA, _SHIFT)
    cv2.addWeighted(sheet, 0.45, picture, 0.55, 0.0, dst=picture)
    cv2.polylines(picture, [_fixed(points)], True, _GOAL, 3, cv2.LINE_AA, _SHIFT)


class Overhead:
    """Draws worlds of one simulator from above."""

    def __init__(self, simulator: DrivingSimulator, size: tuple[int, int]) -> None:
        """Prepare pictures of ``size`` (height, width) [pixels]."""
        self._simulator = simulator
        self._raw = np.zeros((*size, 3), np.uint8)
        self._per = size[1] / ACROSS  # pixels per metre
        self._level = int(np.clip(round(math.log2(max(1 / self._per / CELL, 1.0))), 0, LEVELS - 1))
        self._layers = surface.layers()
        self._lights: dict[int, tuple[NDArray[np.float64], NDArray[np.uint8]]] = {}
        self._entry: Any = None
        self._light = np.ones(3)

    def paint(self, world: int) -> Picture:
        """Return the picture of one world at the prepared size; it is overwritten by the next call."""
        worlds, maps = self._simulator.worlds, self._simulator.maps
        look = look_at(int(worlds.look[world]))
        if look.index not in self._lights:
            self._lights[look.index] = self._prepare(look)
        light, factors = self._lights[look.index]
        arguments = (1 / self._per, self._level, self._layers, light, factors, worlds, maps, self._raw)
        if self._entry is None:
            self._entry = entry_point(survey_worlds, 0, 1, *arguments)
        self._entry(world, world + 1, *arguments)
        self._light = light[L_TINT : L_TINT + 3]
        ego = worlds.ego[world]
        self._origin = ego[[st.X, st.Y]]
        heading = float(ego[st.HEADING])
        # Rows grow against the heading, columns to its right.
        self._turn = np.array(
            [[math.sin(heading), -math.cos(heading)], [-math.cos(heading), -math.sin(heading)]]
        )
        boxes = worlds.boxes[world, : worlds.box_count[world]]
        near = np.hypot(boxes[:, st.B_X] - ego[st.X], boxes[:, st.B_Y] - ego[st.Y]) < ACROSS
        everything = [*boxes[near], worlds.ego_box[world]]
        slot = int(worlds.slot[world])
        things = maps.scenery[slot, : maps.grid_start[slot].max()]
        things = things[np.hypot(things[:, 1] - ego[st.X], things[:, 2] - ego[st.Y]) < ACROSS]
        if worlds.spot[world] >= 0:
            mark_ground(self._raw, self._place(goal_corners(world, worlds, self._simulator.roads)))
        self._shadows(everything, things)
        for thing in things[np.isin(things[:, network.S_KIND], (network.HOUSE, network.POST, network.LAMP))]:
            self._structure(thing)
        for box in everything:
            self._box(box, box is everything[-1], int(worlds.steps[world]))
        for thing in things[np.isin(things[:, network.S_KIND], (network.TREE, network.BUSH))]:
            self._plant(thing, look)
        for head in maps.signals[slot, : maps.signal_count[slot]]:
            self._signal(head, worlds.lights[world])
        return self._raw

    def _prepare(self, look: Look) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Return the light of a look as seen from above: no haze between, and never too dark to see."""
        height, width = self._raw.shape[:2]
        light = light_of(look)
        light[L_EXTINCTION] = 0.0
        light[L_WET] *= 0.8
        light[L_TINT : L_TINT + 3] = np.maximum(light[L_TINT : L_TINT + 3], (0.3, 0.33, 0.42))
        if not look.weather.headlights:
            return light, np.zeros((height, 0), np.uint8)
        rows = (EGO_ROW * height - np.arange(height) - 0.5) / self._per
        # From above there is no perspective: each row is asked as if it were a metre away.
        mask = np.stack(
            [
                headlight_mask(
                    look, np.array([max(d, 1e-3)]), width, self._per * max(d, 1e-3), 0.0, LAMP_AHEAD
                )[0]
                for d in rows
            ]
        )
        floor = np.tile(np.round(128 * light[L_TINT : L_TINT + 3]), width).astype(np.uint8)
        return light, np.maximum(mask, floor)

    def _place(self, points: Points) -> Points:
        """Return where world points lie in the picture, shape (points, 2): column, row."""
        height, width = self._raw.shape[:2]
        middle = np.array([0.5 * width, EGO_ROW * height])
        return np.asarray((points - self._origin) @ self._turn.T * self._per + middle)

    def _corners(self, thing: NDArray[np.float32], shape: Points) -> Points:
        """Return the picture's points of a shape in the frame of a box of the world [m]."""
        cos, sin = float(thing[st.B_COS]), float(thing[st.B_SIN])
        turn = np.array([[cos, sin], [-sin, cos]])
        return self._place(shape @ turn + thing[[st.B_X, st.B_Y]])

    def _fill(self, points: Points, colour: tuple[float, ...], lit: bool = True) -> None:
        shown = np.clip(np.array(colour) * (self._light if lit else 1.0), 0, 255)
        cv2.fillPoly(self._raw, [_fixed(points)], shown.tolist(), cv2.LINE_AA, _SHIFT)

    def _disc(
        self, centre: Points, radius: float, colour: tuple[float, float, float], lit: bool = True
    ) -> None:
        shown = np.clip(np.array(colour) * (self._light if lit else 1.0), 0, 255)
        place = _fixed(centre).tolist()
        cv2.circle(
            self._raw,
            place,
            round(radius * self._per * (1 << _SHIFT)),
            shown.tolist(),
            -1,
            cv2.LINE_AA,
            _SHIFT,
        )

    def _shadows(self, boxes: list[NDArray[np.float32]], things: NDArray[np.float32]) -> None:
        """Darken the ground to the lower right of everything that stands."""
        mask = np.zeros(self._raw.shape[:2], np.uint8)
        fall = np.array([0.32, 0.32]) * self._per  # in the picture, per metre of height
        for box in boxes:
            points = self._corners(
                box, _rounded(float(box[st.B_HALF_LENGTH]), float(box[st.B_HALF_WIDTH]), 0.3)
            )
            cv2.fillPoly(
                mask,
                [_fixed(points + fall * min(float(box[st.B_HEIGHT]), 4.0) * 0.6)],
                110,
                cv2.LINE_AA,
                _SHIFT,
            )
        for thing in things:
            tall = float(thing[network.S_HEIGHT])
            if thing[network.S_KIND] == network.HOUSE:
                points = self._corners(
                    _as_box(thing), _rounded(float(thing[5]) + 0.4, float(thing[6]) + 0.4, 0.05)
                )
                cv2.fillPoly(mask, [_fixed(points + fall * tall * 0.6)], 110, cv2.LINE_AA, _SHIFT)
            elif thing[network.S_KIND] in (network.TREE, network.BUSH):
                centre = self._place(thing[None, 1:3].astype(np.float64))[0] + fall * tall * 0.4
                radius = round(float(thing[network.S_HALF_WIDTH]) * self._per * (1 << _SHIFT))
                cv2.circle(mask, _fixed(centre).tolist(), radius, 110, -1, cv2.LINE_AA, _SHIFT)
        soft = cv2.GaussianBlur(mask, (0, 0), 0.14 * self._per)
        self._raw[:] = (self._raw * (1.0 - soft[..., None] / 255.0)).astype(np.uint8)

    def _structure(self, thing: NDArray[np.float32]) -> None:
        """Draw a house by its roof, and a post or a lamp by its top."""
        long, wide, hue = float(thing[5]), float(thing[6]), float(thing[network.S_HUE])
        box = _as_box(thing)
        if thing[network.S_KIND] != network.HOUSE:
            tone = 236.0 if thing[network.S_KIND] == network.POST else 150.0
            self._disc(
                self._place(thing[None, 1:3].astype(np.float64))[0], max(long, 0.14), (tone, tone, tone)
            )
            return
        long, wide = long + 0.4, wide + 0.4
        for side, shade in ((1.0, 1.08), (-1.0, 0.82)):
            half = np.array([[-long, 0], [long, 0], [long, side * wide], [-long, side * wide]])
            self._fill(
                self._corners(box, half), (shade * (164 + 30 * hue), shade * (84 + 14 * hue), shade * 62)
            )
        ridge = np.array([[-long, -0.12], [long, -0.12], [long, 0.12], [-long, 0.12]])
        self._fill(self._corners(box, ridge), (196, 120, 92))

    def _plant(self, thing: NDArray[np.float32], look: Look) -> None:
        """Draw a crown as leafy discs, lighter towards the light."""
        centre = self._place(thing[None, 1:3].astype(np.float64))[0]
        radius, hue = float(thing[network.S_HALF_WIDTH]), float(thing[network.S_HUE])
        leaf = np.array([56 + 44 * hue, 98 + 16 * hue, 40 + 8 * hue]) * look.variant.leaves
        rng = np.random.default_rng(int(hue * 1e6))
        for shade, reach, size in (
            (0.66, 0.0, 1.0),
            (0.84, 0.34, 0.62),
            (1.04, 0.36, 0.44),
            (1.24, 0.26, 0.3),
        ):
            for _ in range(1 if reach == 0.0 else 5):
                angle, away = rng.uniform(0, 2 * math.pi), rng.uniform(0.3, 1) * reach * radius
                lean = -0.12 * radius * (shade - 0.66)
                place = np.array([math.cos(angle) * away + lean, math.sin(angle) * away + lean]) * self._per
                self._disc(centre + place, size * radius, tuple((shade * leaf).tolist()))

    def _box(self, box: NDArray[np.float32], is_ego: bool, step: int) -> None:
        """Draw a vehicle, a person or an obstacle."""
        kind = int(box[st.B_KIND])
        long, wide = float(box[st.B_HALF_LENGTH]), float(box[st.B_HALF_WIDTH])
        centre = self._place(box[None, [st.B_X, st.B_Y]].astype(np.float64))[0]
        paint = _EGO_PAINT if is_ego else paint_of(float(box[st.B_HUE]))
        if kind == st.CONE:
            self._fill(self._corners(box, _rounded(long, wide, 0.05)), (190, 74, 30))
            for share, colour in ((0.74, (246, 110, 34)), (0.46, (246, 246, 240)), (0.24, (246, 110, 34))):
                self._disc(centre, share * wide, colour)
        elif kind == st.BARRIER:
            for stripe in range(6):
                low, high = (stripe / 3 - 1) * wide, ((stripe + 1) / 3 - 1) * wide
                part = np.array([[-long, low], [long, low], [long, high], [-long, high]])
                self._fill(self._corners(box, part), (214, 60, 40) if stripe % 2 else (228, 228, 224))
        elif kind == st.PEDESTRIAN:
            self._fill(self._corners(box, _rounded(0.2, 0.3, 0.18)), _cloth(box))
            self._disc(centre, 0.14, (92, 66, 48))
        elif kind == st.CYCLIST:
            self._fill(self._corners(box, _rounded(long, 0.07, 0.06)), (40, 40, 46))
            self._fill(self._corners(box, _rounded(0.06, 0.28, 0.04) + np.array([0.42, 0])), (60, 60, 66))
            self._fill(self._corners(box, _rounded(0.34, 0.24, 0.18)), _cloth(box))
            self._disc(self._corners(box, np.array([[0.2, 0.0]]))[0], 0.15, (232, 232, 228))
        else:
            self._vehicle(box, kind, long, wide, paint, step)

    def _vehicle(
        self,
        box: NDArray[np.float32],
        kind: int,
        long: float,
        wide: float,
        paint: tuple[float, float, float],
        step: int,
    ) -> None:
        """Draw a car, a van, a lorry or a rescue vehicle."""
        glass, roof = (38.0, 46.0, 58.0), tuple(min(1.1 * c + 6, 255.0) for c in paint)
        if kind == st.LORRY:
            pale = tuple(c + (226 - c) * 0.45 for c in paint)
            self._fill(
                self._corners(box, _rounded(0.22 * long, 0.97 * wide, 0.25) + np.array([0.78 * long, 0])),
                paint,
            )
            self._fill(
                self._corners(box, _rounded(0.05 * long, 0.82 * wide, 0.1) + np.array([0.88 * long, 0])),
                glass,
            )
            self._fill(
                self._corners(box, _rounded(0.75 * long, wide, 0.08) + np.array([-0.25 * long, 0])), pale
            )
            self._fill(
                self._corners(box, _rounded(0.7 * long, 0.08, 0.05) + np.array([-0.25 * long, 0])), paint
            )
            return
        body = paint
        if kind == st.EMERGENCY:
            body = (240.0, 240.0, 236.0) if box[st.B_HUE] < 0.6 else (206.0, 32.0, 30.0)
            roof = body
        self._fill(self._corners(box, _rounded(long, wide, 0.42 * wide)), body)
        tall = kind in (st.VAN, st.EMERGENCY)
        cabin, middle = (0.86, -0.05) if tall else (0.58, -0.12)
        self._fill(
            self._corners(
                box, _rounded(cabin * long, 0.88 * wide, 0.34 * wide) + np.array([middle * long, 0])
            ),
            glass,
        )
        top, shift = (0.7, -0.14) if tall else (0.36, -0.16)
        self._fill(
            self._corners(box, _rounded(top * long, 0.8 * wide, 0.24 * wide) + np.array([shift * long, 0])),
            roof,
        )
        for side in (-0.7, 0.7):
            lamp = _rounded(0.08, 0.2, 0.06)
            self._fill(
                self._corners(box, lamp + np.array([0.95 * long, side * wide])), (255, 246, 214), lit=False
            )
            self._fill(
                self._corners(box, lamp + np.array([-0.96 * long, side * wide])), (206, 30, 26), lit=False
            )
        if kind == st.EMERGENCY:
            for side in (-0.4, 0.4):
                on = (step >> 1 & 1) == (side > 0)
                colour = (90.0, 160.0, 255.0) if on else (24.0, 60.0, 150.0)
                self._fill(
                    self._corners(box, _rounded(0.14, 0.3, 0.1) + np.array([0.3 * long, side * wide])),
                    colour,
                    lit=False,
                )

    def _signal(self, head: NDArray[np.float32], lights: NDArray[np.uint8]) -> None:
        """Draw the lit lamp of a signal head, with a glow."""
        group = int(head[4])
        colour = np.array(lamp_colour(int(lights[group]) if 0 <= group < MOST_GROUPS else st.RED))
        centre = self._place(head[None, :2].astype(np.float64))[0]
        height, width = self._raw.shape[:2]
        if not (0 <= centre[0] < width and 0 <= centre[1] < height):
            return
        self._disc(centre, 0.75, (26, 28, 32), lit=False)
        self._disc(centre, 0.5, tuple(colour.tolist()), lit=False)


def _rounded(half_length: float, half_width: float, radius: float) -> Points:
    """Return the outline of a rounded rectangle around zero [m], shape (points, 2)."""
    radius = min(radius, half_length, half_width)
    quarter = np.linspace(0, math.pi / 2, 6)
    arc = radius * np.stack([np.cos(quarter), np.sin(quarter)], 1)
    corner = np.array([half_length - radius, half_width - radius])
    first = arc + corner
    mirrored = first[::-1] * (-1, 1)
    return np.concatenate([first, mirrored, -first, -mirrored])


def _as_box(thing: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return scenery in the columns of a box of the world, as far as its pose goes."""
    box = np.zeros(st.BOX_COLUMNS, np.float32)
    box[[st.B_X, st.B_Y, st.B_COS, st.B_SIN]] = thing[
        [network.S_X, network.S_Y, network.S_COS, network.S_SIN]
    ]
    return box


def _cloth(box: NDArray[np.float32]) -> tuple[float, float, float]:
    hue = int(float(box[st.B_HUE]) * 64) & 7
    return _CLOTHES[hue]


_CLOTHES = (
    (196.0, 48.0, 44.0), (42.0, 74.0, 138.0), (228.0, 196.0, 62.0), (62.0, 62.0, 70.0),
    (226.0, 224.0, 216.0), (54.0, 118.0, 92.0), (136.0, 92.0, 144.0), (150.0, 108.0, 74.0),
)  # fmt: skip


def _fixed(points: Points) -> NDArray[np.int32]:
    """Return coordinates with fractional bits, as OpenCV takes them."""
    return np.round((points - 0.5) * (1 << _SHIFT)).astype(np.int32)
