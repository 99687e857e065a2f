"""Sessions: what a step does, scenarios, and the same trajectory whatever the batch."""

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import mmenvs
from mmenvs.recommender import MODALITIES, RecommenderConfig, RecommenderSimulator
from mmenvs.recommender.catalogue import TRAIT_NAMES

assert mmenvs.ENVIRONMENTS
ENV = "mmenvs/Recommender-v0"
EVENTFUL = {"leave_bias": -2.5, "num_scenarios": 50}  # sessions of a dozen steps


def _simulator(worlds=1, **settings):
    simulator = RecommenderSimulator(worlds, RecommenderConfig(**settings))
    _reset(simulator, range(worlds))
    return simulator


def _reset(simulator, scenarios, seed=0):
    worlds = np.arange(simulator.num_worlds)
    simulator.reset(worlds, np.uint64(seed) + worlds.astype(np.uint64), np.array(scenarios, np.int64))


def _step(simulator, action=0):
    worlds = simulator.num_worlds
    simulator.step(np.full(worlds, action, np.int64), np.ones(worlds, bool))


def test_the_observation_shows_the_candidates_of_the_page():
    simulator = _simulator(3, candidates=6)
    space, seen = simulator.observation_space, simulator.observations
    items = simulator.state.candidates
    catalogue = simulator.catalogue
    for key, truth in (
        ("candidate_image", catalogue.pictures),
        ("candidate_text", catalogue.text),
        ("candidate_attributes", catalogue.attributes),
    ):
        np.testing.assert_array_equal(space[key].unflatten(seen[key]), truth[items])
    for world in range(3):
        assert len(set(items[world])) == 6


@pytest.mark.parametrize(
    ("candidates", "size", "tiles"),
    [(10, 32, (2, 5)), (12, 32, (3, 4)), (7, 32, (2, 4)), (7, 40, (1, 7)), (2, 32, (2, 2)), (9, 16, (3, 3))],
)
def test_contact_sheets_are_large_enough_and_blank_where_nothing_is_shown(candidates, size, tiles):
    simulator = _simulator(candidates=candidates, picture_size=size, items=20)
    space = simulator.observation_space["candidate_image"]
    assert space.tiles == tiles
    assert min(space.shape[:2]) >= 36
    pictures = space.unflatten(simulator.observations["candidate_image"])[0]
    assert (pictures[:candidates] > 0).any(axis=(1, 2, 3)).all()
    assert not pictures[candidates:].any()


def test_history_keeps_the_latest_recommendations_oldest_first():
    simulator = _simulator(history_length=3)
    space = simulator.observation_space
    shown, reports = [], []
    for _ in range(5):
        shown.append(int(simulator.state.candidates[0, 1]))
        _step(simulator, 1)
        reports.append([1.0, simulator.infos["clicked"][0], simulator.infos["dwell"][0] / 60.0])
    attributes = space["history_attributes"].unflatten(simulator.observations["history_attributes"])[0]
    feedback = space["history_feedback"].unflatten(simulator.observations["history_feedback"])[0]
    np.testing.assert_array_equal(attributes, simulator.catalogue.attributes[shown[-3:]])
    np.testing.assert_allclose(feedback, np.array(reports[-3:], np.float32), rtol=1e-6)
    _reset(simulator, [1])
    assert not simulator.observations["history_feedback"].any()


def test_the_reward_is_its_terms_and_the_terms_are_what_happened():
    simulator = _simulator(50, **EVENTFUL)
    left = 0
    for _ in range(10):
        _step(simulator)
        infos, terms = simulator.infos, simulator.infos["reward_terms"]
        np.testing.assert_allclose(simulator.rewards, terms["satisfaction"] + terms["leaving"])
        np.testing.assert_allclose(terms["satisfaction"], infos["dwell"] / 60.0)
        np.testing.assert_array_equal(terms["leaving"], np.where(simulator.terminated, -1.0, 0.0))
        assert (infos["dwell"][~infos["clicked"]] == 0).all()
        content = (infos["mood"] >= 0.4) & ~simulator.terminated
        np.testing.assert_array_equal(infos["success"], content)
        left += simulator.terminated.sum()
    assert left > 0


def test_a_loved_item_is_clicked_and_a_hated_one_is_not():
    simulator = _simulator(256, no_click_score=-15.0)
    _step(simulator)
    assert simulator.infos["clicked"].all()
    simulator = _simulator(256, no_click_score=15.0)
    _step(simulator)
    assert not simulator.infos["clicked"].any()
    assert not simulator.rewards[~simulator.terminated].any()


def test_more_of_the_same_bores_and_drives_away():
    # Users who click everything and leave for boredom alone.
    laws = {
        "no_click_score": -15.0,
        "leave_bias": -5.0,
        "leave_mood_weight": 0.0,
        "leave_boredom_weight": 3.0,
    }
    same, varied = _simulator(200, **laws), _simulator(200, **laws)
    departments = same.items.department
    stays = {}
    for simulator in (same, varied):
        alive = np.ones(200, bool)
        for step in range(40):
            wanted = 0 if simulator is same else step % 4
            offered = departments[simulator.state.candidates] == wanted
            simulator.step(offered.argmax(axis=1), alive)
            alive &= ~simulator.terminated
        stays[simulator] = alive.mean()
    assert stays[varied] > 0.65
    assert stays[same] < 0.1


def test_users_say_roughly_what_they_like():
    simulator = _simulator(500, profile_noise=0.3)
    said, true = simulator.observations["user"], simulator.state.taste
    for trait in range(len(TRAIT_NAMES)):
        assert np.corrcoef(said[:, trait], true[:, trait])[0, 1] > 0.85


def test_a_scenario_is_a_user_and_a_first_page_and_the_seed_is_the_rest():
    first, second = _simulator(), _simulator()
    _reset(first, [4], seed=1)
    _reset(second, [4], seed=2)
    np.testing.assert_array_equal(first.state.taste, second.state.taste)
    for key in first.observations:
        np.testing.assert_array_equal(first.observations[key], second.observations[key])
    _step(first)
    _step(second)
    assert not np.array_equal(first.state.candidates, second.state.candidates)
    _reset(second, [5], seed=1)
    assert not np.array_equal(first.state.taste, second.state.taste)


def test_no_user_is_in_both_splits():
    tastes = {}
    for split in ("train", "test"):
        simulator = _simulator(200, split=split)
        tastes[split] = {taste.tobytes() for taste in simulator.state.taste}
        assert len(tastes[split]) == 200
    assert not tastes["train"] & tastes["test"]


def test_a_scenario_outside_the_split_is_refused():
    env = gym.make(ENV, split="test", modalities=("user",))
    _, info = env.reset(seed=0, options={"scenario": 199})
    assert info["scenario"] == 199
    with pytest.raises(ValueError, match=r"options\['scenario'\]=200 must be from 0 to 199"):
        env.reset(options={"scenario": 200})
    drawn = {env.reset(seed=seed)[1]["scenario"] for seed in range(300)}
    assert max(drawn) < 200 and len(drawn) > 100


def test_what_is_observed_never_changes_the_world():
    everything = gym.make(ENV)
    for modality in MODALITIES:
        one = gym.make(ENV, modalities=(modality,))
        (full, _), (part, _) = (env.reset(seed=5) for env in (everything, one))
        for step in range(12):
            assert part.keys() <= full.keys()
            for key, value in part.items():
                np.testing.assert_array_equal(value, full[key])
            (full, *outcome), (part, *same) = (env.step(step % 10) for env in (everything, one))
            assert outcome == same
            if outcome[1]:
                break


def _digest(observation, world=None):
    pick = (lambda v: v) if world is None else (lambda v: v[world])
    return {key: np.ascontiguousarray(pick(value)).tobytes() for key, value in observation.items()}


def _single(seed, steps):
    env = gym.make(ENV, max_episode_steps=9, **EVENTFUL)
    observation, _ = env.reset(seed=seed)
    trace = [_digest(observation)]
    for k in range(steps):
        observation, reward, terminated, truncated, info = env.step((seed + 3 * k) % 10)
        trace.append((_digest(observation), reward, terminated, truncated, info["mood"], info["item"]))
        if terminated or truncated:
            trace.append(_digest(env.reset()[0]))
    return trace


def _batch(mode, size, threads, seed, steps, copy=True):
    env = gym.make_vec(
        ENV, num_envs=size, max_episode_steps=9, autoreset_mode=mode, threads=threads, copy=copy, **EVENTFUL
    )
    observations, _ = env.reset(seed=seed)
    traces = [[_digest(observations, world)] for world in range(size)]
    taken, over = np.zeros(size, int), np.zeros(size, bool)
    while taken.min() < steps:
        actions = (seed + np.arange(size) + 3 * taken) % 10
        observations, rewards, terminated, truncated, infos = env.step(actions)
        done = terminated | truncated
        for world in range(size):
            if mode == AutoresetMode.NEXT_STEP and over[world]:
                traces[world].append(_digest(observations, world))
                continue
            same_step = mode == AutoresetMode.SAME_STEP and done[world]
            seen = _digest(infos["final_obs"][world]) if same_step else _digest(observations, world)
            source = infos["final_info"] if same_step else infos
            outcome = (rewards[world], terminated[world], truncated[world])
            traces[world].append((seen, *outcome, source["mood"][world], source["item"][world]))
            if same_step:
                traces[world].append(_digest(observations, world))
            taken[world] += 1
        over = done
        if mode == AutoresetMode.DISABLED and done.any():
            observations, _ = env.reset(options={"reset_mask": done})
            for world in np.flatnonzero(done):
                traces[world].append(_digest(observations, world))
    env.close()
    return traces


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize(("size", "threads"), [(1, 1), (7, 2), (33, 2)])
def test_a_world_of_a_batch_is_the_single_environment_bit_for_bit(mode, size, threads):
    traces = _batch(mode, size, threads, 40, 25, copy=size != 7)
    for world in {0, size // 2, size - 1}:
        alone = _single(40 + world, 25)
        assert traces[world][: len(alone)] == alone


def test_strided_actions_mean_what_they_say():
    # The kernels are bound to contiguous arrays; a column of a matrix is not one.
    matrix = np.stack([np.arange(6) % 3, np.full(6, 9)], axis=1)
    results = []
    for actions in (matrix[:, 0], np.ascontiguousarray(matrix[:, 0])):
        env = gym.make_vec(ENV, num_envs=6, modalities=("user",))
        env.reset(seed=1)
        results.append(env.step(actions)[4]["item"])
    np.testing.assert_array_equal(*results)
