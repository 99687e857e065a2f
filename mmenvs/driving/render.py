"""What a person sees: the world from behind the car, from its seat or from above, and a small dashboard."""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import entry_point
from mmenvs.driving import observing
from mmenvs.driving import state as st
from mmenvs.driving.config import VIEWS
from mmenvs.driving.sensors.bev import CLASS_COLOURS
from mmenvs.driving.sensors.camera import View, make_view
from mmenvs.driving.sensors.goal import goal_corners
from mmenvs.driving.sensors.overhead import Overhead, mark_ground

if TYPE_CHECKING:
    from mmenvs.driving.simulator import DrivingSimulator

Picture = NDArray[np.uint8]

_OVERSAMPLING = 2
_MOST_VIEWS = 6  # cameras kept ready
_CUT = 0.5  # nearest point of the ground that is marked [m]
_INK = (245, 247, 250)
_FAINT = (168, 178, 190)
_ACCENT = (88, 190, 255)
_GOOD, _BAD = (96, 214, 128), (255, 104, 92)
_FONT = cv2.FONT_HERSHEY_DUPLEX


class Painter:
    """Draws worlds of one simulator, from its ``view``."""

    def __init__(self, simulator: DrivingSimulator) -> None:
        """Prepare the picture; cameras follow when they are first needed."""
        self._simulator = simulator
        config = simulator.config
        height, width = config.render_size
        self._size = (height * _OVERSAMPLING, width * _OVERSAMPLING)
        self._raw = np.zeros((*self._size, 3), np.uint8)
        self._views: OrderedDict[tuple[str, int], View] = OrderedDict()
        self._overhead: Overhead | None = None
        self._entry: Any = None

    def paint(self, world: int) -> Picture:
        """Return the picture of one world, shape (height, width, 3).

        Raises:
            ValueError: If the simulator's view is none of :data:`~mmenvs.driving.config.VIEWS`.
        """
        simulator = self._simulator
        if simulator.view not in VIEWS:
            raise ValueError(f"view={simulator.view!r} must be one of {', '.join(map(repr, VIEWS))}")
        if simulator.view == "top":
            if self._overhead is None:
                self._overhead = Overhead(simulator, self._size)
            raw = self._overhead.paint(world)
        else:
            raw = self._photograph(world)
        height, width = simulator.config.render_size
        picture: Picture = np.ascontiguousarray(
            cv2.resize(raw, (width, height), interpolation=cv2.INTER_AREA)
        )
        if simulator.config.dashboard:
            self._dashboard(picture, world)
        return picture

    def _photograph(self, world: int) -> Picture:
        """Take the picture of the camera behind the car, or of the driver's."""
        simulator = self._simulator
        worlds = simulator.worlds
        view = self._camera(simulator.view, int(worlds.look[world]))
        arguments = (
            view,
            worlds,
            simulator.maps,
            self._raw,
        )
        if self._entry is None:
            self._entry = entry_point(observing.portray_worlds, 0, 1, *arguments)
        self._entry(world, world + 1, *arguments)
        if worlds.spot[world] >= 0:
            corners = goal_corners(world, worlds, simulator.roads)
            mark_ground(self._raw, project_ground(corners, worlds.ego[world], view))
        return self._raw

    def _camera(self, name: str, look: int) -> View:
        """Return a camera that knows one look: the sky of each is some MiB, so only a few are kept."""
        key = (name, look)
        if key not in self._views:
            if name == "chase":
                made = make_view(
                    self._size,
                    70.0,
                    mount_height=3.3,
                    mount_ahead=-10.4,
                    horizon=0.35,
                    show_ego=True,
                    looks=(look,),
                )
            else:
                made = make_view(self._size, 74.0, horizon=0.46, looks=(look,))
            self._views[key] = made
            while len(self._views) > _MOST_VIEWS:
                self._views.popitem(last=False)
        self._views.move_to_end(key)
        return self._views[key]

    def _dashboard(self, picture: Picture, world: int) -> None:
        """Draw speed, steering, reward and progress along the bottom, and sensor thumbnails on top."""
        simulator = self._simulator
        ego = simulator.worlds.ego[world]
        height, width = picture.shape[:2]
        unit = height / 360
        bar = int(46 * unit)
        _glass(picture, 0, height - bar, width, bar)
        middle = height - bar // 2
        speed = ego[st.SPEED] * 3.6
        x = int(14 * unit)
        _text(picture, f"{speed:3.0f}", (x, middle + int(9 * unit)), 0.86 * unit, _INK)
        _text(picture, "km/h", (x + int(58 * unit), middle + int(8 * unit)), 0.4 * unit, _FAINT)
        _wheel(picture, (int(130 * unit), middle), int(15 * unit), float(ego[st.STEERING]))
        _text(picture, "STEER", (int(152 * unit), middle + int(5 * unit)), 0.36 * unit, _FAINT)
        _meter(picture, (int(210 * unit), middle), float(ego[st.PEDAL]), unit)
        reward = float(simulator.rewards[world])
        colour = _GOOD if reward > 0 else _BAD if reward < 0 else _FAINT
        _text(picture, "REWARD", (int(318 * unit), middle + int(5 * unit)), 0.36 * unit, _FAINT)
        _text(picture, f"{reward:+.2f}", (int(368 * unit), middle + int(6 * unit)), 0.52 * unit, colour)
        _progress(picture, simulator, world, (int(446 * unit), middle), int(176 * unit), unit)
        flags = simulator.worlds.flags[world]
        for flag, label, tint in (
            (st.COLLISION, "COLLISION", _BAD),
            (st.OFF_ROAD, "OFF ROAD", _BAD),
            (st.RED_LIGHT, "RED LIGHT", _BAD),
            (st.OFF_ROUTE, "OFF ROUTE", _BAD),
            (st.OBSTRUCTION, "IN THE WAY", _BAD),
            (st.SUCCESS, "FINISH", _GOOD),
        ):
            if flags[flag]:
                size = cv2.getTextSize(label, _FONT, 1.1 * unit, 2)[0]
                place = ((width - size[0]) // 2, int(0.24 * height))
                _glass(
                    picture,
                    place[0] - int(16 * unit),
                    place[1] - int(34 * unit),
                    size[0] + int(32 * unit),
                    int(50 * unit),
                )
                _text(picture, label, place, 1.1 * unit, tint, 2)
                break
        if "instruction" in simulator.observations:
            self._instruction(picture, simulator.instruction_text(world), height - bar, unit)
        self._thumbnails(picture, world, unit)

    def _instruction(self, picture: Picture, text: str, bottom: int, unit: float) -> None:
        """Write what the navigator says, above the dashboard."""
        size = cv2.getTextSize(text, _FONT, 0.46 * unit, 1)[0]
        x = (picture.shape[1] - size[0]) // 2
        _glass(picture, x - int(12 * unit), bottom - int(34 * unit), size[0] + int(24 * unit), int(26 * unit))
        _text(picture, text, (x, bottom - int(16 * unit)), 0.46 * unit, _INK)

    def _thumbnails(self, picture: Picture, world: int, unit: float) -> None:
        """Show what the agent sees, in a row at the upper right."""
        observations = self._simulator.observations
        side = int(84 * unit)
        gap = int(8 * unit)
        panels: list[tuple[str, NDArray[Any]]] = []
        if "camera" in observations:
            panels.append(("camera", observations["camera"][world][..., -3:]))  # the newest of a stack
        if "semantic" in observations:
            panels.append(("semantic", CLASS_COLOURS[observations["semantic"][world, ..., 0]]))
        if "depth" in observations:
            near = (255 * (1 - observations["depth"][world, ..., 0]) ** 2).astype(np.uint8)
            panels.append(("depth", cv2.applyColorMap(near, cv2.COLORMAP_MAGMA)[..., ::-1]))
        if "lidar" in observations:
            beams = self._simulator.config.lidar_beams
            nearest = observations["lidar"][world].reshape(-1, beams).min(axis=0)
            panels.append(("lidar", lidar_plot(nearest, side * 2)))
        if "bev" in observations:
            seen = observations["bev"][world]
            panels.append(("bev", seen if seen.shape[2] == 3 else CLASS_COLOURS[seen[..., 0]]))
        x = picture.shape[1] - gap
        for name, panel in reversed(panels):
            x -= side
            enlarge = cv2.INTER_AREA if panel.shape[0] > side else cv2.INTER_LINEAR
            small = cv2.resize(np.ascontiguousarray(panel), (side, side), interpolation=enlarge)
            picture[gap : gap + side, x : x + side] = small
            cv2.rectangle(picture, (x - 1, gap - 1), (x + side, gap + side), (28, 32, 38), 1, cv2.LINE_AA)
            _glass(picture, x, gap + side - int(15 * unit), side, int(15 * unit))
            _text(picture, name, (x + int(5 * unit), gap + side - int(4 * unit)), 0.34 * unit, _INK)
            x -= gap


def project_ground(points: NDArray[np.float64], ego: NDArray[np.float64], view: View) -> NDArray[np.float64]:
    """Return where a polygon on the ground lies in a picture, cut off just before the eye.

    Args:
        points: Its corners [m], shape (corners, 2).
        ego: Row of ``Worlds.ego``.
        view: The camera, which looks ahead.

    Returns:
        Corners as (column, row), shape (n, 2); none if all of it lies behind the eye.
    """
    cos, sin = math.cos(ego[st.HEADING]), math.sin(ego[st.HEADING])
    away = points - (ego[st.X] + view.mount_ahead * cos, ego[st.Y] + view.mount_ahead * sin)
    depth, across = away @ (cos, sin), away @ (sin, -cos)
    corners: list[tuple[float, float]] = []
    for k in range(len(points)):
        near, far = depth[k - 1], depth[k]
        if (near < _CUT) != (far < _CUT):
            share = (_CUT - near) / (far - near)
            corners.append((_CUT, across[k - 1] + share * (across[k] - across[k - 1])))
        if far >= _CUT:
            corners.append((far, across[k]))
    ahead, aside = np.array(corners, np.float64).reshape(-1, 2).T
    scale = view.focal / ahead
    return np.stack([aside * scale + 0.5 * view.width, view.horizon + view.mount_height * scale], axis=1)


def lidar_plot(scan: NDArray[np.float32], side: int) -> Picture:
    """Draw a scan from above, the car in the middle and ahead up.

    Args:
        scan: Readings in [0, 1], shape (beams,).
        side: Height and width of the picture [pixels].

    Returns:
        RGB picture, shape (side, side, 3).
    """
    picture = np.full((side, side, 3), (17, 21, 28), np.uint8)
    centre, radius = side / 2, side / 2 - 3
    middle = (round(centre), round(centre))
    for ring in (0.25, 0.5, 0.75, 1.0):
        cv2.circle(picture, middle, int(radius * ring), (42, 50, 62), 1, cv2.LINE_AA)
    angles = np.arange(len(scan)) * (2 * math.pi / len(scan))
    # Nearby returns are what matters: the square root spreads them.
    distance = np.sqrt(scan) * radius
    points = np.stack([centre - np.sin(angles) * distance, centre - np.cos(angles) * distance], 1)
    outline = np.round(points).astype(np.int32)
    cv2.fillPoly(picture, [outline], (26, 40, 54), cv2.LINE_AA)
    for (x, y), value in zip(outline.tolist(), scan.tolist(), strict=True):
        if value < 1.0:
            heat = (255, int(90 + 150 * value), int(60 + 60 * value))
            cv2.circle(picture, (x, y), max(side // 60, 1), heat, -1, cv2.LINE_AA)
    half = max(side // 60, 2)
    cv2.rectangle(
        picture,
        (middle[0] - half, middle[1] - 2 * half),
        (middle[0] + half, middle[1] + 2 * half),
        _ACCENT,
        -1,
    )
    return picture


def _glass(picture: Picture, x: int, y: int, width: int, height: int) -> None:
    """Darken a rectangle so that writing on it reads well."""
    patch = picture[max(y, 0) : y + height, max(x, 0) : x + width]
    patch[:] = (patch * 0.36 + np.array([9.0, 11.0, 15.0])).astype(np.uint8)


def _text(
    picture: Picture,
    text: str,
    place: tuple[int, int],
    size: float,
    colour: tuple[int, int, int],
    weight: int = 1,
) -> None:
    cv2.putText(picture, text, place, _FONT, size, colour, weight, cv2.LINE_AA)


def _wheel(picture: Picture, centre: tuple[int, int], radius: int, steering: float) -> None:
    """Draw a steering wheel turned as far as a driver would turn it."""
    cv2.circle(picture, centre, radius, _INK, 2, cv2.LINE_AA)
    turn = -steering * 4.0  # a steering ratio that shows even small corrections
    for spoke in (0.0, 2.1, -2.1):
        angle = turn + spoke + math.pi / 2
        tip = (round(centre[0] + radius * math.cos(angle)), round(centre[1] + radius * math.sin(angle)))
        cv2.line(picture, centre, tip, _ACCENT if spoke == 0.0 else _INK, 2, cv2.LINE_AA)


def _meter(picture: Picture, place: tuple[int, int], pedal: float, unit: float) -> None:
    """Draw the pedal as a bar that grows right when it accelerates and left when it brakes."""
    x, y = place
    half, thick = int(40 * unit), int(4 * unit)
    cv2.rectangle(picture, (x, y - thick), (x + 2 * half, y + thick), (70, 76, 86), -1)
    tip = x + half + int(half * pedal)
    cv2.rectangle(picture, (x + half, y - thick), (tip, y + thick), _GOOD if pedal > 0 else _BAD, -1)
    cv2.line(picture, (x + half, y - thick - 2), (x + half, y + thick + 2), _INK, 1, cv2.LINE_AA)


def _progress(
    picture: Picture,
    simulator: DrivingSimulator,
    world: int,
    place: tuple[int, int],
    length: int,
    unit: float,
) -> None:
    """Draw how far along the route the car is."""
    share = float(simulator.completion[world])
    x, y = place
    thick = max(int(2 * unit), 1)
    cv2.rectangle(picture, (x, y - thick), (x + length, y + thick), (70, 76, 86), -1)
    cv2.rectangle(picture, (x, y - thick), (x + int(length * share), y + thick), _ACCENT, -1)
    cv2.circle(picture, (x + int(length * share), y), int(6 * unit), _INK, -1, cv2.LINE_AA)
