"""The two faces of the shop: spaces, infos, clear errors, catalogues of one's own, a light import."""

import pickle
import subprocess
import sys
import warnings

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from shops import EVERYTHING

import mmenvs
from mmenvs.recommender import MODALITIES, Catalogue
from mmenvs.recommender.env import RecommenderEnv, RecommenderVectorEnv

ENV = "mmenvs/Recommender-v0"
IDS = [name for name, entry in mmenvs.ENVIRONMENTS.items() if ".recommender." in entry.entry_point]
VARIANTS = [
    {},
    {"modalities": ("image",), "candidates": 7},
    {"candidates": 2},
    {"candidates": None},
    {"action": "weights", "slate_size": 3},
    {"action": "proto", "slate_size": 12},
    EVERYTHING,
]


def _check_both(env):
    from stable_baselines3.common.env_checker import check_env as check_env_sb3

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env.unwrapped, skip_render_check=True)
        check_env_sb3(env.unwrapped)


@pytest.mark.parametrize("env_id", IDS)
def test_the_checkers_pass_every_task_without_a_warning(env_id):
    _check_both(gym.make(env_id))


@pytest.mark.parametrize("settings", VARIANTS)
def test_the_checkers_pass_the_variants_without_a_warning(settings):
    _check_both(gym.make(ENV, **settings))


@pytest.mark.parametrize(
    ("settings", "space"),
    [
        ({}, gym.spaces.Discrete(10)),
        ({"candidates": None, "items": 50}, gym.spaces.Discrete(50)),
        ({"action": "slate", "slate_size": 3}, gym.spaces.MultiDiscrete([10] * 3)),
        ({"action": "slate", "slate_size": 1}, gym.spaces.MultiDiscrete([10])),
        (
            {"action": "slate", "slate_size": 2, "candidates": None, "items": 50},
            gym.spaces.MultiDiscrete([50] * 2),
        ),
        ({"action": "proto", "proto_size": 5}, gym.spaces.Box(-1, 1, (5,), np.float32)),
        ({"action": "weights"}, gym.spaces.Box(-1, 1, (9,), np.float32)),
    ],
)
def test_the_action_space_is_that_of_the_action(settings, space):
    env = gym.make(ENV, **settings)
    assert env.action_space == space
    env.reset(seed=0)
    env.step(env.action_space.sample())


@pytest.mark.parametrize("settings", [*({"modalities": (name,)} for name in MODALITIES), EVERYTHING])
def test_observations_lie_in_their_space(settings):
    env = RecommenderVectorEnv(5, max_episode_steps=10, **settings)
    observations, _ = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(25):
        assert observations in env.observation_space
        observations, *_ = env.step(env.action_space.sample())


def test_the_documented_shapes_are_the_shapes():
    env = RecommenderEnv(
        modalities=("image", "image_features", "text", "attributes", "history", "user", "recent")
    )
    space = env.observation_space
    assert {key: leaf.shape for key, leaf in space.items()} == {
        "candidate_image": (64, 160, 3),
        "candidate_image_features": (890,),
        "candidate_text": (160,),
        "candidate_attributes": (80,),
        "history_attributes": (80,),
        "history_feedback": (50,),
        "user": (24,),
        "recent_clicks": (4,),
    }
    assert space["candidate_image"].structure == (10, 32, 32, 3)
    assert space["candidate_attributes"].names[:5] == ("home", "fashion", "tech", "outdoor", "price")
    assert space["history_feedback"].names == ("valid", "clicked", "dwell", "rating", "organic")
    assert space["user"].names[:4] == ("known", "season_cos", "season_sin", "hue_cos")


def test_spaces_survive_pickling():
    space = RecommenderEnv().observation_space
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert again["candidate_image"].tiles == (2, 5)


def test_infos_say_the_same_in_both_faces():
    alone = RecommenderEnv(task="slate_recommender")
    batch = RecommenderVectorEnv(3, task="slate_recommender")
    _, first = alone.reset(seed=11)
    _, all_first = batch.reset(seed=10)
    for turn in range(4):
        assert first.keys() == {key for key in all_first if not key.startswith("_")}
        for key, value in first.items():
            if key == "reward_terms":
                assert value == {name: all_first[key][name][1] for name in value}
                assert set(value) == {"engagement", "leaving", "absence"}
            else:
                np.testing.assert_array_equal(value, all_first[key][1])
        assert first["slate"].shape == (3,) and all_first["slate"].shape == (3, 3)
        assert isinstance(first["clicked"], bool) and isinstance(first["mood"], float)
        assert isinstance(first["item"], int)
        kept = first["slate"].copy()
        before = first["slate"]
        *_, first = alone.step([turn, 4, 5])
        *_, all_first = batch.step(np.tile([turn, 4, 5], (3, 1)))
        np.testing.assert_array_equal(before, kept)  # what was handed out is the caller's


@pytest.mark.parametrize("make", [RecommenderEnv, RecommenderVectorEnv])
def test_wrong_settings_are_named(make):
    with pytest.raises(TypeError, match=r"unknown setting 'modality'; close matches: modalities"):
        make(modality="image")
    with pytest.raises(ValueError, match="candidates=0 must be an integer from 2 to 100 or None"):
        make(candidates=0)


@pytest.mark.parametrize(
    ("settings", "actions"),
    [
        ({}, [10, -1, 0.5, np.nan, [1, 2], "a"]),
        ({"task": "slate_recommender"}, [[0, 1, 10], [0, 1], 3, [0.5, 1, 2]]),
        ({"task": "proto_recommender"}, [np.full(16, 1.5), np.full(16, np.nan), np.zeros(15)]),
    ],
)
def test_wrong_actions_and_calls_are_named(settings, actions):
    env = RecommenderEnv(modalities=("user",), **settings)
    with pytest.raises(ResetNeeded):
        env.step(0)
    env.reset(seed=0)
    for action in actions:
        with pytest.raises(ValueError, match="action"):
            env.step(action)
    with pytest.raises(ValueError, match=r"options\['scenarios'\] is unknown"):
        env.reset(options={"scenarios": 1})


def test_a_session_ends_by_leaving_or_by_the_time_limit():
    env = gym.make(ENV, modalities=("user",), users={"leaving": None})
    env.reset(seed=0)
    for _ in range(99):
        assert env.step(0)[2:4] == (False, False)
    assert env.step(0)[2:4] == (False, True)
    env = gym.make(ENV, modalities=("user",), users={"leaving": {"bias": 50.0, "penalty": 2.0}})
    env.reset(seed=0)
    _, reward, terminated, truncated, info = env.step(0)
    assert (terminated, truncated, info["success"]) == (True, False, False)
    assert reward == info["satisfaction"] - 2.0
    with pytest.raises(ResetNeeded):
        env.unwrapped.step(0)


def test_a_scenario_outside_the_split_is_refused():
    env = gym.make(ENV, split="test", modalities=("user",))
    _, info = env.reset(seed=0, options={"scenario": 199})
    assert info["scenario"] == 199
    with pytest.raises(ValueError, match=r"options\['scenario'\]=200 must be from 0 to 199"):
        env.reset(options={"scenario": 200})
    drawn = {env.reset(seed=seed)[1]["scenario"] for seed in range(300)}
    assert max(drawn) < 200 and len(drawn) > 100


def test_a_table_of_ones_own_becomes_a_shop():
    rng = np.random.default_rng(0)
    catalogue = Catalogue.from_table(
        {
            "name": [f"thing number {k}" for k in range(30)],
            "price": rng.uniform(1, 9, 30),
            "kind": ["red", "green", "blue"] * 10,
        },
        text="name",
        attributes=["price", "kind"],
        image=rng.integers(0, 255, (30, 20, 20, 3), np.uint8),
        picture_size=16,
    )
    env = gym.make(ENV, catalogue=catalogue, picture_size=16, candidates=9)
    observation, _ = env.reset(seed=0)
    assert observation in env.observation_space
    items = env.unwrapped.simulator.state.candidates[0]
    pictures = env.observation_space["candidate_image"].unflatten(observation["candidate_image"])
    np.testing.assert_array_equal(pictures, catalogue.pictures[catalogue.look[items]])
    _check_both(env)


def test_asynchronous_workers_agree_with_the_batch_after_the_parent_used_its_threads():
    kind = {"modalities": ("user", "history")}
    native = gym.make_vec(ENV, num_envs=16, threads=2, **kind)
    forked = gym.make_vec(ENV, num_envs=2, vectorization_mode="async", threads=1, **kind)
    try:
        for env in (native, forked):
            env.reset(seed=3)
        for turn in range(5):
            _, rewards, *_ = native.step(np.full(16, turn))
            _, same, *_ = forked.step(np.full(2, turn))
            np.testing.assert_array_equal(rewards[:2], same)
    finally:
        forked.close()
        native.close()


def test_importing_loads_nothing_heavy():
    code = (
        "import sys, mmenvs, mmenvs.recommender\n"
        "heavy = {'torch', 'pygame', 'pybullet', 'matplotlib', 'stable_baselines3'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
