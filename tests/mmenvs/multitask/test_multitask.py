"""A mix of tasks is its tasks: what it adds is the union of keys, bits, masks, and the draw."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from agents.validity import Validity
from mmenvs.multitask.actions import DRIVING_GRID, CommonActions
from mmenvs.multitask.config import EXPERT_RETURNS, MultiTaskConfig
from mmenvs.registration import ENVIRONMENTS

MIX = "mmenvs/MultiTask-v0"
#: The settings by which the tasks' own environments are those of the mix.
OWN = {
    "PathPlanning": {"camera_size": (64, 64), "lidar_beams": 120},
    "Highway": {"camera_size": (64, 64), "lidar_beams": 120},
    "Recommender": {},
}
MODES = ["NEXT_STEP", "SAME_STEP", "DISABLED"]


@pytest.mark.parametrize("task", OWN)
def test_an_episode_is_the_tasks_own_bit_for_bit(task):
    mix, own = gym.make(MIX), gym.make(f"mmenvs/{task}-v0", **OWN[task])
    # Once round all tasks, so that every buffer has been used by others.
    for other in (*OWN, *reversed(OWN)):
        mix.reset(seed=1, options={"task": other})
        mix.step(0)
    seen, info = mix.reset(seed=5, options={"task": task})
    expected, own_info = own.reset(seed=5)
    size = mix.unwrapped.action_masks().sum()
    rng = np.random.default_rng(0)
    scale = 1 / EXPERT_RETURNS[ENVIRONMENTS[f"mmenvs/{task}-v0"].kwargs["task"]]
    over = False
    for _ in range(30):
        for key, leaf in mix.observation_space.items():
            if key not in ("task", "validity"):
                wanted = expected.get(key, np.zeros(leaf.shape, leaf.dtype))
                assert np.array_equal(seen[key], wanted), key
        names = mix.observation_space["validity"].names
        told = {name for name, bit in zip(names, seen["validity"], strict=True) if bit}
        assert told == {*expected, "task"}
        one_hot = dict(zip(mix.observation_space["task"].names, seen["task"], strict=True))
        assert one_hot == {name: float(name == task) for name in OWN} and info["task"] == task
        added = {"task", "task_reward", "action_mask", "invalid_action", "invalid_actions"}
        assert set(info) == set(own_info) | added
        for key in own_info.keys() - added:
            np.testing.assert_equal(info[key], own_info[key])
        if over:
            break
        action = int(rng.integers(size))
        meant = DRIVING_GRID[action] if task == "Highway" else action
        expected, own_reward, own_terminated, own_truncated, own_info = own.step(meant)
        seen, reward, terminated, truncated, info = mix.step(action)
        assert reward == own_reward * scale and info["task_reward"] == own_reward
        assert (terminated, truncated) == (own_terminated, own_truncated)
        over = terminated or truncated


@pytest.mark.parametrize("mode", MODES)
def test_worlds_change_tasks_by_their_seeds_whatever_the_batch(mode):
    count, steps = 6, 60
    singles, batch = [], gym.make_vec(MIX, num_envs=count, autoreset_mode=mode, threads=1)
    tasks = [{"task": "PathPlanning", "max_episode_steps": 7}, "Recommender"]
    singles = [gym.make(MIX, tasks=tasks) for _ in range(count)]
    batch = gym.make_vec(MIX, num_envs=count, autoreset_mode=mode, threads=1, tasks=tasks)
    batch.reset(seed=40)
    now = [env.reset(seed=40 + world) for world, env in enumerate(singles)]
    over = np.zeros(count, bool)
    rng = np.random.default_rng(0)
    seen_tasks = set()
    for _ in range(steps):
        actions = rng.integers(batch.single_action_space.n, size=count)
        observations, rewards, terminated, truncated, infos = batch.step(actions)
        ended = terminated | truncated
        for world, env in enumerate(singles):
            if over[world] and mode == "NEXT_STEP":
                now[world] = env.reset()
                reward, done = 0.0, (False, False)
            else:
                observation, reward, *done, info = env.step(int(actions[world]))
                now[world] = observation, info
            assert (rewards[world], terminated[world], truncated[world]) == (reward, *done)
            shown, told = {key: value[world] for key, value in observations.items()}, infos
            if mode == "SAME_STEP" and ended[world]:
                final, final_info = infos["final_obs"][world], infos["final_info"]
                check(now[world], final, final_info, world)
                now[world] = env.reset()
            check(now[world], shown, told, world)
            seen_tasks.add((world, now[world][1]["task"]))
        over = ended
        if mode == "DISABLED" and ended.any():
            observations, infos = batch.reset(options={"reset_mask": ended})
            for world in np.flatnonzero(ended):
                now[world] = singles[world].reset()
                check(now[world], {key: value[world] for key, value in observations.items()}, infos, world)
        masks = batch.unwrapped.action_masks()
        assert np.array_equal(masks, [env.unwrapped.action_masks() for env in singles])
    assert len(seen_tasks) > count


def check(single, observation, infos, world):
    """Check that a world of a batch shows and tells what the single environment does."""
    expected, info = single
    assert all(np.array_equal(expected[key], observation[key]) for key in expected)
    assert told(infos, world).keys() == info.keys()
    for key, value in told(infos, world).items():
        np.testing.assert_equal(value, info[key])


def told(infos, world):
    keys = [key for key in infos if not key.startswith("_") and not key.startswith("final")]
    return {
        key: told(infos[key], world) if isinstance(infos[key], dict) else infos[key][world]
        for key in keys
        if infos[f"_{key}"][world]
    }


def test_tasks_come_by_weight_and_scenarios_keep_theirs():
    batch = gym.make_vec(MIX, num_envs=300, threads=1, weights={"PathPlanning": 3, "Highway": 0}, copy=False)
    _, infos = batch.reset(seed=0)
    names, counts = np.unique(infos["task"], return_counts=True)
    assert names.tolist() == ["PathPlanning", "Recommender"] and abs(counts[0] - 225) < 30
    _, first = batch.reset(seed=1, options={"scenario": np.arange(300)})
    _, second = batch.reset(seed=2, options={"scenario": np.arange(300)})
    assert (first["task"] == second["task"]).all() and len(set(first["task"])) == 2
    choice = [None, "Highway"] * 150
    _, third = batch.reset(seed=0, options={"task": choice})
    assert set(third["task"][1::2]) == {"Highway"} and (third["task"][::2] == infos["task"][::2]).all()
    batch.close()
    batch.close()


def test_masks_and_invalid_actions():
    env = gym.make(MIX, disable_env_checker=True)
    sizes = {"PathPlanning": 3, "Highway": 21, "Recommender": 10}
    assert env.action_space == spaces.Discrete(21)
    for task, size in sizes.items():
        _, info = env.reset(seed=0, options={"task": task})
        assert info["action_mask"].tolist() == [1] * size + [0] * (21 - size)
        assert env.unwrapped.action_masks().tolist() == [True] * size + [False] * (21 - size)
        assert env.action_space.sample(info["action_mask"]) < size
    env.reset(seed=0, options={"task": "PathPlanning"})
    odd = env.step(20)
    assert odd[4]["invalid_action"] and odd[4]["invalid_actions"] == 1
    env.reset(seed=0, options={"task": "PathPlanning"})
    even = env.step(2)
    assert not even[4]["invalid_action"] and np.array_equal(odd[0]["camera"], even[0]["camera"])


def test_action_spaces_join_and_translate_both_ways():
    own = [spaces.Discrete(3), spaces.MultiDiscrete([4, 4]), spaces.Discrete(2, start=5)]
    joined = CommonActions(own, "abc")
    assert joined.space == spaces.Discrete(16)
    for task, space in enumerate(own):
        space.seed(0)
        actions = np.array([space.sample() for _ in range(20)])
        assert np.array_equal(joined.own(task, joined.common(task, actions)), actions)
        assert joined.masks[task].sum() == (3, 16, 2)[task]
    boxes = [spaces.Box(-1, 1, (2,)), spaces.Box(np.float32([0, -2, 5]), np.float32([1, 2, 6]))]
    joined = CommonActions(boxes, "ab")
    assert joined.space == spaces.Box(-1, 1, (3,), np.float32)
    assert np.array_equal(joined.own(0, np.float32([[0.1, -0.7, 0.9]])), np.float32([[0.1, -0.7]]))
    assert np.allclose(joined.own(1, np.float32([[-1.0, 0.0, 1.0]])), [[0, 0, 6]])
    assert np.allclose(joined.common(1, np.float32([[0, 0, 6]])), [[-1, 0, 1]])
    joined = CommonActions([boxes[0], spaces.Discrete(2)], "ab", [DRIVING_GRID, None])
    assert np.array_equal(joined.common(0, joined.own(0, np.arange(21))), np.arange(21))
    with pytest.raises(ValueError, match="all discrete, or all continuous"):
        CommonActions([spaces.Discrete(2), boxes[0]], "ab")
    with pytest.raises(ValueError, match="task 'b': 1e\\+06 different slates"):
        CommonActions([spaces.Discrete(2), spaces.MultiDiscrete([100] * 3)], "ab")


def test_continuous_tasks_share_a_padded_box_and_differing_keys_are_told_apart():
    env = gym.make(
        MIX,
        tasks=(
            {"task": "Driving", "camera_size": (16, 16), "lidar_beams": 8},
            {"task": "Highway", "name": "Busy", "camera_size": (8, 8), "lidar_beams": 8},
            "ProtoRecommender",
        ),
    )
    assert env.action_space == spaces.Box(-1, 1, (16,), np.float32)
    keys = set(env.observation_space)
    assert {
        "Driving_camera",
        "Busy_camera",
        "lidar",
        "state",
        "history_feedback",
    } <= keys and "camera" not in keys
    _, info = env.reset(seed=0, options={"task": "Busy"})
    assert info["task"] == "Busy" and info["action_mask"].sum() == 2
    observation, _, _, _, _ = env.step(np.zeros(16, np.float32))
    assert not observation["Driving_camera"].any() and observation["Busy_camera"].any()


def test_episodes_end_at_the_limits_of_their_tasks():
    env = gym.make(MIX, tasks=({"task": "PathPlanning", "max_episode_steps": 3}, "Recommender"))
    env.reset(seed=0, options={"task": "PathPlanning"})
    assert [env.step(1)[3] for _ in range(3)] == [False, False, True]
    with pytest.raises(gym.error.ResetNeeded):
        env.step(1)


def test_the_networks_read_the_bits_as_they_are():
    env = gym.make(MIX)
    validity = Validity(env.observation_space)
    assert validity.declared and validity.sensors == env.observation_space["validity"].names


def test_what_is_drawn_is_the_task_that_is_played():
    env = gym.make(MIX, render_mode="rgb_array")
    pictures = [env.reset(seed=0, options={"task": task}) and env.render() for task in OWN]
    assert all(picture.shape == (360, 640, 3) for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 3
    env.unwrapped.view = "top"
    assert env.unwrapped.view == "top"
    env.close()
    env.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tasks": ()}, r"tasks=\(\) must be a sequence"),
        ({"tasks": "Highway"}, "tasks='Highway' must be a sequence"),
        ({"tasks": ("Highwy",)}, "'Highwy' must be one of Driving, .* did you mean 'Highway'"),
        ({"tasks": ("MultiTask",)}, "'MultiTask' must be one of"),
        ({"tasks": ({"id": "Highway"},)}, "must be the name of a task, or a mapping with the key 'task'"),
        ({"tasks": ("Highway", "mmenvs/Highway-v0")}, "names 'Highway' twice"),
        (
            {"tasks": ({"task": "Highway", "max_episode_steps": 0},)},
            "max_episode_steps of 'Highway'=0 must be",
        ),
        ({"weights": {"Merge": 1.0}}, r"weights\['Merge'\] must be of one of the tasks 'PathPlanning'"),
        ({"weights": {"Highway": -1.0}}, r"weights\['Highway'\]=-1.0 must be a number from 0"),
        ({"weights": dict.fromkeys(OWN, 0)}, "must leave one task with more than 0"),
        ({"reward_scale": 2.0}, "reward_scale=2.0 must be a mapping"),
        ({"action": "both"}, "action='both' must be one of 'auto', 'discrete', 'continuous'"),
        ({"action": "continuous"}, "must be all discrete, or all continuous"),
        ({"tasks": ({"task": "Highway", "lanez": 3},)}, "task 'Highway': lanez=3 is not a setting"),
        ({"split": "valid"}, "task 'PathPlanning': split='valid' must be one of"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        gym.make(MIX, **settings)


def test_wrong_options_are_named():
    env = gym.make(MIX, disable_env_checker=True)
    with pytest.raises(ValueError, match=r"options\['task'\]='Chess' must be one of 'PathPlanning'"):
        env.reset(options={"task": "Chess"})
    with pytest.raises(ValueError, match="allowed: 'scenario', 'task'"):
        env.reset(options={"tasks": "Highway"})


def test_every_task_can_be_in_a_mix():
    tasks = [env_id for env_id in ENVIRONMENTS if env_id != MIX]
    small = {
        "mmenvs/InterestEvolution-v0": {"items": 50},
        "mmenvs/Boredom-v0": {"slate_size": 1, "items": 50},
    }
    mix = [{"task": env_id, **small.get(env_id, {})} for env_id in tasks if "Proto" not in env_id]
    config = MultiTaskConfig(tasks=tuple(mix))
    assert len(config.make(1)) == len(mix)
    assert len({task.reward_scale for task in config.resolve()}) > 5
    json.dumps(mix)


def test_masks_reach_maskable_ppo_and_experts_know_every_task():
    from sb3_contrib.common.maskable.utils import get_action_masks, is_masking_supported

    from agents.policies import expert_policy
    from agents.vec_env import make_vec_env

    venv = make_vec_env(MIX, 6, seed=0, env_kwargs={"threads": 1})
    venv.reset()
    assert is_masking_supported(venv)
    masks = get_action_masks(venv)
    assert masks.shape == (6, 21) and masks.dtype == bool
    assert np.array_equal(masks, venv.env.unwrapped.action_masks())
    act = expert_policy(venv.env)
    for _ in range(10):
        actions = act(None)
        assert masks[np.arange(6), actions].all()
        venv.step(actions)
        masks = get_action_masks(venv)
    venv.close()
