"""Contracts that every world keeps: the same tests run over all ids, with no special case for any."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from stable_baselines3.common.env_checker import check_env as sb3_check_env
from stable_baselines3.common.vec_env import SubprocVecEnv

import mmenvs

IDS = sorted(mmenvs.ENVIRONMENTS)
MODES = ["NEXT_STEP", "SAME_STEP", "DISABLED"]
#: All that is random at once: weather, faults, people, traffic, noise, stacked pictures.
EVERYTHING = {
    "map": "town",
    "weather": "random",
    "sensors": ("camera", "depth", "semantic", "bev", "lidar", "radar", "state", "motion", "instruction"),
    "faults": ("camera:dirt:0.6", "lidar:dropout:0.3", "camera:frozen:0.5:random:0.2:3", "motion:jump:0.4"),
    "frame_stack": 2,
    "lidar_noise": 0.1,
    "gnss_noise": 1.0,
    "pedestrians": 6,
    "cyclists": 2,
    "vehicle": "dynamic",
    "num_maps": 6,
}
#: The same of a shop: types, cold users, seasons, drifting tastes, bait, missing pictures, returning.
EVERYONE = {
    "on_sale": 0.5,
    "churn": 0.1,
    "clickbait_share": 0.3,
    "missing_rate": 0.3,
    "new_share": 0.2,
    "modalities": ("image", "image_features", "text", "attributes", "history", "user", "recent"),
    "users": {
        "population": {"types": 3, "cold": 0.3, "season": 0.5},
        "drift": {"law": "RandomWalk"},
        "rating": {"probability": 0.6},
        "leaving": {"bias": -1.5},
        "returning": {"horizon": 12},
    },
}
WORLDS = [
    *((env_id, {}) for env_id in IDS),
    ("mmenvs/Driving-v0", EVERYTHING),
    ("mmenvs/SlateRecommender-v0", EVERYONE),
]
NAMES = [*IDS, "everything", "everyone"]


def actions_of(space, steps, seed):
    space.seed(seed)
    return [space.sample() for _ in range(steps)]


def same(left, right):
    return all(np.array_equal(left[key], right[key]) for key in left) and left.keys() == right.keys()


def opening(env, steps=10, **how):
    """The observations of an episode's first steps, by the same actions whatever the episode."""
    env.action_space.seed(0)
    observation, _ = env.reset(**how)
    seen, over = [observation], False
    while len(seen) <= steps and not over:
        observation, _, terminated, truncated, _ = env.step(env.action_space.sample())
        seen.append(observation)
        over = terminated or truncated
    return seen


def alike(left, right):
    return len(left) == len(right) and all(map(same, left, right))


def single_trajectory(env_id, seed, actions, limit=None, **kwargs):
    """Steps of one world, episode after episode, as (observation, reward, terminated, truncated)."""
    env = gym.make(env_id, **({"max_episode_steps": limit} if limit else {}), **kwargs)
    observation, _ = env.reset(seed=seed)
    trajectory = [(observation, 0.0, False, False)]
    for action in actions:
        observation, reward, terminated, truncated, _ = env.step(action)
        trajectory.append((observation, reward, terminated, truncated))
        if terminated or truncated:
            observation, _ = env.reset()
            trajectory.append((observation, 0.0, False, False))
    env.close()
    return trajectory


def batch_trajectory(env_id, seed, world, num_envs, mode, actions, limit=None, **kwargs):
    """The same as seen by one world of a batch in an autoreset mode, in the single env's form."""
    env = gym.make_vec(env_id, num_envs=num_envs, autoreset_mode=mode, max_episode_steps=limit, **kwargs)
    observations, _ = env.reset(seed=seed - world)
    pick = lambda batch: {key: value[world] for key, value in batch.items()}  # noqa: E731
    trajectory = [(pick(observations), 0.0, False, False)]
    filler = actions_of(env.action_space, 1, 5)[0]
    pending = list(actions)
    while pending:
        batch = filler.copy()
        batch[world] = pending[0]
        before_done = bool(trajectory[-1][2] or trajectory[-1][3])
        if not (mode == "NEXT_STEP" and before_done):
            pending.pop(0)
        observations, rewards, terminated, truncated, infos = env.step(batch)
        done = terminated | truncated
        if mode == "SAME_STEP" and done[world]:
            assert infos["_final_obs"][world]
            trajectory.append(
                (infos["final_obs"][world], rewards[world], terminated[world], truncated[world])
            )
            trajectory.append((pick(observations), 0.0, False, False))
        else:
            trajectory.append((pick(observations), rewards[world], terminated[world], truncated[world]))
        if mode == "DISABLED" and done.any():
            observations, _ = env.reset(options={"reset_mask": done})
            if done[world]:
                trajectory.append((pick(observations), 0.0, False, False))
    env.close()
    return trajectory


@pytest.mark.parametrize("env_id", IDS)
def test_both_checkers_pass_without_a_warning(env_id):
    env = gym.make(env_id, render_mode="rgb_array")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=False)
        sb3_check_env(env.unwrapped)
    env.close()


@pytest.mark.parametrize(("env_id", "kwargs"), WORLDS, ids=NAMES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("num_envs", "threads"), [(1, 1), (7, 2), (64, 2)])
def test_a_world_of_a_batch_is_the_single_env_bit_for_bit(env_id, kwargs, mode, num_envs, threads):
    world = num_envs // 2
    actions = actions_of(gym.make(env_id, **kwargs).action_space, 24, 3)
    single = single_trajectory(env_id, 100, actions, limit=9, **kwargs)
    batch = batch_trajectory(env_id, 100, world, num_envs, mode, actions, limit=9, threads=threads, **kwargs)
    for step, (expected, found) in enumerate(zip(single, batch, strict=False)):
        assert same(expected[0], found[0]), step
        assert expected[1:] == tuple(found[1:]), step


@pytest.mark.parametrize("env_id", IDS)
def test_every_observation_is_inside_its_space(env_id):
    env = gym.make_vec(env_id, num_envs=16)
    env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(60):
        observations, rewards, *_ = env.step(env.action_space.sample())
        assert env.observation_space.contains(observations)
        assert np.isfinite(rewards).all()


@pytest.mark.parametrize("env_id", IDS)
def test_the_seed_decides_and_its_absence_continues(env_id):
    env = gym.make(env_id)
    first = opening(env, seed=3)
    second = opening(env)
    assert alike(first, opening(env, seed=3))
    assert not alike(first, second)
    assert alike(second, opening(env))
    assert not alike(first, opening(env, seed=4))


@pytest.mark.parametrize("env_id", IDS)
def test_a_scenario_can_be_named_and_the_splits_differ(env_id):
    env = gym.make(env_id, split="test")
    first = opening(env, seed=1, options={"scenario": 7})
    assert same(first[0], env.reset(seed=2, options={"scenario": 7})[0])
    assert not alike(first, opening(env, seed=1, options={"scenario": 8}))
    train = gym.make(env_id, split="train")
    assert not alike(first, opening(train, seed=1, options={"scenario": 7}))
    with pytest.raises(ValueError, match=r"options\['scenario'\]=200 must be"):
        env.reset(options={"scenario": 200})
    with pytest.raises(ValueError, match="non-negative integer"):
        env.reset(options={"scenario": -3})
    with pytest.raises(ValueError, match=r"options\['scenari'\] is unknown; allowed: 'scenario'"):
        env.reset(options={"scenari": 1})


@pytest.mark.parametrize("env_id", IDS)
def test_next_step_ignores_the_action_after_the_end(env_id):
    env = gym.make_vec(env_id, num_envs=3, max_episode_steps=4)
    assert env.metadata["autoreset_mode"] == AutoresetMode.NEXT_STEP
    env.reset(seed=0)
    actions = actions_of(env.action_space, 6, 0)
    for step in range(4):
        _, _, terminated, truncated, _ = env.step(actions[step])
    done = terminated | truncated
    assert done.any()
    _, rewards, terminated, truncated, _ = env.step(actions[4])
    assert not rewards[done].any()
    assert not (terminated | truncated)[done].any()


@pytest.mark.parametrize("env_id", IDS)
def test_disabled_mode_resets_by_mask_only(env_id):
    env = gym.make_vec(env_id, num_envs=3, max_episode_steps=2, autoreset_mode="Disabled")
    env.reset(seed=0)
    actions = actions_of(env.action_space, 2, 0)
    env.step(actions[0])
    observations, *_ = env.step(actions[1])
    mask = np.array([True, False, False])
    fresh, _ = env.reset(options={"reset_mask": mask})
    for key, value in fresh.items():
        assert np.array_equal(value[1:], observations[key][1:])
    with pytest.raises(ResetNeeded, match=r"worlds \[1, 2\] have ended"):
        env.step(actions[0])
    with pytest.raises(ValueError, match="reset_mask"):
        env.reset(options={"reset_mask": np.array([1, 0, 0])})


@pytest.mark.parametrize("env_id", IDS)
def test_copies_are_the_callers_and_views_are_not(env_id):
    env = gym.make_vec(env_id, num_envs=2)
    first, _ = env.reset(seed=0)
    kept = {key: value.copy() for key, value in first.items()}
    env.action_space.seed(0)
    for _ in range(3):
        env.step(env.action_space.sample())
    assert same(first, kept)
    views = gym.make_vec(env_id, num_envs=2, copy=False)
    first, _ = views.reset(seed=0)
    second, *_ = views.step(env.action_space.sample())
    assert all(np.shares_memory(first[key], second[key]) for key in first)


@pytest.mark.parametrize("env_id", IDS)
def test_processes_work_after_the_parent_has_used_its_threads(env_id):
    parent = gym.make_vec(env_id, num_envs=32, threads=2)
    parent.reset(seed=0)
    parent.action_space.seed(0)
    parent.step(parent.action_space.sample())
    make = lambda: gym.make(env_id)  # noqa: E731
    forked = AsyncVectorEnv([make, make], context="fork")
    observations, _ = forked.reset(seed=0)
    expected = parent.reset(seed=0)[0]
    for key, value in observations.items():
        assert np.array_equal(value, expected[key][:2])
    forked.step(forked.action_space.sample())
    forked.close()
    sb3 = SubprocVecEnv([make, make], start_method="fork")
    sb3.reset()
    sb3.step(np.stack([sb3.action_space.sample() for _ in range(2)]))
    sb3.close()
    parent.step(parent.action_space.sample())


@pytest.mark.parametrize("env_id", IDS)
def test_clear_errors(env_id):
    env = gym.make(env_id)
    with pytest.raises(ResetNeeded, match="call reset"):
        env.unwrapped.step(env.action_space.sample())
    env.reset(seed=0)
    bad = np.full((3, 3), 0)
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        env.unwrapped.step(bad)
    with pytest.raises(ValueError, match="split='valid'"):
        gym.make(env_id, split="valid")
    with pytest.raises((TypeError, ValueError), match="spilt"):
        gym.make(env_id, spilt="train")
    vector = gym.make_vec(env_id, num_envs=4)
    with pytest.raises(ResetNeeded, match="call reset"):
        vector.step(vector.action_space.sample())
    vector.reset(seed=0)
    with pytest.raises(ValueError, match="for 4 worlds"):
        vector.step(env.action_space.sample())
    with pytest.raises(ValueError, match="autoreset_mode='sometimes'"):
        gym.make_vec(env_id, num_envs=2, autoreset_mode="sometimes")
    with pytest.raises(ValueError, match="seed has 3 entries"):
        vector.reset(seed=[1, 2, 3])


@pytest.mark.parametrize("env_id", IDS)
def test_specs_and_spaces_survive_serialisation(env_id):
    env = gym.make(env_id)
    assert gym.make(gym.envs.registration.EnvSpec.from_json(env.spec.to_json())).spec.id == env_id
    space = pickle.loads(pickle.dumps(env.observation_space))
    assert space == env.observation_space
    for key, leaf in space.items():
        assert leaf.modality == env.observation_space[key].modality
        assert leaf.unit == env.observation_space[key].unit


def test_importing_the_package_loads_nothing_heavy():
    code = (
        "import sys, mmenvs, gymnasium; "
        "heavy = [m for m in ('torch', 'numba', 'pygame', 'pybullet', 'cv2', 'stable_baselines3') "
        "if m in sys.modules]; assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_environment_can_be_made_by_module_and_id():
    code = "import gymnasium as gym; gym.make('mmenvs:mmenvs/PathPlanning-v0').reset(seed=0)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_registering_twice_changes_nothing():
    before = dict(gym.registry)
    mmenvs.register_environments()
    assert gym.registry == before
