"""Every kind of fault on every modality, schedules, independence, and worlds of a batch."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from gymnasium import spaces as gym_spaces
from hypothesis import given, settings
from hypothesis import strategies as hs
from hypothesis.extra import numpy as hnp

from mmenvs import spaces
from mmenvs.core.faults import KINDS, MEANINGS, Fault, FaultBank, parse_faults
from mmenvs.core.faults.sensor import form_of
from mmenvs.core.parallel import WorldPool
from mmenvs.core.random import derive_seeds

RADAR = ("range", "azimuth", "radial_velocity", "valid")
SPACE = gym_spaces.Dict(
    {
        "camera": spaces.Image(40, 48),
        "depth": spaces.Image(20, 24, 1, high=1.0, dtype=np.float32, unit="range"),
        "semantic": spaces.Image(20, 24, 1, high=9, unit="class"),
        "sheet": spaces.Image(12, 10, 3, tiles=(2, 3)),
        "lidar": spaces.Scan(72),
        "sonar": spaces.Scan(16, circular=False),
        "radar": spaces.Objects(6, 4, names=RADAR),
        "instruction": spaces.Tokens(12, 50),
        "state": spaces.Vector(4, names=("speed", "lateral_offset", "goal_x", "peer_x")),
        "plain": spaces.Vector(5),
        "history": spaces.History(5, 3),
        "gear": gym_spaces.Discrete(6, start=-1),
    }
)
FORMS = {key: form_of(leaf) for key, leaf in SPACE.items()}
MEANINGFUL = [(key, kind) for key, form in FORMS.items() for kind in KINDS if form in MEANINGS[kind]]


def reading(key, rng):
    """A plausible reading: some beams without return, some objects and events absent, some padding."""
    space = SPACE[key]
    shape = space.shape
    if key == "instruction":
        return np.where(np.arange(12) < 7, rng.integers(1, 50, 12), 0)
    if key in ("lidar", "sonar"):
        return np.where(rng.random(shape) < 0.3, 1.0, 0.1 + 0.8 * rng.random(shape)).astype(np.float32)
    if key == "depth":
        return np.where(rng.random(shape) < 0.3, 1.0, 0.1 + 0.8 * rng.random(shape)).astype(np.float32)
    if key in ("radar", "history"):
        rows = space.structure
        table = rng.uniform(-0.9, 0.9, rows)
        if key == "radar":
            table[:, 3] = 1.0
        table[3:] = 0.0
        return table.reshape(-1).astype(np.float32)
    if key in ("state", "plain"):
        return rng.uniform(-0.5, 0.5, shape).astype(np.float32)
    if key == "gear":
        return np.int64(rng.integers(0, 5))
    return rng.integers(int(space.low.min()) + 1, int(space.high.max()), shape).astype(space.dtype)


def readings(seed, step, keys=SPACE):
    return {key: reading(key, np.random.default_rng((seed, step, len(key)))) for key in keys}


def seeds_of(seeds):
    return derive_seeds(np.array(seeds, np.uint64), np.zeros(len(seeds), np.uint64))


def play(faults, steps, seeds=(7,), pool=None, space=SPACE):
    """Run a bank; return (before, after, active) of each step, the arrays with a leading axis of worlds."""
    bank = FaultBank(space, faults, len(seeds), pool)
    worlds = np.arange(len(seeds))
    bank.reset(worlds, seeds_of(seeds))
    out = []
    for step in range(steps):
        each = [readings(seed, step, space) for seed in seeds]
        before = {key: np.stack([one[key] for one in each]) for key in space}
        after = {key: value.copy() for key, value in before.items()}
        bank.apply(after, worlds)
        out.append((before, after, bank.active.copy()))
    return out


def one(fault, steps=1, seed=7):
    """The single world's readings of the sensor that ``fault`` names, as two lists: before and after."""
    key = Fault.parse(fault).sensor
    rows = play([fault], steps, (seed,))
    return [before[key][0] for before, _, _ in rows], [after[key][0] for _, after, _ in rows]


def inside(key, value):
    return SPACE[key].contains(SPACE[key].dtype.type(value) if key == "gear" else value)


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
        ("gear", 0),
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
    before, after = one("sonar:miscalibration:1.0")
    assert any(
        np.array_equal(after[0][k:], before[0][: 16 - k]) and (after[0][:k] == 1).all() for k in (1,)
    ) or any(
        np.array_equal(after[0][: 16 - k], before[0][k:]) and (after[0][16 - k :] == 1).all() for k in (1,)
    )


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


def test_a_random_schedule_has_the_rate_and_the_duration_that_it_says():
    fault = Fault("gear", "blackout", 1.0, ("random", 0.04, 6.0))
    rows = play([fault], 400, tuple(range(50)), space=gym_spaces.Dict({"gear": SPACE["gear"]}))
    active = np.stack([a[:, 0] for _, _, a in rows], 1)
    before = np.concatenate([np.zeros((50, 1), bool), active[:, :-1]], 1)
    onsets = (active & ~before).sum()
    assert onsets / (~before).sum() == pytest.approx(0.04, rel=0.1)
    ends = (before & ~active).sum()
    assert before.sum() / ends == pytest.approx(6.0, rel=0.1)
    assert active[:, 0].any()  # a sensor may be broken from the start
    assert not active[:, 0].all()


def test_worlds_of_a_batch_are_single_worlds_whatever_the_threads():
    faults = [Fault(key, kind, 0.4, ("random", 0.3, 4.0)) for key, kind in MEANINGFUL]
    single = play(faults, 12, (3,), WorldPool(1, 1))
    for count, threads in ((7, 2), (64, 2)):
        seeds = tuple(range(3 - count // 2, 3)) if False else tuple((3 + i) % count for i in range(count))
        world = seeds.index(3)
        pool = WorldPool(count, threads)
        batch = play(faults, 12, seeds, pool)
        pool.close()
        for step, (alone, among) in enumerate(zip(single, batch, strict=True)):
            assert np.array_equal(alone[2][0], among[2][world]), step
            for key in SPACE:
                assert np.array_equal(alone[1][key][0], among[1][key][world]), (step, key)


def test_worlds_may_step_and_restart_on_their_own():
    faults = [
        "image:latency:0.3",
        "lidar:noise:0.2",
        "camera:dirt",
        "state:jump",
        "lidar:frozen:1:random:0.3:3",
    ]
    bank = FaultBank(SPACE, faults, 3)
    alone = FaultBank(SPACE, faults, 1)
    rng = np.random.default_rng(0)
    frames = {key: np.stack([reading(key, rng)] * 3) for key in SPACE}
    bank.reset(np.arange(3), seeds_of([1, 2, 3]))
    alone.reset(np.zeros(1, np.int64), seeds_of([2]))
    for step in range(30):
        which = np.arange(3)[[step % 2 == 0, True, step % 3 == 0]]
        new = {key: reading(key, rng) for key in SPACE}
        if step == 13:
            bank.reset(np.array([1]), seeds_of([9]))
            alone.reset(np.zeros(1, np.int64), seeds_of([9]))
        untouched = {key: np.delete(value, which, 0).copy() for key, value in frames.items()}
        mine = {key: np.array(new[key])[None].copy() for key in SPACE}
        for key in SPACE:
            frames[key][which] = new[key]
        bank.apply(frames, which)
        alone.apply(mine, np.zeros(1, np.int64))
        for key in SPACE:
            assert np.array_equal(frames[key][1], mine[key][0]), (step, key)
            assert np.array_equal(np.delete(frames[key], which, 0), untouched[key])


def test_a_fault_is_not_changed_by_its_neighbours_severity_or_schedule():
    first = Fault("lidar", "dropout", 0.3, ("random", 0.2, 3.0))
    others = [
        Fault("camera", "noise"),
        Fault("lidar", "latency", 0.2, ("steps", 90, 99)),
        Fault("*", "noise", 0.1, ("steps", 90, 99)),
    ]
    alone = play([first], 30)
    for faults in ([first, *others], [*others, first]):
        column = faults.index(first)
        for a, b in zip(alone, play(faults, 30), strict=True):
            assert np.array_equal(a[1]["lidar"], b[1]["lidar"])
            assert np.array_equal(a[2][:, 0], b[2][:, column])
    # A worse fault loses the same beams and more.
    worse = play([Fault("lidar", "dropout", 0.6, ("random", 0.2, 3.0))], 30)
    for a, b in zip(alone, worse, strict=True):
        assert np.array_equal(a[2], b[2])
        assert (b[1]["lidar"][a[1]["lidar"] == 1.0] == 1.0).all()
    # What is drawn for a step does not depend on the steps before.
    always = play([Fault("lidar", "dropout", 0.3)], 30)
    for a, b in zip(alone, always, strict=True):
        if a[2].all():
            assert np.array_equal(a[1]["lidar"], b[1]["lidar"])


def test_two_equal_faults_draw_differently():
    (_, after, _), *_ = play(["plain:noise:0.1", "plain:noise:0.1"], 1)
    (before, single, _), *_ = play(["plain:noise:0.1"], 1)
    assert not np.allclose(after["plain"] - before["plain"], 2 * (single["plain"] - before["plain"]))


def test_a_new_episode_starts_from_scratch():
    faults = [Fault(key, kind, 0.4) for key, kind in MEANINGFUL]
    fresh, used = FaultBank(SPACE, faults, 1), FaultBank(SPACE, faults, 1)
    world = np.zeros(1, np.int64)
    used.reset(world, seeds_of([1]))
    for step in range(13):
        used.apply({k: np.array(v)[None].copy() for k, v in readings(5, step).items()}, world)
    for bank in (fresh, used):
        bank.reset(world, seeds_of([2]))
    for step in range(13):
        frames = [{k: np.array(v)[None].copy() for k, v in readings(6, step).items()} for _ in range(2)]
        for bank, frame in zip((fresh, used), frames, strict=True):
            bank.apply(frame, world)
        assert all(np.array_equal(frames[0][key], frames[1][key]) for key in SPACE)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda bank: pickle.loads(pickle.dumps(bank))])
def test_a_copy_goes_on_where_the_original_was(duplicate):
    faults = [Fault(key, kind, 0.4, ("random", 0.4, 3.0)) for key, kind in MEANINGFUL]
    bank = FaultBank(SPACE, faults, 9)
    worlds = np.arange(9)
    bank.reset(worlds, seeds_of(worlds))

    def frames(step):
        one_world = readings(1, step)
        return {key: np.stack([value] * 9) for key, value in one_world.items()}

    for step in range(5):
        bank.apply(frames(step), worlds)
    other = duplicate(bank)
    assert np.shares_memory(other.active, other._turn.active)
    for step in range(5, 16):
        mine, theirs = frames(step), frames(step)
        bank.apply(mine, worlds)
        other.apply(theirs, worlds)
        assert all(np.array_equal(mine[key], theirs[key]) for key in SPACE)
        assert np.array_equal(bank.active, other.active)


DTYPES = [np.uint8, np.int32, np.float32, np.float64, np.float16, np.bool_]


@hs.composite
def leaves(draw):
    dtype = np.dtype(draw(hs.sampled_from(DTYPES)))
    shape = draw(hnp.array_shapes(max_dims=3, max_side=9))
    if dtype == np.bool_:
        return gym_spaces.Box(0, 1, shape, np.bool_)
    if draw(hs.booleans()) and dtype.kind == "f":
        bounds = draw(hs.sampled_from([(-np.inf, np.inf), (0.0, np.inf), (-np.inf, 3.0)]))
    else:
        edges = hs.integers(0, 200) if dtype.kind == "u" else hs.integers(-100, 100)
        low = draw(edges)
        bounds = (low, low + draw(hs.integers(1, 55)))
    if dtype == np.uint8 and draw(hs.booleans()):
        bounds = (0, 255)
    return gym_spaces.Box(*bounds, shape, dtype.type)


@settings(max_examples=120, deadline=None)
@given(leaf=leaves(), kind=hs.sampled_from(KINDS), severity=hs.floats(0.01, 1.0), seed=hs.integers(0, 2**32))
def test_bounds_and_dtype_hold_for_spaces_of_other_packages(leaf, kind, severity, seed):
    space = gym_spaces.Dict({"reading": leaf, "note": gym_spaces.Text(5)})
    if form_of(leaf) not in MEANINGS[kind]:
        with pytest.raises(ValueError, match="has no meaning for sensor 'reading'"):
            FaultBank(space, [Fault("reading", kind, severity)], 2)
        return
    bank = FaultBank(space, [Fault("*", kind, severity)], 2)
    bank.reset(np.arange(2), seeds_of([seed, seed + 1]))
    leaf.seed(seed)
    for _ in range(4):
        array = np.stack([leaf.sample(), leaf.sample()])
        bank.apply({"reading": array}, np.arange(2))
        assert array.dtype == leaf.dtype
        assert all(leaf.contains(one_world) for one_world in array)


@pytest.mark.parametrize(
    "leaf", [gym_spaces.MultiDiscrete([3, 5]), gym_spaces.MultiBinary(7), gym_spaces.Discrete(4)]
)
@pytest.mark.parametrize("kind", ["noise", "dropout", "blackout", "frozen", "latency"])
def test_choices_stay_choices(leaf, kind):
    bank = FaultBank(gym_spaces.Dict({"choice": leaf}), [Fault("choice", kind, 0.7)], 1)
    bank.reset(np.zeros(1, np.int64), seeds_of([0]))
    leaf.seed(0)
    for _ in range(20):
        array = np.array([leaf.sample()])
        bank.apply({"choice": array}, np.zeros(1, np.int64))
        assert leaf.contains(array[0])


def test_a_modality_or_a_star_means_several_sensors_at_once():
    bank = FaultBank(SPACE, ["scan:dropout", "*:dirt", "*:blackout:1:random:0.1:2"], 1)
    assert set(bank.keys) == set(SPACE)
    assert bank.active.shape == (1, 3)
    assert set(FaultBank(SPACE, ["scan:dropout"], 1).keys) == {"lidar", "sonar"}
    assert set(FaultBank(SPACE, ["*:dirt"], 1).keys) == {"camera", "depth", "semantic", "sheet"}
    for before, after, active in play(["*:blackout:1:random:0.3:2"], 20):
        differs = [not np.array_equal(before[key], after[key]) for key in SPACE if key != "gear"]
        assert all(differs) if active[0, 0] else not any(differs)


def test_no_faults_do_nothing():
    (before, after, active), *_ = play([], 1)
    assert active.shape == (1, 0)
    assert all(np.array_equal(before[key], after[key]) for key in SPACE)


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        ("lidr:noise", r"faults\[0\]: sensor='lidr' must be a key of the observation \('camera', .*'\*'"),
        ("lidar:dirt", r"kind='dirt' has no meaning for sensor 'lidar' \(scan\); allowed for it: 'noise', "),
        (["lidar:noise", "lidar:nois"], r"faults\[1\]: kind='nois' must be one of 'noise', 'dropout'"),
        ("lidar:noise:0", "severity=0.0 must be a number above 0 and up to 1"),
        ("lidar:noise:lots", "severity='lots' must be a number"),
        ({"sensor": "lidar", "kind": "noise", "severity": True}, "severity=True must be"),
        ("lidar:noise:0.1:steps:5:5", r"schedule=\('steps', 5.0, 5.0\) must have .* begin < end"),
        ("lidar:noise:0.1:steps:0.5:5", "must have whole steps"),
        ("lidar:noise:0.1:random:0:5", "must have a rate above 0"),
        ("lidar:noise:0.1:random:0.1:0.5", "must have a duration of at least 1 step"),
        ("lidar:noise:0.1:never", r"schedule='never' must be 'always', \('steps', begin, end\) or"),
        ("lidar", "'lidar' must read 'sensor:kind'"),
        ({"sensor": "lidar"}, "must have a field 'kind'"),
        ({"sensor": "lidar", "kind": "noise", "sevrity": 1}, "sevrity=1 is unknown; fields: sensor, kind"),
        ([3], "3 must be a Fault, a dict of its fields, or a string"),
        ("gear:jump", r"kind='jump' has no meaning for sensor 'gear' \(discrete\)"),
        ("tokens:miscalibration", r"kind='miscalibration' has no meaning for sensor 'instruction'"),
    ],
)
def test_what_is_wrong_is_named(faults, message):
    with pytest.raises(ValueError, match=message):
        FaultBank(SPACE, faults, 1)


def test_a_star_needs_something_to_hit():
    with pytest.raises(
        ValueError, match=r"kind='dirt' has no meaning for any sensor .* it has one for: image"
    ):
        FaultBank(gym_spaces.Dict({"lidar": spaces.Scan(4)}), ["*:dirt"], 1)


def test_arrays_that_cannot_be_changed_in_place_are_refused():
    bank = FaultBank(SPACE, ["lidar:noise"], 2)
    bank.reset(np.arange(2), seeds_of([0, 1]))
    good = np.zeros((2, 72), np.float32)
    readonly = good.copy()
    readonly.flags.writeable = False
    for bad in (good.astype(np.float64), good[:1], np.zeros((72, 2), np.float32).T, readonly):
        with pytest.raises(ValueError, match=r"observations\['lidar'\] with shape .* must be a contiguous"):
            bank.apply({"lidar": bad}, np.arange(2))


@given(
    hs.builds(
        Fault,
        sensor=hs.sampled_from(["camera", "image", "*"]),
        kind=hs.sampled_from(KINDS),
        severity=hs.integers(1, 1000).map(lambda n: n / 1000),
        schedule=hs.one_of(
            hs.just("always"),
            hs.tuples(hs.just("steps"), hs.integers(0, 9), hs.integers(10, 99)),
            hs.tuples(hs.just("random"), hs.sampled_from([0.01, 0.5, 1.0]), hs.sampled_from([1.0, 12.5])),
        ),
    )
)
def test_a_fault_survives_json_and_text(fault):
    assert Fault.parse(json.loads(json.dumps(fault.to_dict()))) == fault
    assert Fault.parse(str(fault)) == fault
    assert parse_faults(str(fault)) == parse_faults([fault]) == (fault,)
