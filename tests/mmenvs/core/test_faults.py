"""Every kind of fault on every modality."""

from __future__ import annotations

import numpy as np
import pytest
from fault_readings import MEANINGFUL, SPACE, inside, one, play, reading, seeds_of
from gymnasium import spaces as gym_spaces

from mmenvs import spaces
from mmenvs.core.faults import Fault, FaultBank


@pytest.mark.parametrize(("key", "kind"), MEANINGFUL)
@pytest.mark.parametrize("severity", [0.05, 1.0])
def test_every_meaningful_fault_changes_its_sensor_only_and_keeps_its_bounds(key, kind, severity):
    changed = False
    for before, after, active in play([Fault(key, kind, severity)], 12):
        assert active.all()
        for other in SPACE:
            if other != key:
                assert np.array_equal(before[other], after[other]), other
        assert after[key].dtype == before[key].dtype
        assert inside(key, after[key][0])
        changed |= not np.array_equal(before[key], after[key])
    assert changed or (key, kind, severity) == ("gear", "dropout", 0.05)


def test_noise_has_the_deviation_that_it_says():
    before, after = one("camera:noise:0.2", 6)
    calm = [np.abs(b.astype(int) - 127) < 40 for b in before]  # far from the bounds, nothing is clipped
    error = np.concatenate([(a.astype(int) - b)[c] for a, b, c in zip(after, before, calm, strict=True)])
    assert abs(error.mean()) < 0.5
    assert error.std() == pytest.approx(0.05 * 255, rel=0.05)
    before, after = one("plain:noise:0.2", 3000)
    error = np.stack(after) - np.stack(before)
    assert abs(error.mean()) < 0.01
    assert error.std() == pytest.approx(0.05 * 2, rel=0.05)
    assert np.abs(np.corrcoef(error.T) - np.eye(5)).max() < 0.08  # numbers are independent,
    assert abs(np.corrcoef(error[:-1, 0], error[1:, 0])[0, 1]) < 0.08  # and so are steps


@pytest.mark.parametrize("key", ["lidar", "depth"])
def test_noise_invents_no_echo(key):
    before, after = one(f"{key}:noise:0.3")
    far = before[0] == 1.0
    assert far.any()
    assert (after[0][far] == 1.0).all()
    assert (after[0][~far] != before[0][~far]).mean() > 0.9


def test_noise_leaves_absent_rows_and_validity_alone():
    before, after = one("radar:noise:0.5")
    old, new = before[0].reshape(6, 4), after[0].reshape(6, 4)
    assert (new[3:] == 0).all()
    assert (new[:3, 3] == 1).all()
    assert (new[:3, :3] != old[:3, :3]).all()
    before, after = one("history:noise:0.5")
    assert (after[0].reshape(5, 3)[3:] == 0).all()
    assert (after[0].reshape(5, 3)[:3] != before[0].reshape(5, 3)[:3]).all()


def test_noise_on_names_replaces_a_share_of_them_by_names():
    before, after = one("semantic:noise:0.4", 40)
    wrong = np.mean([(a != b).mean() for a, b in zip(after, before, strict=True)])
    assert wrong == pytest.approx(0.4 * 0.9, abs=0.02)  # one in ten is replaced by itself
    assert set(np.unique(after)) == set(range(10))
    before, after = one("instruction:noise:1.0", 50)
    words = np.stack(after)
    assert (words[:, 7:] == 0).all()
    assert words[:, :7].min() >= 1
    assert len(np.unique(words)) > 40
    _, after = one("gear:noise:1.0", 200)
    assert {int(a) for a in after} == set(range(-1, 5))


@pytest.mark.parametrize("key", ["lidar", "sonar"])
def test_lost_beams_return_nothing_and_never_touch(key):
    before, after = one(f"{key}:dropout:0.3", 200)
    old, new = np.stack(before), np.stack(after)
    lost = new != old
    assert (new[lost] == 1.0).all()
    assert (new > 0.0).all()
    assert lost.sum() / (old < 1.0).sum() == pytest.approx(0.3, abs=0.03)
    _, after = one(f"{key}:blackout")
    assert (after[0] == 1.0).all()


def test_lost_parts_of_the_other_modalities():
    before, after = one("radar:dropout:0.5", 100)
    old, new = np.stack(before).reshape(-1, 4), np.stack(after).reshape(-1, 4)
    gone = (new != old).any(1)
    assert (new[gone] == 0).all()
    assert gone.sum() / (old[:, 3] == 1).sum() == pytest.approx(0.5, abs=0.1)
    before, after = one("camera:dropout:0.3", 50)
    black = (np.stack(after) == 0).all(-1)
    assert (black | (np.stack(after) == np.stack(before)).all(-1)).all()
    assert black.mean() == pytest.approx(0.3, abs=0.03)
    blocks = black.reshape(50, 10, 4, 12, 4)  # a block is a tenth of the shorter side
    assert (blocks.all((2, 4)) | ~blocks.any((2, 4))).all()
    before, after = one("depth:dropout:0.3")
    lost = after[0] != before[0]
    assert (after[0][lost] == 1.0).all()
    before, after = one("instruction:dropout:0.5", 100)
    lost = np.stack(after) != np.stack(before)
    assert (np.stack(after)[lost] == 0).all()


@pytest.mark.parametrize(
    ("key", "nothing"),
    [
        ("camera", 0),
        ("depth", 1),
        ("semantic", 0),
        ("radar", 0),
        ("instruction", 0),
        ("plain", 0),
        ("gear", -1),
    ],
)
def test_a_blackout_says_nothing(key, nothing):
    assert (one(f"{key}:blackout")[1][0] == nothing).all()


@pytest.mark.parametrize("key", list(SPACE))
def test_a_frozen_sensor_repeats_the_reading_at_the_onset(key):
    fault = Fault(key, "frozen", schedule=("steps", 2, 5))
    before, after = one(fault, 8)
    for step in range(8):
        assert np.array_equal(after[step], before[2 if 2 <= step < 5 else step]), step


@pytest.mark.parametrize("key", list(SPACE))
@pytest.mark.parametrize(("severity", "delay"), [(0.01, 1), (0.3, 3), (1.0, 10)])
def test_a_late_sensor_shows_the_reading_of_some_steps_ago(key, severity, delay):
    before, after = one(Fault(key, "latency", severity), 25)
    for step in range(25):
        assert np.array_equal(after[step], before[max(step - delay, 0)]), step
    before, after = one(Fault(key, "latency", severity, ("steps", 2, 20)), 25)
    for step in range(25):
        late = max(step - delay, 0) if 2 <= step < 20 else step
        assert np.array_equal(after[step], before[late]), step


def test_dirt_stays_where_it_is_for_an_episode():
    bank = FaultBank(SPACE, ["camera:dirt:0.8", "semantic:dirt", "depth:dirt"], 1)
    world, masks, hidden = np.zeros(1, np.int64), [], []
    for episode in range(2):
        bank.reset(world, seeds_of([episode]))
        for light in (255, 255, 128):
            frame = {
                "camera": np.full((1, 40, 48, 3), light, np.uint8),
                "semantic": np.full((1, 20, 24, 1), 5, np.uint8),
                "depth": np.full((1, 20, 24, 1), 0.5, np.float32),
            }
            bank.apply(frame, world)
            masks.append(frame["camera"][0].astype(int))
            hidden.append(frame["semantic"][0] == 0)
            assert set(np.unique(frame["semantic"])) <= {0, 5}
            assert set(np.unique(frame["depth"])) <= {0.5, 1.0}
    assert np.array_equal(masks[0], masks[1])
    assert (masks[2] <= masks[1]).all()
    assert not np.array_equal(masks[0], masks[3])
    assert np.array_equal(hidden[0], hidden[2])
    clean = (masks[0] == 255).all(-1)
    assert 0.2 < clean.mean() < 0.98
    assert (masks[2][clean] == 128).all()
    red, _, blue = masks[0][~clean].T
    assert (red >= blue).all()  # brown, not blue
    assert red.min() < 120


def test_a_dirtier_lens_is_darker():
    white = np.full((16, 40, 48, 3), 255, np.uint8)
    light = []
    for severity in (0.1, 0.4, 1.0):
        bank = FaultBank(SPACE, [Fault("camera", "dirt", severity)], 16)
        bank.reset(np.arange(16), seeds_of(range(16)))
        frame = white.copy()
        bank.apply({"camera": frame}, np.arange(16))
        light.append(frame.mean())
    assert 255 > light[0] > light[1] > light[2] > 60


def test_a_miscalibrated_scan_is_turned_by_one_angle_per_episode():
    turns = set()
    for seed in range(12):
        before, after = one("lidar:miscalibration:0.5", 4, seed)
        turn = [k for k in range(72) if np.array_equal(np.roll(before[0], k), after[0])]
        assert len(turn) == 1
        assert all(np.array_equal(np.roll(b, turn[0]), a) for b, a in zip(before, after, strict=True))
        turns.add(turn[0] if turn[0] < 36 else turn[0] - 72)
    assert all(1 <= abs(turn) <= 3 for turn in turns)
    assert len(turns) > 2
    before, after = one("sonar:miscalibration:1.0")  # not circular: what turns in is unknown
    left, right = np.append(before[0][1:], 1.0), np.append(1.0, before[0][:-1])
    assert np.array_equal(after[0], left) or np.array_equal(after[0], right)


def test_a_miscalibrated_camera_is_shifted_and_turned_by_a_few_pixels():
    y, x = np.mgrid[0:40, 0:48]
    gradient = np.stack([4 * x, 5 * y, np.full_like(x, 9)], -1).astype(np.uint8)
    for seed in range(8):
        bank = FaultBank(SPACE, [Fault("camera", "miscalibration", 0.5)], 1)
        bank.reset(np.zeros(1, np.int64), seeds_of([seed]))
        frame = gradient[None].copy()
        bank.apply({"camera": frame}, np.zeros(1, np.int64))
        found = frame[0].astype(int)
        assert (found[..., 2] == 9).all()
        moved_x, moved_y = found[..., 0] / 4 - x, found[..., 1] / 5 - y
        middle = (slice(8, 32), slice(8, 40))
        limit = 0.5 * 0.08 * 40 + np.tan(np.radians(3)) * 24 + 1
        assert np.abs(moved_x[middle]).max() <= limit
        assert np.abs(moved_y[middle]).max() <= limit
        assert np.abs(moved_x[middle]).max() + np.abs(moved_y[middle]).max() >= 1


def test_pictures_of_a_sheet_do_not_leak_into_each_other():
    bank = FaultBank(SPACE, ["sheet:miscalibration:1.0"], 1)
    bank.reset(np.zeros(1, np.int64), seeds_of([3]))
    numbers = np.arange(1, 7, dtype=np.uint8).reshape(2, 3)
    sheet = np.repeat(np.repeat(numbers, 12, 0), 10, 1)[None, ..., None].repeat(3, -1)
    frame = sheet.copy()
    bank.apply({"sheet": frame}, np.zeros(1, np.int64))
    assert np.array_equal(frame, sheet)


def test_channels_first_pictures_are_corrupted_alike():
    last = gym_spaces.Dict({"camera": spaces.Image(40, 48)})
    first = gym_spaces.Dict({"camera": spaces.Image(40, 48).to_channels_first()})
    picture = reading("camera", np.random.default_rng(0))
    for kind in ("miscalibration", "dirt", "dropout"):
        found = []
        for space, frame in ((last, picture), (first, picture.transpose(2, 0, 1))):
            bank = FaultBank(space, [f"camera:{kind}:0.7"], 1)
            bank.reset(np.zeros(1, np.int64), seeds_of([3]))
            array = frame[None].copy(order="C")
            bank.apply({"camera": array}, np.zeros(1, np.int64))
            found.append(array[0])
        assert np.array_equal(found[0], found[1].transpose(1, 2, 0)), kind


def test_a_jump_offsets_positions_by_a_constant_while_it_lasts():
    fault = Fault("state", "jump", 0.4, ("steps", 2, 6))
    before, after = one(fault, 8)
    error = np.stack(after) - np.stack(before)
    assert (error[[0, 1, 6, 7]] == 0).all()
    assert np.ptp(error[2:6], 0).max() < 1e-6
    assert (error[:, 0] == 0).all()  # a speed is no position
    assert 0.5 * 0.2 <= abs(error[2, 1]) <= 0.2 + 1e-6
    assert error[2, 2] == pytest.approx(error[2, 3], abs=1e-6)  # the same axis moves as one
    assert error[2, 1] != pytest.approx(error[2, 2], abs=1e-6)
    before, after = one(Fault("plain", "jump", 0.4), 3)
    assert (np.abs(after[0] - before[0]) > 0.09).all()


def test_each_onset_jumps_elsewhere():
    rows = play([Fault("plain", "jump", 0.2, ("random", 0.2, 3.0))], 200)
    active = np.array([a[0, 0] for _, _, a in rows])
    error = np.array([after["plain"][0] - before["plain"][0] for before, after, _ in rows])
    assert (error[~active] == 0).all()
    onsets = np.flatnonzero(active & ~np.concatenate([[False], active[:-1]]))
    assert len(onsets) > 10
    assert len(np.unique(error[onsets, 0].round(6))) == len(onsets)
