"""Policies that learn: from what is visible, reproducibly, and better than chance."""

import numpy as np
import pytest
from worlds import play, simulator_of

from mmenvs.recommender.data import Logs, record
from mmenvs.recommender.policies import (
    EpsilonGreedy,
    ItemKNN,
    LinUCB,
    RandomPolicy,
    ThompsonSampling,
    evaluate,
)
from mmenvs.recommender.policies.visible import item_vectors, look
from mmenvs.recommender.tasks import TASKS

LEARNERS = (LinUCB, ThompsonSampling, ItemKNN)
CHOOSING = [task for task in TASKS if TASKS[task].get("action", "item") in ("item", "slate")]


def test_learners_beat_chance():
    chance = evaluate(RandomPolicy(0), episodes=150)
    for learner, margin in ((LinUCB(), 15.0), (ThompsonSampling(), 15.0), (ItemKNN(), 1.0)):
        assert evaluate(learner, episodes=150).low > chance.high + margin, type(learner).__name__


def test_neighbours_by_hand():
    simulator = simulator_of(1, candidates=None, items=4, modalities=("history",))
    ids = simulator.catalogue.ids
    # Three users click items 0 and 1, one of them 2 too; 3 is passed over; another shop's item is dropped.
    rows = [
        ("a", 0, 1),
        ("a", 1, 1),
        ("b", 0, 1),
        ("b", 1, 1),
        ("c", 0, 1),
        ("c", 1, 1),
        ("c", 2, 1),
        ("d", 3, 0),
    ]
    logs = Logs.from_table(
        user=[row[0] for row in rows] + ["e"],
        item=[ids[row[1]] for row in rows] + ["other"],
        click=[row[2] for row in rows] + [1],
    )
    policy = ItemKNN(logs, shrinkage=0.0, popularity=0.0)
    simulator.state.history[0, -1] = 0
    simulator.output.history_feedback[0, -1, :2] = 1.0
    assert policy.actions(simulator).tolist() == [1]
    assert policy._together.tolist() == [[0, 3, 1, 0], [3, 0, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    history = np.array([[-1, 0]])
    alike = policy._similarity(np.arange(4)[None], history)[0]
    np.testing.assert_allclose(alike, [0.0, 1.0, 1.0 / np.sqrt(3.0), 0.0])


def test_neighbours_learn_pairs_while_they_act():
    simulator, policy = simulator_of(40, "slate_recommender", items=30), ItemKNN()
    for _ in range(5):
        before = policy._together.sum()
        play(simulator, policy, 1)
        assert policy._together.sum() >= before
    assert (policy._together == policy._together.T).all() and policy._together.any()
    assert policy._shown.sum() == 5 * 40 * 3 and 0 < policy._clicks.sum() < policy._shown.sum()


@pytest.mark.parametrize("task", CHOOSING)
@pytest.mark.parametrize("learner", LEARNERS)
def test_every_task_that_names_items_can_be_learnt(task, learner):
    settings = {"items": 60} if "items" in TASKS[task] and TASKS[task]["items"] > 60 else {}
    modalities = tuple(
        name for name in TASKS[task].get("modalities", ("history",)) if name in ("history", "user", "recent")
    )
    simulator = simulator_of(3, task, modalities=modalities, **settings)
    for actions in play(simulator, learner(), 4):
        assert all(simulator.action_space.contains(action) for action in actions)
        if actions.ndim == 2:
            assert all(len(set(slate)) == len(slate) for slate in actions.tolist())


@pytest.mark.parametrize("learner", LEARNERS)
def test_learners_never_read_hidden_state(learner):
    clear, veiled = (simulator_of(6, "slate_recommender") for _ in range(2))
    policies = learner(), learner()
    everybody = np.ones(6, bool)
    for _ in range(12):
        plain = policies[0].actions(clear)
        with hidden(veiled):
            blind = policies[1].actions(veiled)
        np.testing.assert_array_equal(plain, blind)
        for simulator in (clear, veiled):
            simulator.step(plain, everybody)
        policies[0].observe(clear)
        with hidden(veiled):
            policies[1].observe(veiled)


class hidden:
    """Hides everything that an agent does not see behind NaN."""

    def __init__(self, simulator):
        state, reports = simulator.state, simulator.output.reports
        self.arrays = [state.taste, state.pull, state.exposure, state.bored]
        self.arrays += [state.sessions[name] for name in ("mood", "level", "budget", "type")]
        self.arrays += [state.slate[name] for name in ("score", "promise", "chance")]
        self.arrays += [reports["mood"], reports["bored"], reports["success"]]

    def __enter__(self):
        self.kept = [array.copy() for array in self.arrays]
        for array in self.arrays:
            array[...] = np.nan if array.dtype.kind == "f" else 0

    def __exit__(self, *_):
        for array, kept in zip(self.arrays, self.kept, strict=True):
            array[...] = kept


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_same_seed_learns_the_same(learner):
    first, again = (play(simulator_of(5), learner(), 15) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_another_seed_samples_another_model():
    first, other = (play(simulator_of(5), ThompsonSampling(seed=seed), 3) for seed in (0, 1))
    assert (np.array(first) != np.array(other)).any()


@pytest.mark.parametrize("worlds", [2, 80])  # fewer and more rows than features
def test_updates_are_those_of_ridge_regression(worlds):
    settings = {"modalities": ("history",), "reward": "clicks"}
    simulator, policy = simulator_of(worlds, **settings), LinUCB(size=8, ridge=2.0)
    x, y = [], []
    for _ in range(6):
        seen = look(simulator, item_vectors(simulator, 8))
        action = policy.actions(simulator)
        simulator.step(action, np.ones(worlds, bool))
        policy.observe(simulator)
        x.append(seen.candidates[np.arange(worlds), action])
        y.append(simulator.infos["clicked"].astype(float))
    x, y = np.concatenate(x), np.concatenate(y)
    expected = np.linalg.solve(2.0 * np.eye(x.shape[1]) + x.T @ x, x.T @ y)
    np.testing.assert_allclose(policy._weights, expected, rtol=1e-8, atol=1e-10)


def test_confidence_bounds_by_hand():
    simulator, policy = simulator_of(4, modalities=("history",)), LinUCB(0.7, size=5, ridge=4.0)
    policy.actions(simulator)
    seen = policy._seen
    # Nothing is known: the mean is 0 and the variance |x|^2 / 4.
    np.testing.assert_allclose(policy._values(seen), 0.35 * np.linalg.norm(seen.candidates, axis=2))


def test_who_has_stopped_teaches_nothing():
    simulator, policy = simulator_of(4), LinUCB()
    policy.actions(simulator)
    simulator.step(np.zeros(4, np.int64), np.zeros(4, bool))
    policy.observe(simulator, np.zeros(4, bool))
    assert not policy._weights.any()


def test_misuse_is_named():
    for learner in LEARNERS:
        with pytest.raises(RuntimeError, match=r"must follow actions\(\)"):
            learner().observe(simulator_of(2))
        with pytest.raises(ValueError, match="names no candidates"):
            learner().actions(simulator_of(2, action="weights"))
    policy = LinUCB()
    policy.actions(simulator_of(2))
    with pytest.raises(ValueError, match="has learnt from"):
        policy.actions(simulator_of(2, modalities=("history",)))
    for wrong in ({"exploration": -1.0}, {"size": 0}, {"ridge": 0.0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}="):
            LinUCB(**wrong)
    for wrong in ({"shrinkage": -1.0}, {"popularity": -1.0}, {"size": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}="):
            ItemKNN(**wrong)


def test_a_learner_can_log_and_learn_at_once():
    policy = EpsilonGreedy(LinUCB(), 0.2)
    logs = record({"modalities": ("user",)}, policy, users=20, steps=5)
    assert set(np.round(logs.propensity, 6)) == {0.02, 0.82}
    assert policy.base._weights.any()
