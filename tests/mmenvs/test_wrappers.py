"""Sensor faults and modality dropout around environments of this package and of others."""

from __future__ import annotations

import pickle
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces as gym_spaces
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from stable_baselines3.common.env_checker import check_env as sb3_check_env

from mmenvs import spaces
from mmenvs.core.faults import FaultBank
from mmenvs.core.faults.modalities import ModalityBank
from mmenvs.core.seeding import EpisodeSeeds
from mmenvs.wrappers import ModalityDropout, SensorFaults, VectorModalityDropout, VectorSensorFaults

MODES = list(AutoresetMode)
FAULTS = [
    "camera:dirt:0.6",
    "camera:latency:0.2",
    "lidar:dropout:0.3:random:0.3:3",
    "lidar:miscalibration",
    "lidar:noise:0.1",
    "state:frozen:1:steps:2:5",
]
WRAPPERS = {
    "faults": (SensorFaults, VectorSensorFaults, {"faults": FAULTS}),
    "dropout": (ModalityDropout, VectorModalityDropout, {"rate": 0.5}),
    "dropout per step": (ModalityDropout, VectorModalityDropout, {"rate": 0.5, "every": "step"}),
}


class Foreign(gym.Env):
    """An environment of another package: plain spaces, a leaf that no fault touches, 6 steps."""

    observation_space = gym_spaces.Dict(
        {
            "camera": gym_spaces.Box(0, 255, (36, 36, 3), np.uint8),
            "lidar": spaces.Scan(12),
            "state": gym_spaces.Box(-2.0, 2.0, (3,), np.float64),
            "gear": gym_spaces.Discrete(4),
            "note": gym_spaces.Text(4),
        }
    )
    action_space = gym_spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._observation(), {"steps": 0}

    def step(self, action):
        self.steps += 1
        return self._observation(), 1.0, self.steps == 6, False, {"steps": self.steps}

    def _observation(self):
        rng = self.np_random
        return {
            "camera": rng.integers(0, 256, (36, 36, 3), np.uint8),
            "lidar": rng.random(12, np.float32),
            "state": rng.uniform(-2, 2, 3),
            "gear": int(rng.integers(4)),
            "note": "abc",
        }


def same(left, right):
    return left.keys() == right.keys() and all(np.array_equal(left[key], right[key]) for key in left)


def single_trajectory(env, seed, steps):
    """Observations and infos, episode after episode."""
    observation, info = env.reset(seed=seed)
    seen = [(observation, info)]
    for _ in range(steps):
        observation, _, terminated, truncated, info = env.step(1)
        seen.append((observation, info))
        if terminated or truncated:
            seen.append(env.reset())
    env.close()
    return seen


def row(infos, world):
    return {k: v[world] for k, v in infos.items() if k in ("faults", "validity")}


def batch_trajectory(env, seed, world, steps):
    """The same as one world of a batch sees it, in the single env's form."""
    mode = env.metadata["autoreset_mode"]
    pick = lambda batch: {key: value[world] for key, value in batch.items()}  # noqa: E731
    observations, infos = env.reset(seed=seed - world)
    seen = [(pick(observations), row(infos, world))]
    while len(seen) < steps:
        observations, _, terminated, truncated, infos = env.step(np.ones(env.num_envs, np.int64))
        done = terminated | truncated
        if mode == AutoresetMode.SAME_STEP and done[world]:
            assert infos["_final_obs"][world]
            seen.append((infos["final_obs"][world], row(infos["final_info"], world)))
        seen.append((pick(observations), row(infos, world)))
        if mode == AutoresetMode.DISABLED and done.any():
            before = observations
            observations, infos = env.reset(options={"reset_mask": done})
            for key in before.keys() - {"note"}:
                assert np.array_equal(before[key][~done], observations[key][~done])
            if done[world]:
                seen.append((pick(observations), row(infos, world)))
    env.close()
    return seen


def foreign_batch(count, mode):
    return SyncVectorEnv([Foreign] * count, autoreset_mode=mode)


def native_batch(count, mode):
    return gym.make_vec(
        "mmenvs/PathPlanning-v0", num_envs=count, autoreset_mode=mode, max_episode_steps=6, threads=2
    )


def native_single():
    return gym.make("mmenvs/PathPlanning-v0", max_episode_steps=6)


@pytest.mark.parametrize("wrapper", list(WRAPPERS))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 7, 64])
@pytest.mark.parametrize(
    ("make_single", "make_batch"), [(Foreign, foreign_batch), (native_single, native_batch)]
)
def test_a_world_of_a_batch_is_the_single_env_bit_for_bit(wrapper, mode, count, make_single, make_batch):
    single_class, vector_class, arguments = WRAPPERS[wrapper]
    single = single_trajectory(single_class(make_single(), **arguments), 100, 15)
    world = count // 2
    batch = batch_trajectory(vector_class(make_batch(count, mode), **arguments), 100, world, 15)
    for step, (expected, found) in enumerate(zip(single, batch, strict=False)):
        assert same(expected[0], found[0]), step
        told = {k: v for k, v in expected[1].items() if k in ("faults", "validity")}
        assert same(told, found[1]), step


@pytest.mark.parametrize("wrapper", list(WRAPPERS))
@pytest.mark.parametrize("make", [Foreign, native_single, lambda: gym.make("mmenvs/Recommender-v0")])
def test_both_checkers_pass_without_another_warning(wrapper, make):
    single_class, _, arguments = WRAPPERS[wrapper]
    inner = make()
    if "note" in inner.observation_space.spaces:  # Stable-Baselines3 knows no texts
        inner = gym.wrappers.FilterObservation(inner, ["camera", "lidar", "state", "gear"])
    if "faults" in arguments and "camera" not in inner.observation_space.spaces:
        arguments = {"faults": ["image:dirt", "*:noise:0.1", "*:latency:0.1"]}
    env = single_class(inner, **arguments)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Says only that the environment is wrapped, which is the point.
        warnings.filterwarnings("ignore", ".*is different from the unwrapped version")
        warnings.filterwarnings("ignore", ".*due to the environment not having a spec")
        check_env(env, skip_render_check=inner.spec is None)
        sb3_check_env(env)
    env.close()


@pytest.mark.parametrize("wrapper", list(WRAPPERS))
def test_the_spec_makes_the_same_wrapped_environment(wrapper):
    single_class, _, arguments = WRAPPERS[wrapper]
    env = single_class(native_single(), **arguments)
    again = gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert isinstance(again, single_class)
    for expected, found in zip(single_trajectory(env, 5, 8), single_trajectory(again, 5, 8), strict=True):
        assert same(expected[0], found[0])


@pytest.mark.parametrize("wrapper", list(WRAPPERS))
def test_a_pickled_wrapper_goes_on_where_it_was(wrapper):
    single_class, _, arguments = WRAPPERS[wrapper]
    env = single_class(Foreign(), **arguments)
    env.reset(seed=3)
    env.step(0)
    twin = pickle.loads(pickle.dumps(env))
    for _ in range(4):
        assert same(env.step(0)[0], twin.step(0)[0])
    assert same(env.reset()[0], twin.reset()[0])


@pytest.mark.parametrize("wrapper", list(WRAPPERS))
def test_the_seed_decides_and_its_absence_continues(wrapper):
    single_class, _, arguments = WRAPPERS[wrapper]
    env = single_class(Foreign(), **arguments)
    first, second, again = (env.reset(**kwargs)[0] for kwargs in ({"seed": 3}, {}, {"seed": 3}))
    assert same(first, again)
    assert not same(first, second)
    unseeded = single_class(Foreign(), **arguments)
    unseeded.reset()
    unseeded.reset()


def test_a_fault_of_one_sensor_leaves_world_and_other_sensors_alone():
    plain = single_trajectory(native_single(), 11, 14)
    faulty = single_trajectory(SensorFaults(native_single(), ["camera:noise:0.5", "state:jump"]), 11, 14)
    for (expected, _), (found, info) in zip(plain, faulty, strict=True):
        assert np.array_equal(expected["lidar"], found["lidar"])
        assert not np.array_equal(expected["camera"], found["camera"])
        assert info["faults"].tolist() == [True, True]


def test_the_wrapper_corrupts_as_a_bank_inside_the_environment_would():
    """The rule that a simulator with faults of its own follows: episode seeds from ``EpisodeSeeds``."""
    env = native_single()
    bank, seeds, world = FaultBank(env.observation_space, FAULTS, 1), EpisodeSeeds(1), np.zeros(1, np.int64)
    wrapped = single_trajectory(SensorFaults(native_single(), FAULTS), 21, 14)
    seeds.seed(world, [21])
    for step, ((observation, _), (expected, told)) in enumerate(
        zip(single_trajectory(env, 21, 14), wrapped, strict=True)
    ):
        if step in (0, 7, 14):
            bank.reset(world, seeds.next(world))
        arrays = {key: value[None].copy() for key, value in observation.items()}
        bank.apply(arrays, world)
        assert same({key: value[0] for key, value in arrays.items()}, expected), step
        assert np.array_equal(bank.active[0], told["faults"])


def test_seeds_of_a_batch_may_be_given_one_by_one():
    env = VectorSensorFaults(foreign_batch(3, AutoresetMode.NEXT_STEP), FAULTS)
    by_number, _ = env.reset(seed=5)
    by_list, _ = env.reset(seed=[5, 6, 7])
    assert same(by_number, by_list)
    mixed, _ = env.reset(seed=[5, None, 7])
    assert np.array_equal(mixed["lidar"][[0, 2]], by_list["lidar"][[0, 2]])
    assert not np.array_equal(mixed["lidar"][1], by_list["lidar"][1])


def test_returned_arrays_are_the_callers():
    env = VectorSensorFaults(native_batch(2, AutoresetMode.NEXT_STEP), FAULTS)
    first, infos = env.reset(seed=0)
    kept = {key: value.copy() for key, value in first.items()}
    told = infos["faults"].copy()
    for _ in range(3):
        env.step(np.ones(2, np.int64))
    assert same(first, kept)
    assert np.array_equal(infos["faults"], told)
    env.close()


def test_dropout_may_lie_around_faults():
    env = ModalityDropout(SensorFaults(Foreign(), FAULTS), 0.5)
    seen = single_trajectory(env, 4, 8)
    assert all(env.observation_space.contains(observation) for observation, _ in seen)
    assert all({"faults", "validity"} <= info.keys() for _, info in seen)


def test_stacked_wrappers_report_all_their_faults():
    env = SensorFaults(SensorFaults(Foreign(), "lidar:noise"), ["camera:noise:1:steps:1:2", "state:jump"])
    assert env.reset(seed=0)[1]["faults"].tolist() == [True, False, True]
    assert env.step(0)[4]["faults"].tolist() == [True, True, True]


@pytest.mark.parametrize("every", ["episode", "step"])
@pytest.mark.parametrize("keep", [0, 2, 4])
def test_missing_modalities_read_as_nothing_and_say_so(every, keep):
    env = ModalityDropout(Foreign(), 0.5, keep_at_least=keep, every=every)
    names = env.observation_space["validity"].names
    assert names == ("camera", "gear", "lidar", "state")
    patterns = []
    for seed in range(60):
        rows = single_trajectory(ModalityDropout(Foreign(), 0.5, keep, every=every), seed, 5)
        for observation, info in rows:
            assert env.observation_space.contains(observation)
            valid = dict(zip(names, observation["validity"], strict=True))
            assert np.array_equal(info["validity"], observation["validity"])
            assert (observation["camera"] > 0).any() == valid["camera"]
            assert (observation["lidar"] < 1).any() == valid["lidar"]
            assert (observation["state"] != 0).any() == valid["state"]
            assert sum(valid.values()) >= keep
        told = np.stack([observation["validity"] for observation, _ in rows])
        assert every == "step" or (told == told[0]).all()
        patterns.append(told)
    share = np.concatenate(patterns).mean(0)
    expected = {0: 0.5, 2: 0.5 + (4 / 16 * 1 + 1 / 16 * 2) / 4, 4: 1.0}[keep]
    assert np.abs(share - expected).max() < (0.2 if every == "episode" else 0.1)


def test_dropout_without_a_validity_key_keeps_the_space():
    env = ModalityDropout(Foreign(), 0.5, validity=False)
    assert env.observation_space == Foreign.observation_space
    assert "validity" not in env.reset(seed=0)[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rate": 0.0}, "rate=0.0 must be a number above 0 and up to 1"),
        ({"rate": "0.5"}, "rate='0.5' must be a number"),
        ({"rate": 0.5, "keep_at_least": 5}, "keep_at_least=5 must be an integer from 0 to 4"),
        ({"rate": 0.5, "every": "day"}, "every='day' must be one of 'episode', 'step'"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        ModalityDropout(Foreign(), **arguments)
    with pytest.raises(ValueError, match=message):
        VectorModalityDropout(foreign_batch(2, "NextStep"), **arguments)


def test_wrong_environments_are_refused():
    with pytest.raises(TypeError, match="must be a Dict"):
        SensorFaults(gym.make("CartPole-v1"), "state:noise")
    with pytest.raises(ValueError, match=r"faults\[0\]: sensor='radar' must be a key of the observation"):
        SensorFaults(Foreign(), "radar:noise")
    with pytest.raises(ValueError, match="has no meaning for sensor 'note'"):
        SensorFaults(Foreign(), "note:noise")
    with pytest.raises(ValueError, match="validity=True needs a free key"):
        ModalityBank(gym_spaces.Dict({"validity": spaces.Vector(1)}), 0.5, 1)
