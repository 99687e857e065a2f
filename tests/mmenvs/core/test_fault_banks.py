"""Schedules of faults, their independence, worlds of a batch, other spaces, and wrong requests."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest
from fault_readings import MEANINGFUL, SPACE, play, reading, readings, seeds_of
from gymnasium import spaces as gym_spaces
from hypothesis import given, settings
from hypothesis import strategies as hs
from hypothesis.extra import numpy as hnp

from mmenvs import spaces
from mmenvs.core.faults import KINDS, MEANINGS, Fault, FaultBank, parse_faults
from mmenvs.core.faults.sensor import form_of
from mmenvs.core.parallel import WorldPool


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
        world = count // 2
        seeds = tuple(range(50, 50 + count))
        seeds = (*seeds[:world], 3, *seeds[world + 1 :])
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
        severity=hs.floats(0.0, 1.0, exclude_min=True),
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
