"""Weather and light: one table that the camera, the lidar, the radar and the tyres all read.

A :class:`Weather` holds the physics and the colours of one kind of weather.  A *look* is a weather in
one of :data:`VARIANTS` variants, which change the colours of grass, asphalt and leaves, the clouds and
the direction of the light, but never the physics.  Looks are numbered ``weather * VARIANTS + variant``;
``Worlds.look`` holds one such number, and look 0 is the plain clear day.

Formulas and where they come from:

- *Visibility.*  An object's contrast falls by ``exp(-extinction * distance)``; visibility is where 2 % of
  it are left, so ``extinction = 3.912 / visibility`` (Koschmieder, Beitr. Phys. freien Atmos. 12, 1924).
- *Lidar.*  The echo of a flat target is ``exp(-2 * extinction * d) / d^2``.  A lidar whose weakest usable
  echo is that of a target at its range in clear air reaches in bad air the ``d`` that solves
  ``d * exp(extinction * d) = range``.  Fog and rain drops are large against both wavelengths, so the
  extinction of laser light is that of visible light (Kim, McArthur and Korevaar, Proc. SPIE 4214, 2001).
  In rain a reading errs by ``sigma = 0.02 d (1 - exp(-R))^2`` (Goodin et al., Electronics 8, 89, 2019).
- *Radar.*  Rain takes ``1.1253 R^0.7188`` dB per km of a 76.5 GHz wave (ITU-R P.838-3, horizontal
  polarisation), both ways, and an echo falls with ``d^4``: the reach solves
  ``40 log10(range / d) = 2 * attenuation * d``.
- *Friction* is relative to dry asphalt: wet asphalt gives 0.5 to 0.7 against 0.8 to 0.9 (Wong, Theory of
  Ground Vehicles, ch. 1).
- *Wet asphalt* is about half as bright (Lekner and Dorf, Appl. Opt. 27, 1988) and mirrors the sky by
  Schlick's approximation of Fresnel's law (Computer Graphics Forum 13, 1994).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import IntArray
from mmenvs.core.kernels import device_function
from mmenvs.core.random import mix

RGB = tuple[float, float, float]

CONTRAST = 3.912  # -ln(0.02), the contrast at the limit of visibility
RAIN_K, RAIN_ALPHA = 1.1253, 0.7188  # ITU-R P.838-3 at 76.5 GHz, horizontal
VARIANTS = 4
_LOOK_SALT = np.uint64(0x6C6F6F6B)


@dataclass(frozen=True)
class Weather:
    """One kind of weather; colours are sRGB in [0, 255], brightness is relative to a clear day.

    Attributes:
        name: What a user calls it.
        visibility: Distance at which 2 % of a contrast are left [m].
        haze: Colour of the air at the horizon.
        zenith: Colour of the sky high up.
        horizon: Colour of the sky above the horizon.
        clouds: How much of the sky is clouded, 0 to 1; 0.5 is a fine day.
        cloud: Colour of the clouds.
        tint: Factor of all reflected light, by channel.
        ambient: Brightness of a face that the light grazes.
        sun: How much brighter a face towards the light is, and how much darker its back.
        sun_elevation: Height of the sun [degrees]; below 25 it casts long shadows.
        shadow: Share of light that a shadow leaves.
        glare: Strength of the sun's glare in the lens, 0 to 1.
        wetness: 0 dry to 1 wet ground.
        rain: Rain rate [mm/h].
        headlights: Brightness of the own headlights on what they meet; 0 is off.
        lamps: How much the lamps of others outshine their surroundings, 0 to 1.
        night: Whether windows and street lamps are lit, and stars are out.
        grain: Standard deviation of the noise of an agent's camera, in levels of 255.
        lidar_dropout: Share of beams that return nothing at random.
        radar_noise: Added to the configured noise of the radar, in the same unit.
        friction: Of the road, relative to dry asphalt.
    """

    name: str
    visibility: float = CONTRAST * 260.0
    haze: RGB = (196.0, 208.0, 218.0)
    zenith: RGB = (96.0, 148.0, 208.0)
    horizon: RGB = (206.0, 219.0, 230.0)
    clouds: float = 0.5
    cloud: RGB = (250.0, 250.0, 252.0)
    tint: RGB = (1.0, 1.0, 1.0)
    ambient: float = 0.72
    sun: float = 0.26
    sun_elevation: float = 48.0
    shadow: float = 115.0 / 256.0
    glare: float = 0.0
    wetness: float = 0.0
    rain: float = 0.0
    headlights: float = 0.0
    lamps: float = 0.0
    night: bool = False
    grain: float = 0.0
    lidar_dropout: float = 0.0
    radar_noise: float = 0.0
    friction: float = 1.0

    @property
    def extinction(self) -> float:
        """Koschmieder's extinction [1/m]."""
        return CONTRAST / self.visibility

    @property
    def lidar_sigma(self) -> float:
        """Standard deviation of a lidar reading per metre of distance that rain adds [m/m]."""
        return 0.02 * (1.0 - math.exp(-self.rain)) ** 2

    @property
    def radar_attenuation(self) -> float:
        """What rain takes of the radar's wave, one way [dB/m]."""
        return 1e-3 * RAIN_K * self.rain**RAIN_ALPHA if self.rain else 0.0


#: All weathers; the first is the default.
WEATHERS: dict[str, Weather] = {
    weather.name: weather
    for weather in (
        Weather("clear"),
        Weather(
            "overcast",
            visibility=900.0,
            haze=(178.0, 184.0, 190.0),
            zenith=(148.0, 156.0, 166.0),
            horizon=(190.0, 196.0, 202.0),
            clouds=0.95,
            cloud=(206.0, 210.0, 215.0),
            tint=(0.85, 0.87, 0.885),
            ambient=0.86,
            sun=0.06,
            shadow=0.72,
        ),
        Weather(
            "rain",
            visibility=260.0,
            haze=(146.0, 153.0, 160.0),
            zenith=(108.0, 116.0, 126.0),
            horizon=(152.0, 159.0, 166.0),
            clouds=0.9,
            cloud=(142.0, 149.0, 157.0),
            tint=(0.66, 0.7, 0.74),
            ambient=0.88,
            sun=0.04,
            shadow=0.7,
            wetness=1.0,
            rain=25.0,
            lamps=0.5,
            lidar_dropout=0.04,
            radar_noise=1.0,
            friction=0.6,
        ),
        Weather(
            "fog",
            visibility=75.0,
            haze=(193.0, 197.0, 200.0),
            zenith=(208.0, 212.0, 215.0),
            horizon=(193.0, 197.0, 200.0),
            clouds=0.0,
            tint=(0.86, 0.88, 0.9),
            ambient=0.9,
            sun=0.03,
            shadow=0.78,
            wetness=0.3,
            lamps=0.55,
            lidar_dropout=0.08,
            friction=0.8,
        ),
        Weather(
            "night",
            visibility=900.0,
            haze=(30.0, 36.0, 52.0),
            zenith=(7.0, 9.0, 20.0),
            horizon=(38.0, 42.0, 60.0),
            clouds=0.3,
            cloud=(24.0, 28.0, 40.0),
            tint=(0.165, 0.185, 0.24),
            ambient=0.85,
            sun=0.1,
            shadow=0.85,
            headlights=1.0,
            lamps=1.0,
            night=True,
            grain=2.5,
        ),
        Weather(
            "low_sun",
            visibility=620.0,
            haze=(228.0, 190.0, 150.0),
            zenith=(92.0, 124.0, 176.0),
            horizon=(240.0, 196.0, 148.0),
            clouds=0.42,
            cloud=(255.0, 206.0, 166.0),
            tint=(1.06, 0.94, 0.8),
            ambient=0.66,
            sun=0.36,
            sun_elevation=11.0,
            shadow=0.46,
            glare=1.0,
        ),
    )
}
NAMES = tuple(WEATHERS)
LOOKS = len(WEATHERS) * VARIANTS


@dataclass(frozen=True)
class Variant:
    """What domain randomisation changes; factors by channel.

    Attributes:
        grass: Factor of the colour of grass.
        asphalt: Factor of the colour of asphalt.
        leaves: Factor of the colour of trees and bushes.
        sky: Factor of the colour of the sky.
        clouds: Added to :attr:`Weather.clouds`.
        cloud_seed: Seed of the clouds.
        azimuth: Where the light comes from, from above, counter-clockwise from east [rad].
    """

    grass: RGB = (1.0, 1.0, 1.0)
    asphalt: RGB = (1.0, 1.0, 1.0)
    leaves: RGB = (1.0, 1.0, 1.0)
    sky: RGB = (1.0, 1.0, 1.0)
    clouds: float = 0.0
    cloud_seed: int = 7
    azimuth: float = math.atan2(0.8321, 0.5547)


_VARIANTS = (
    Variant(),
    Variant(
        grass=(1.2, 1.05, 0.86), asphalt=(1.14, 1.12, 1.08), leaves=(1.12, 1.02, 0.9),
        sky=(0.97, 1.0, 1.03), clouds=-0.25, cloud_seed=19, azimuth=2.7,
    ),
    Variant(
        grass=(0.82, 0.95, 0.84), asphalt=(0.82, 0.84, 0.88), leaves=(0.8, 0.94, 0.9),
        sky=(1.0, 1.0, 0.98), clouds=0.25, cloud_seed=31, azimuth=4.2,
    ),
    Variant(
        grass=(1.22, 0.98, 0.76), asphalt=(1.0, 0.97, 0.93), leaves=(1.85, 0.98, 0.62),
        sky=(1.02, 1.0, 0.97), clouds=0.12, cloud_seed=43, azimuth=5.6,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """A weather in one variant.

    Attributes:
        index: Number of the look.
        weather: The weather.
        variant: Colours and direction of light.
    """

    index: int
    weather: Weather
    variant: Variant


def look_at(index: int) -> Look:
    """Return a look by its number.

    Raises:
        ValueError: If there is no such look.
    """
    if not 0 <= index < LOOKS:
        raise ValueError(f"look={index} must be from 0 to {LOOKS - 1}")
    return Look(index, WEATHERS[NAMES[index // VARIANTS]], _VARIANTS[index % VARIANTS])


def looks_of(weather: str | Iterable[str], variants: int = 1) -> NDArray[np.int32]:
    """Return the numbers of the looks that a setting allows.

    Args:
        weather: A name, several names, or ``"random"`` for all of them.
        variants: How many variants of each weather, 1 to :data:`VARIANTS`; the first is the plain one.

    Raises:
        ValueError: If a name is unknown or ``variants`` is out of range.
    """
    if not 1 <= variants <= VARIANTS:
        raise ValueError(f"variants={variants!r} must be an integer from 1 to {VARIANTS}")
    names = NAMES if weather == "random" else (weather,) if isinstance(weather, str) else tuple(weather)
    for name in names:
        if name not in WEATHERS:
            allowed = ", ".join(map(repr, (*NAMES, "random")))
            raise ValueError(f"weather={name!r} must be one of {allowed}")
    rows = [NAMES.index(name) * VARIANTS + variant for name in names for variant in range(variants)]
    return np.array(rows, np.int32)


@device_function
def draw_look(seed: int | np.uint64, looks: IntArray) -> int:
    """Return one of ``looks`` for an episode.

    The look is a hash of the seed and takes nothing from a stream, so the same scenario is the same
    world under every setting of the weather.

    Args:
        seed: Seed of the episode's world, such as ``Worlds.random`` before anything is drawn from it.
        looks: Numbers of the allowed looks, shape (looks,).
    """
    return int(looks[mix(np.uint64(seed) ^ _LOOK_SALT) % np.uint64(len(looks))])


def lidar_reach(weather: Weather, reach: float) -> float:
    """Return how far a lidar of a given range in clear air sees [m]: ``d exp(extinction d) = range``."""
    thick = max(weather.extinction - WEATHERS["clear"].extinction, 0.0)
    distance = reach
    for _ in range(60 if thick else 0):  # Newton's method on a convex function, from above
        grown = math.exp(min(thick * distance, 50.0))
        distance -= (distance * grown - reach) / (grown * (1.0 + thick * distance))
    return distance


def radar_reach(weather: Weather, reach: float) -> float:
    """Return how far a radar of a given range in dry air sees [m]: ``40 log10(range / d) = 2 a d``."""
    loss = weather.radar_attenuation
    distance = reach
    for _ in range(60 if loss else 0):
        slope = -40.0 / (math.log(10.0) * distance) - 2.0 * loss
        distance -= (40.0 * math.log10(reach / distance) - 2.0 * loss * distance) / slope
    return distance


def by_look(values: Iterable[float]) -> NDArray[np.float64]:
    """Return one number per look for one number per weather, shape (LOOKS,)."""
    return np.repeat(np.array(list(values), np.float64), VARIANTS)


#: Friction of the road under each look, relative to dry asphalt, shape (LOOKS,).
FRICTION = by_look(weather.friction for weather in WEATHERS.values())
