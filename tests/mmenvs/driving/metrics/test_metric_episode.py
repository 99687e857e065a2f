"""A whole episode through the three functions that the simulator calls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs

from mmenvs.driving import state as st
from mmenvs.driving.metrics.columns import METRIC_COLUMNS
from mmenvs.driving.metrics.episode import METRICS, final_metrics, start_metrics, update_metrics

QUIET = {"hit": -1, "off_road": False, "wrong_way": False, "red_light": False, "stop_sign": False}


class Episode:
    """An ego on a straight road of 100 m, and one car."""

    def __init__(self):
        self.row = np.full(METRIC_COLUMNS, 7.0)  # what the last episode left
        self.ego = np.zeros(st.EGO_COLUMNS)
        self.boxes = np.zeros((1, st.BOX_COLUMNS), np.float32)
        self.boxes[0, st.B_COS] = 1.0
        self.boxes[0, st.B_HALF_LENGTH : st.B_HALF_WIDTH + 1] = 2.3, 0.95
        self.boxes[0, st.B_RADIUS] = 3.25
        self.boxes[0, st.B_X] = 1000.0
        start_metrics(self.row)

    def step(self, speed, lateral=0.0, limit=15.0, reached=False, in_lane=True, **changes):
        flags = QUIET | changes
        self.ego[st.ACCELERATION] = 0.0
        self.ego[st.SPEED] = speed
        self.ego[st.X] += 0.1 * speed
        update_metrics(
            self.row,
            self.ego,
            self.boxes,
            1,
            2.3,
            0.95,
            0.1,
            lateral,
            limit,
            float(self.ego[st.X]),
            100.0,
            flags["hit"],
            flags["off_road"],
            flags["wrong_way"],
            flags["red_light"],
            flags["stop_sign"],
            reached,
            in_lane,
        )

    @property
    def metrics(self):
        out = np.full(len(METRICS), np.nan)
        final_metrics(self.row, out)
        return dict(zip(METRICS, out.tolist(), strict=True))


SHARES = (
    "success",
    "route_completion",
    "driving_score",
    "nuplan_score",
    "direction",
    "speed_limit",
    "safe_ttc",
    "comfort",
    "comfortable",
)
ZERO_AT_START = dict.fromkeys(METRICS, 0.0) | {
    "direction": 1.0,
    "speed_limit": 1.0,
    "min_ttc": 3.0,
    "safe_ttc": 1.0,
    "comfort": 1.0,
    "comfortable": 1.0,
}


def test_a_new_episode_forgets_the_last():
    assert Episode().metrics == ZERO_AT_START


def test_a_perfect_drive():
    episode = Episode()
    for k in range(100):
        episode.step(10.0, reached=k == 99)
    found = episode.metrics
    assert found == pytest.approx(
        ZERO_AT_START
        | {
            "success": 1.0,
            "route_completion": 1.0,
            "driving_score": 1.0,
            "nuplan_score": 1.0,
            "mean_speed": 10.0,
            "distance": 100.0,
            "duration": 10.0,
        }
    )


def test_a_crash_into_a_parked_car_after_a_red_light():
    episode = Episode()
    episode.boxes[0, st.B_X] = 54.6
    for k in range(50):
        episode.step(10.0, limit=9.0, red_light=k == 20, hit=-1 if k < 49 else 0)
    found = episode.metrics
    assert found["success"] == 0
    assert found["collision"] == found["collision_vehicle"] == found["collision_at_fault"] == 1
    assert found["collision_static"] == found["collision_pedestrian"] == found["collision_cyclist"] == 0
    assert found["red_light"] == 1
    assert found["cost"] == 2
    assert found["route_completion"] == pytest.approx(0.5)
    assert found["driving_score"] == pytest.approx(0.5 * 0.6 * 0.7)
    assert found["nuplan_score"] == 0
    assert found["min_ttc"] == pytest.approx(0, abs=1e-5)
    # 0.95 s away at 10 m/s: 9.5 m, reached after 40.5 m.
    assert found["safe_ttc"] == pytest.approx(40 / 50)
    assert found["speed_limit"] == 0


def test_off_the_road_and_against_the_traffic():
    episode = Episode()
    for k in range(40):
        episode.step(10.0, wrong_way=k >= 30, off_road=k == 39, lateral=6.0 if k > 30 else 0.0)
    found = episode.metrics
    assert found["off_road"] == found["cost"] == 1
    assert found["direction"] == 0
    assert found["comfort"] < 1
    assert found["comfortable"] == 0
    assert found["max_jerk"] > found["mean_jerk"] > 0
    assert found["nuplan_score"] == 0


@given(
    hs.lists(
        hs.tuples(
            hs.floats(-5, 40), hs.floats(-9, 9), *[hs.booleans()] * 6, hs.integers(-1, 0), hs.floats(-10, 90)
        ),
        max_size=30,
    )
)
@settings(max_examples=60, deadline=None)
def test_every_number_stays_in_its_range(steps):
    episode = Episode()
    for speed, lateral, off, wrong, red, stop, reached, in_lane, hit, ahead in steps:
        episode.boxes[0, st.B_X] = episode.ego[st.X] + ahead
        episode.step(
            speed,
            lateral,
            reached=reached,
            in_lane=in_lane,
            off_road=off,
            wrong_way=wrong,
            red_light=red,
            stop_sign=stop,
            hit=hit,
        )
    found = episode.metrics
    assert np.isfinite(list(found.values())).all()
    for name in SHARES:
        assert 0.0 <= found[name] <= 1.0, name
    kinds = sum(found[f"collision_{kind}"] for kind in ("vehicle", "pedestrian", "cyclist", "static"))
    assert found["collision"] == kinds
    assert found["cost"] == kinds + found["off_road"] + found["red_light"] + found["stop_sign"]
    assert found["collision_at_fault"] <= found["collision"]
    assert 0 <= found["min_ttc"] <= 3
    assert found["max_jerk"] >= found["mean_jerk"]
