"""Readings of every modality, and what faults make of them."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces as gym_spaces

from mmenvs import spaces
from mmenvs.core.faults import KINDS, MEANINGS, Fault, FaultBank
from mmenvs.core.faults.sensor import form_of
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
