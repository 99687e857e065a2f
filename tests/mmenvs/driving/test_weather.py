"""Weather: the formulas, and what each sensor makes of them."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs

import mmenvs  # noqa: F401
from mmenvs.driving import state as st
from mmenvs.driving.weather import (
    CONTRAST,
    FRICTION,
    LOOKS,
    NAMES,
    VARIANTS,
    WEATHERS,
    Weather,
    draw_look,
    lidar_reach,
    look_at,
    looks_of,
    radar_reach,
)

GENTLE = np.array([0.02, 0.3], np.float32)


def drive(steps=8, seed=3, **settings):
    env = gym.make("mmenvs/Driving-v0", **settings)
    observation, _ = env.reset(seed=seed)
    found = [observation]
    for _ in range(steps):
        observation, _, terminated, _, _ = env.step(GENTLE)
        found.append(observation)
        assert not terminated
    return found


def test_visibility_is_where_two_per_cent_of_a_contrast_are_left():
    for weather in WEATHERS.values():
        assert math.exp(-weather.extinction * weather.visibility) == pytest.approx(0.02, rel=1e-3)
    assert WEATHERS["fog"].visibility < WEATHERS["rain"].visibility < WEATHERS["clear"].visibility
    assert pytest.approx(-math.log(0.02), rel=1e-3) == CONTRAST


@given(hs.floats(20, 2000), hs.floats(5, 200))
def test_a_lidar_reaches_where_the_echo_is_as_weak_as_at_its_range_in_clear_air(visibility, reach):
    thick = Weather("test", visibility=visibility)
    distance = lidar_reach(thick, reach)
    extra = max(thick.extinction - WEATHERS["clear"].extinction, 0.0)
    assert distance * math.exp(extra * distance) == pytest.approx(reach, rel=1e-6)
    assert 0 < distance <= reach


def test_rain_takes_from_the_radar_what_the_recommendation_says():
    rain = WEATHERS["rain"]
    per_km = 1.1253 * rain.rain**0.7188
    assert rain.radar_attenuation == pytest.approx(per_km / 1000)
    distance = radar_reach(rain, 100.0)
    assert 40 * math.log10(100 / distance) == pytest.approx(2 * per_km / 1000 * distance)
    assert radar_reach(WEATHERS["fog"], 100.0) == 100.0  # droplets of fog are no match for the wave


def test_looks_number_weathers_and_variants():
    assert len(looks_of("random", VARIANTS)) == LOOKS
    assert [look_at(int(k)).weather.name for k in looks_of(("night", "fog"))] == ["night", "fog"]
    assert looks_of("clear").tolist() == [0]
    with pytest.raises(ValueError, match="weather='hail' must be one of 'clear'"):
        looks_of("hail")
    with pytest.raises(ValueError, match="variants=9"):
        looks_of("clear", 9)
    with pytest.raises(ValueError, match="look=99"):
        look_at(99)
    allowed = looks_of("random", 2)
    drawn = {draw_look(np.uint64(seed), allowed) for seed in range(400)}
    assert drawn == set(allowed.tolist())


def test_weather_changes_the_camera_and_nothing_that_is_ground_truth():
    sensors = ("camera", "depth", "semantic", "state")
    clear = drive(sensors=sensors)
    for name in NAMES[1:]:
        other = drive(sensors=sensors, weather=name)
        assert not np.array_equal(clear[0]["camera"], other[0]["camera"]), name
        assert np.array_equal(clear[0]["depth"], other[0]["depth"]), name
        assert np.array_equal(clear[0]["semantic"], other[0]["semantic"]), name
    night, fog = (drive(0, sensors=("camera",), weather=name)[0]["camera"] for name in ("night", "fog"))
    assert night.mean() < 0.4 * clear[0]["camera"].mean()
    # What is far away fades into one grey.
    far = (clear[0]["depth"][..., 0] > 0.6) & (clear[0]["semantic"][..., 0] != 0)
    assert far.sum() > 20
    assert fog[far].std() < 0.3 * clear[0]["camera"][far].std()


def test_the_lidar_sees_less_far_in_fog_and_loses_beams_as_no_return():
    beams = {"sensors": ("lidar",), "lidar_beams": 360, "lidar_range": 60.0}
    clear, fog = drive(**beams), drive(**beams, weather="fog")
    reach = lidar_reach(WEATHERS["fog"], 60.0) / 60.0
    for a, b in zip(clear, fog, strict=True):
        seen = b["lidar"] < 1.0
        assert b["lidar"][seen].max() <= reach + 0.01
        assert (b["lidar"] > 0.0).all()
        assert not (seen & (a["lidar"] == 1.0)).any()
    lost = np.mean(
        [((b["lidar"] == 1.0) & (a["lidar"] < 0.5 * reach)).sum() for a, b in zip(clear, fog, strict=True)]
    )
    near = np.mean([(a["lidar"] < 0.5 * reach).sum() for a in clear])
    assert lost / near == pytest.approx(WEATHERS["fog"].lidar_dropout, abs=0.05)


def test_a_wet_road_brakes_worse():
    def stopping(weather):
        env = gym.make(
            "mmenvs/Driving-v0", sensors=("state",), weather=weather, traffic_vehicles=0, obstacle_spacing=0
        )
        env.reset(seed=0)
        worlds = env.unwrapped.simulator.worlds
        worlds.ego[0, st.SPEED] = 15.0
        begin = worlds.ego[0, st.STATION]
        while worlds.ego[0, st.SPEED] > 0:
            env.step(np.array([0.0, -1.0], np.float32))
        return worlds.ego[0, st.STATION] - begin

    dry, wet = stopping("clear"), stopping("rain")
    assert dry == pytest.approx(15**2 / 14, rel=0.06)
    assert wet == pytest.approx(15**2 / 2 / (9.81 * 0.9 * FRICTION[looks_of("rain")[0]]), rel=0.06)


def test_noise_of_the_weather_is_seeded_and_leaves_the_world_alone():
    sensors = {"sensors": ("camera", "lidar", "radar", "state"), "weather": "rain"}
    first, again = drive(**sensors), drive(**sensors)
    for a, b in zip(first, again, strict=True):
        assert all(np.array_equal(a[key], b[key]) for key in a)
    alone = drive(sensors=("state",), weather="rain")
    assert all(np.array_equal(a["state"], b["state"]) for a, b in zip(first, alone, strict=True))


def test_a_batch_under_random_weather_is_the_single_world():
    settings = {"sensors": ("camera", "lidar", "radar"), "weather": "random", "look_variants": 4}
    batch = gym.make_vec("mmenvs/Driving-v0", num_envs=12, threads=2, **settings)
    seen, _ = batch.reset(seed=20)
    single = gym.make("mmenvs/Driving-v0", **settings)
    looks = set()
    for world in range(12):
        alone, _ = single.reset(seed=20 + world)
        looks.add(int(single.unwrapped.simulator.worlds.look[0]))
        assert all(np.array_equal(alone[key], seen[key][world]) for key in alone)
    assert len(looks) > 3
