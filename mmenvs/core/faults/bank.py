"""All faults of all worlds: the one object that a simulator or a wrapper holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import NDArray

from mmenvs.core.arrays import FloatArray, IntArray
from mmenvs.core.faults.dirt import Dirt
from mmenvs.core.faults.dropout import Blackout, Dropout
from mmenvs.core.faults.effect import Effect, Turn, code_of
from mmenvs.core.faults.fault import Fault, Faults, parse_faults
from mmenvs.core.faults.geometry import Miscalibration
from mmenvs.core.faults.jump import Jump
from mmenvs.core.faults.memory import Frozen, Latency
from mmenvs.core.faults.noise import Noise
from mmenvs.core.faults.sensor import Sensor, sensors_hit
from mmenvs.core.kernels import entry_point, kernel
from mmenvs.core.parallel import WorldPool
from mmenvs.core.random import UIntArray, derive, derive_seeds, uniform

#: Kind of fault to what it does.
EFFECTS: dict[str, type[Effect]] = {
    "noise": Noise,
    "dropout": Dropout,
    "blackout": Blackout,
    "frozen": Frozen,
    "latency": Latency,
    "dirt": Dirt,
    "miscalibration": Miscalibration,
    "jump": Jump,
}

# Salts that keep these streams apart from those of the world and of each other.
_FAULT_STREAM, _SCHEDULE_STREAM = np.uint64(0x6661756C74), np.uint64(0x7768656E)


class FaultBank:
    """Corrupts the observations of ``num_worlds`` worlds, each on its own.

    What a fault does to a sensor of a world follows from the seed of the world's episode, the sensor, and the
    fault's own sensor and kind: not from other faults, worlds, threads or sensors, nor from its own severity
    and schedule, so that the same failures can be compared at several severities.  Faults of the same sensor
    are applied in the order given.

    Call :meth:`reset` when episodes begin, then :meth:`apply` exactly once for each new observation, the
    first one included.

    Attributes:
        faults: The faults.
        keys: Keys of the observation that some fault hits.
        active: Whether a fault was at work at the last observation, shape (num_worlds, num_faults);
            overwritten by the next call.
    """

    _clock: Callable[..., Any] | None  # the direct entry of _advance

    def __init__(
        self,
        space: gym_spaces.Dict,
        faults: Faults,
        num_worlds: int,
        pool: WorldPool | None = None,
    ) -> None:
        """Allocate what the faults remember.

        Args:
            space: Observation space of one world.
            faults: Faults, in any form of :meth:`~mmenvs.core.faults.fault.Fault.parse`.
            num_worlds: Number of worlds.
            pool: Threads to share the worlds among; by default, threads of its own.

        Raises:
            ValueError: Naming the fault, the field, its value and what is allowed.
        """
        self.faults = parse_faults(faults)
        self.num_worlds = num_worlds
        count = len(self.faults)
        self._jobs = _jobs_of(space, self.faults, num_worlds)
        sensors = {job.sensor.key: job.sensor for job in self._jobs}
        self.keys = tuple(sensors)
        self._codes = _codes_of(self.faults)
        self._turn = Turn(
            np.full(num_worlds, -1, np.int64),
            np.zeros((num_worlds, count), bool),
            np.full((num_worlds, count), -1, np.int64),
        )
        self.active = self._turn.active
        self._plans = np.array([_plan_of(fault) for fault in self.faults]).reshape(count, 4)
        self._seeds = np.zeros((num_worlds, count), np.uint64)
        self._streams = np.zeros(num_worlds, np.uint64)
        self._readings = {key: _Readings(sensor, num_worlds) for key, sensor in sensors.items()}
        self._start_pool(pool)

    def reset(self, worlds: NDArray[np.int64], seeds: NDArray[np.uint64]) -> None:
        """Start new episodes in some worlds; everything of the last ones is forgotten.

        Args:
            worlds: Indices of the worlds, shape (k,).
            seeds: Seed of each episode, shape (k,), as :meth:`mmenvs.core.simulator.Simulator.reset` gets it.
        """
        base = derive_seeds(seeds, np.full_like(seeds, _FAULT_STREAM))
        own = [derive_seeds(base, np.full_like(base, code)) for code in self._codes]
        for fault, fault_seeds in enumerate(own):
            self._seeds[worlds, fault] = derive_seeds(fault_seeds, np.full_like(base, _SCHEDULE_STREAM))
        self._turn.steps[worlds] = -1
        self._turn.active[worlds] = False
        self._turn.since[worlds] = -1
        which = np.ascontiguousarray(worlds, np.int64)
        for job in self._jobs:
            job.seeds[worlds] = derive_seeds(own[job.fault], np.full_like(base, job.code))
            job.effect.restart(self._pool, which, job.seeds, job.streams)

    def apply(self, observations: Mapping[str, NDArray[Any]], worlds: NDArray[np.int64]) -> None:
        """Corrupt the newest observations of some worlds in place.

        Args:
            observations: Key to array of shape (num_worlds, *space.shape), contiguous and writeable; at least
                those of :attr:`keys`.
            worlds: Indices of the worlds that have a new observation, shape (k,).

        Raises:
            ValueError: If an array has the wrong shape or dtype, or cannot be written in place.
        """
        which = np.ascontiguousarray(worlds, np.int64)
        if not self._jobs or not which.size:
            return
        for key, readings in self._readings.items():
            if readings.attach(observations[key]):
                for job in self._jobs:
                    if job.sensor.key == key:
                        job.bind(readings, which, self._turn)
            readings.load(which)
        if self._clock is None:
            arguments = (which, self._turn, self._plans, self._seeds, self._streams)
            self._clock = entry_point(_advance, 0, 1, *arguments)
        self._pool.run(self._work, which, count=len(which))
        for readings in self._readings.values():
            readings.store(which)

    def infos(self) -> dict[str, NDArray[Any]]:
        """Return what infos say of each world: ``faults``, which is :attr:`active`."""
        return {"faults": self.active}

    def close(self) -> None:
        """Stop the threads, unless they belong to someone else."""
        if self._owns_pool:
            self._pool.close()

    def _work(self, begin: int, end: int, which: NDArray[np.int64]) -> None:
        """Do everything for ``which[begin:end]``: a world's readings stay in the cache of one core."""
        assert self._clock is not None
        self._clock(begin, end, which, self._turn, self._plans, self._seeds, self._streams)
        for job in self._jobs:
            job.run(begin, end, which, self._turn)

    def _start_pool(self, pool: WorldPool | None) -> None:
        self._owns_pool = pool is None
        self._pool = pool or WorldPool(self.num_worlds)
        self._clock = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave threads and compiled code behind; a copy makes its own."""
        return {name: value for name, value in self.__dict__.items() if name not in ("_pool", "_clock")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.active = self._turn.active
        self._start_pool(None)


class _Readings:
    """The array of one key, as numbers and as bytes that kernels can work on."""

    def __init__(self, sensor: Sensor, num_worlds: int) -> None:
        self.sensor = sensor
        self.num_worlds = num_worlds
        self.source: NDArray[Any] | None = None
        self.numbers: NDArray[Any] = np.zeros((0, sensor.size), sensor.work_dtype)
        self._flat = self.numbers

    def attach(self, array: NDArray[Any]) -> bool:
        """Look at ``array`` from now on; return whether it is another one than before."""
        if array is self.source:
            return False
        sensor, n = self.sensor, self.num_worlds
        usable = array.flags.c_contiguous and array.flags.writeable
        if array.dtype != sensor.dtype or array.size != n * sensor.size or not usable:
            raise ValueError(
                f"observations[{sensor.key!r}] with shape {array.shape} and dtype {array.dtype} must be a "
                f"contiguous, writeable array of shape {(n, *(sensor.space.shape or ()))} and dtype "
                f"{sensor.dtype}"
            )
        self.source = array
        self._flat = array.reshape(n, sensor.size)
        if sensor.work_dtype == sensor.dtype:
            self.numbers = self._flat
        elif sensor.work_dtype.itemsize == sensor.dtype.itemsize:
            self.numbers = self._flat.view(sensor.work_dtype)
        else:
            self.numbers = np.zeros((n, sensor.size), sensor.work_dtype)
        return True

    def load(self, which: NDArray[np.int64]) -> None:
        """Bring readings into the dtype that kernels know, where it is another one."""
        if self.sensor.itemsize != self.sensor.dtype.itemsize:
            self.numbers[which] = self._flat[which]

    def store(self, which: NDArray[np.int64]) -> None:
        """Bring them back."""
        if self.sensor.itemsize != self.sensor.dtype.itemsize:
            self._flat[which] = self.numbers[which]

    def __getstate__(self) -> dict[str, Any]:
        """Forget the array: it belongs to whoever called."""
        return {"sensor": self.sensor, "num_worlds": self.num_worlds}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


class _Job:
    """One fault of one sensor."""

    def __init__(self, fault: int, effect: Effect, sensor: Sensor, num_worlds: int) -> None:
        self.fault = fault
        self.effect = effect
        self.sensor = sensor
        self.code = code_of(sensor.key)
        self.seeds = np.zeros(num_worlds, np.uint64)
        self.streams = np.zeros(num_worlds, np.uint64)
        self._entry: Callable[..., Any] | None = None
        self._arguments: tuple[Any, ...] = ()

    def bind(self, readings: _Readings, which: NDArray[np.int64], turn: Turn) -> None:
        """Work on ``readings`` from now on."""
        view = readings.numbers.view(np.uint8) if self.effect.as_bytes else readings.numbers
        self._arguments = (self.fault, self.seeds, self.streams, view, *self.effect.arguments)
        if self._entry is None:
            self._entry = entry_point(self.effect.kernel, 0, 1, which, turn, *self._arguments)

    def run(self, begin: int, end: int, which: NDArray[np.int64], turn: Turn) -> None:
        """Corrupt the readings of ``which[begin:end]``."""
        assert self._entry is not None
        self._entry(begin, end, which, turn, *self._arguments)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name[0] != "_"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._entry, self._arguments = None, ()


@kernel
def _advance(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    plans: FloatArray,
    seeds: UIntArray,
    streams: UIntArray,
) -> None:
    """Count a step and see which faults begin and end; a plan is what :func:`_plan_of` returns."""
    for position in range(begin, end):
        world = which[position]
        turn.steps[world] += 1
        step = turn.steps[world]
        for fault in range(plans.shape[0]):
            first, after, rate, recovery = plans[fault]
            was = turn.active[world, fault]
            if rate > 0.0:
                streams[world] = derive(seeds[world, fault], step)
                draw = uniform(streams, world)
                now = draw >= recovery if was else draw < rate
            else:
                now = first <= step < after
            if now and not was:
                turn.since[world, fault] = step
            turn.active[world, fault] = now


def _plan_of(fault: Fault) -> tuple[float, float, float, float]:
    """Return first step, first step after, chance to fail and chance to recover; see ``_advance``."""
    if isinstance(fault.schedule, str):
        return 0.0, np.inf, 0.0, 0.0
    name, first, second = fault.schedule
    if name == "steps":
        return float(first), float(second), 0.0, 0.0
    return 0.0, 0.0, float(first), 1.0 / float(second)


def _jobs_of(space: gym_spaces.Dict, faults: tuple[Fault, ...], num_worlds: int) -> list[_Job]:
    jobs = []
    for index, fault in enumerate(faults):
        try:
            sensors = [Sensor(key, space[key]) for key in sensors_hit(fault, space)]
        except ValueError as error:
            raise ValueError(f"faults[{index}]: {error}") from None
        effect = EFFECTS[fault.kind]
        jobs += [
            _Job(index, effect(sensor, fault.severity, num_worlds), sensor, num_worlds) for sensor in sensors
        ]
    return jobs


def _codes_of(faults: tuple[Fault, ...]) -> list[np.uint64]:
    """Return a number for each fault that other faults do not change, unless they are alike."""
    names = [f"{fault.sensor}:{fault.kind}" for fault in faults]
    return [code_of(f"{name}:{names[:index].count(name)}") for index, name in enumerate(names)]
