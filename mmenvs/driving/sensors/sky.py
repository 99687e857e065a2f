"""The sky and the hills of a look, painted once, and copied into every picture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray
from mmenvs.core.kernels import inner_function
from mmenvs.driving.weather import WEATHERS, Look

if TYPE_CHECKING:
    from mmenvs.driving.sensors.camera import View

_STARS = 1500  # on the visible band of the sky
_SUN_RADIUS, _MOON_RADIUS = 0.016, 0.022  # larger than life, as on photographs [rad]


def paint_sky(rows: int, azimuths: int, width: int, focal: float, look: Look) -> NDArray[np.uint8]:
    """Paint a look's full turn of sky: a gradient, soft clouds, sun or moon and stars, two ranges of hills.

    Args:
        rows: Rows above the horizon.
        azimuths: Pixels of the full turn, growing to the right (clockwise).
        width: Columns of a picture: so many are repeated after the full turn.
        focal: Focal length [pixels].
        look: The look.

    Returns:
        Shape (rows, 3 * (azimuths + width)).
    """
    weather, variant = look.weather, look.variant
    elevation = ((rows - np.arange(rows) - 0.5) / focal)[:, None]
    angle = (np.arange(azimuths) / azimuths * 2 * math.pi)[None]
    share = np.clip(elevation / 0.55, 0, 1)[..., None] ** 0.8
    tint = np.array(variant.sky)
    gradient = np.array(weather.horizon) * tint * (1 - share) + np.array(weather.zenith) * tint * share
    image = np.repeat(gradient, azimuths, axis=1)
    # The panorama grows clockwise, the world's angles counter-clockwise.
    turned = np.remainder(angle + variant.azimuth + math.pi, 2 * math.pi) - math.pi
    offset = np.asarray(turned, np.float64)
    if weather.night:
        _add_stars(image, focal)
    if weather.glare > 0 or weather.night:
        _add_sun(image, np.asarray(elevation, np.float64), offset, look)
    rng = np.random.default_rng(variant.cloud_seed)
    cloud = np.zeros((rows, azimuths))
    for octave in range(1, 6):
        for _ in range(4):
            turns = int(rng.integers(1, 4)) * 2**octave
            lift = rng.uniform(-1, 1) * 2**octave * 2.5
            cloud += np.sin(turns * angle + lift * elevation * 8 + rng.uniform(0, 7)) / 2**octave
    more = 1.2 * (weather.clouds + variant.clouds * min(weather.clouds, 1 - weather.clouds) * 2 - 0.5)
    cover = np.clip(cloud * 0.55 - 0.05 + more, 0, 1) * np.clip((elevation - 0.05) / 0.2, 0, 1)
    cover *= weather.clouds > 0
    image += (np.array(weather.cloud) - image) * (0.75 * cover)[..., None]
    thicker = weather.extinction - WEATHERS["clear"].extinction
    for base, height, colour, seed, distance in (
        (0.035, 0.03, (150, 172, 186), 1, 420.0),
        (0.012, 0.022, (112, 140, 118), 2, 210.0),
    ):
        rng = np.random.default_rng(seed)
        crest = np.full(azimuths, base)
        for turns in (2, 3, 5, 9, 17, 31, 57):
            crest += height * np.sin(turns * angle[0] + rng.uniform(0, 7)) / turns**0.7 * 0.6
        cover = np.clip((crest[None] - elevation) * focal + 0.5, 0, 1)[..., None]
        keep = math.exp(-max(thicker, 0.0) * distance)
        hill = np.array(colour, np.float64) * np.array(weather.tint) * keep + np.array(weather.haze) * (
            1 - keep
        )
        image += (hill - image) * cover
    image = np.concatenate([image, np.tile(image, (1, -(-width // azimuths), 1))[:, :width]], axis=1)
    return np.clip(np.round(image), 0, 255).astype(np.uint8).reshape(rows, -1)


def _add_sun(
    image: NDArray[np.float64], elevation: NDArray[np.float64], offset: NDArray[np.float64], look: Look
) -> None:
    """Add a low sun, its glow and the bright band above the horizon; or the moon and its halo."""
    weather = look.weather
    height = math.radians(weather.sun_elevation)
    distance = np.sqrt((offset * math.cos(height)) ** 2 + (elevation - height) ** 2)[..., None]
    if weather.night:
        halo = 0.34 * np.exp(-distance / 0.035) + 0.1 * np.exp(-distance / 0.22)
        image += (np.array([170.0, 182.0, 210.0]) - image) * halo
        disc = np.clip((_MOON_RADIUS - distance) / 0.003, 0, 1)
        image += (np.array([244.0, 240.0, 222.0]) - image) * disc
        return
    towards = (0.5 + 0.5 * np.cos(offset))[..., None]
    band = np.exp(-elevation / 0.16)[..., None] * (0.15 + 0.6 * towards**3)
    image += (np.array([255.0, 184.0, 112.0]) - image) * band
    glow = 0.75 * np.exp(-distance / 0.3)
    image += (np.array([255.0, 214.0, 150.0]) - image) * glow
    glow = 0.9 * np.exp(-distance / 0.055)
    image += (np.array([255.0, 242.0, 208.0]) - image) * glow
    disc = np.clip((_SUN_RADIUS - distance) / 0.004, 0, 1)
    image += (np.array([255.0, 253.0, 240.0]) - image) * disc


def _add_stars(image: NDArray[np.float64], focal: float) -> None:
    """Add stars, the brightest first, as many as the resolution can carry."""
    rows, azimuths = image.shape[:2]
    rng = np.random.default_rng(5)
    turn, height = rng.random(_STARS), rng.random(_STARS)
    bright = np.sort(rng.exponential(0.25, _STARS))[::-1]
    size = max(0.45, 0.0009 * focal)
    for k in range(min(_STARS, rows * azimuths // 300)):
        x, y = turn[k] * azimuths, rows - (0.04 + 0.8 * height[k]) * focal
        for row in range(max(int(y - 2 * size), 0), min(int(y + 2 * size) + 1, rows)):
            for column in range(int(x - 2 * size), int(x + 2 * size) + 1):
                square = (row + 0.5 - y) ** 2 + (column + 0.5 - x) ** 2
                light = min(bright[k], 0.9) * math.exp(-square / (size * size))
                image[row, column % azimuths] += light * np.array([200.0, 206.0, 222.0])


@inner_function
def copy_sky(
    view: View,
    row: int,
    heading: float,
    rgb: ByteArray,
) -> None:
    """Copy the part of the panorama that lies ahead, for agents; ``row`` is that of the look.

    Each row of pixels is one run of bytes, as if the picture were a cylinder: up to half the field of
    view from the axis that is off by less than the clouds are wide; people get :func:`copy_exact_sky`.
    """
    azimuths = view.azimuths
    base = int(math.floor(heading / (2.0 * math.pi) * azimuths))
    start = 3 * ((azimuths - 1 - base - view.width // 2) & (azimuths - 1))
    flat = rgb.reshape(view.height, 3 * view.width)
    panorama = view.panorama[row]
    for line in range(view.horizon):
        # Slices, so that the compiler sees two plain runs of bytes and copies them in wide words.
        target = flat[line]
        source = panorama[line, start : start + 3 * view.width]
        for k in range(len(target)):
            target[k] = source[k]


@inner_function
def copy_exact_sky(
    view: View,
    row: int,
    heading: float,
    rgb: ByteArray,
) -> None:
    """Copy the part of the panorama that lies ahead, each column at its own azimuth."""
    azimuths = view.azimuths
    base = int(math.floor(heading / (2.0 * math.pi) * azimuths))
    for line in range(view.horizon):
        for column in range(view.width):
            place = azimuths - 1 - ((base + view.azimuth[column]) & (azimuths - 1))
            for channel in range(3):
                rgb[line, column, channel] = view.panorama[row, line, 3 * place + channel]
