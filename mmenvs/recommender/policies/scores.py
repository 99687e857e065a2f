"""How good a policy is: its return and what else matters, and where that lies between chance and ceiling."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.policies.appraisal import MyopicPolicy
from mmenvs.recommender.policies.aware import BaitPolicy, BoredomAwarePolicy, BudgetAwarePolicy
from mmenvs.recommender.policies.base import Policy, Values
from mmenvs.recommender.policies.oracle import OraclePolicy
from mmenvs.recommender.policies.projection import ProjectedPolicy
from mmenvs.recommender.simulator import RecommenderSimulator
from mmenvs.recommender.tasks import TASKS
from mmenvs.recommender.users.boredom import WINDOW
from mmenvs.recommender.users.choice import PROPORTIONAL
from mmenvs.recommender.users.mood import EXPOSURE


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a policy reached, as means over users, one episode each.

    Attributes:
        mean: Return of an episode.
        low: Lower end of its normal 95 % confidence interval.
        high: Upper end.
        users: Number of episodes.
        session_length: Steps of an episode.
        clicks: Clicked items of an episode.
        satisfaction: Mean satisfaction of a step, in [0, 1].
        content: Share of users who stayed and were content at the end, in [0, 1].
        coverage: Share of the catalogue that was shown to anybody, in [0, 1].
        gini: Gini coefficient of how often items were shown: 0 if all alike, towards 1 if ever the same few.
        diversity: Intra-list diversity: mean cosine distance between the embeddings of two items shown to
            the same user, in [0, 2]; NaN if nobody saw two.
        entropy: Entropy of the categories shown to a user [nat]; what shrinks in a filter bubble.
    """

    mean: float
    low: float
    high: float
    users: int
    session_length: float
    clicks: float
    satisfaction: float
    content: float
    coverage: float
    gini: float
    diversity: float
    entropy: float


def evaluate(
    policy: Policy,
    task: str = "recommender",
    episodes: int = 200,
    seed: int = 0,
    steps: int | None = None,
    **settings: Any,
) -> Score:
    """Let a policy serve the first users of the test split.

    All users are served together, each for one episode.  A policy with a method ``observe`` is told what
    came of each step (:class:`~mmenvs.recommender.policies.learners.LearningPolicy`), so a learner's score
    includes its learning.  Pictures and texts are not rendered unless ``modalities`` asks for them, which
    changes nothing for the users.

    Args:
        policy: The policy.
        task: A key of :data:`~mmenvs.recommender.tasks.TASKS`.
        episodes: Scenarios of the split, from the first: one user each.
        seed: Of what the users do.
        steps: Steps after which episodes are cut; None for the time limit of the task's environment.
        settings: Fields of :class:`~mmenvs.recommender.config.RecommenderConfig` that differ from the task's.

    Returns:
        The score.

    Raises:
        ValueError: If an argument is not allowed.
    """
    for name, value in (("episodes", episodes), ("steps", steps)):
        if value is not None and value < 1:
            raise ValueError(f"{name}={value!r} must be at least 1")
    config = RecommenderConfig.from_keywords(
        {"task": task, "split": "test", "modalities": _light_modalities(task), **settings}
    )
    simulator = RecommenderSimulator(episodes, config)
    everybody = np.arange(episodes)
    simulator.reset(everybody, everybody.astype(np.uint64) + np.uint64(seed) * np.uint64(episodes), everybody)
    tally = _Tally(simulator)
    alive = np.ones(episodes, bool)
    learn = getattr(policy, "observe", None)
    for _ in range(steps if steps is not None else time_limit(task)):
        simulator.step(policy.actions(simulator), alive)
        if learn is not None:
            learn(simulator, alive)
        tally.add(alive)
        alive &= ~simulator.terminated
        if not alive.any():
            break
    simulator.close()
    return tally.score()


def ceiling_policy(simulator: RecommenderSimulator) -> Policy:
    """Return the policy that a task's scores are measured against; it reads the users' minds.

    :class:`BoredomAwarePolicy` for users whom a window of clicks bores, :class:`BudgetAwarePolicy` for those
    with a budget of time, :class:`BaitPolicy` for those whose mood is their net exposure, and
    :class:`MyopicPolicy` for those whom recommendations do not change (organic bandits).  All others get
    :class:`OraclePolicy`; where actions are points or weights, :class:`ProjectedPolicy` comes as close as
    it can.
    """
    action, users = simulator.config.action, simulator.users
    if action == "proto":
        return ProjectedPolicy()
    if action == "weights":
        return ProjectedPolicy(OraclePolicy().values)
    if users.boredom.kind == WINDOW and action == "slate":
        return BoredomAwarePolicy()
    if users.budget.on and users.choice.kind == PROPORTIONAL and action == "slate":
        return BudgetAwarePolicy()
    if users.mood.kind == EXPOSURE:
        return BaitPolicy(most=False)
    if users.organic.on:
        return MyopicPolicy()
    return OraclePolicy()


def normalised(score: Score | float, random: Score | float, ceiling: Score | float) -> float:
    """Return ``(R - random) / (ceiling - random)``: 0 for chance, 1 for the ceiling.

    Raises:
        ValueError: If chance and ceiling are equal.
    """
    reached, low, high = (part.mean if isinstance(part, Score) else part for part in (score, random, ceiling))
    if high == low:
        raise ValueError(f"ceiling={high!r} must differ from random={low!r}")
    return (reached - low) / (high - low)


def time_limit(task: str) -> int:
    """Return the steps after which the task's environment truncates an episode."""
    from mmenvs.registration import ENVIRONMENTS

    limits = [
        entry.max_episode_steps
        for entry in ENVIRONMENTS.values()
        if entry.kwargs.get("task") == task
        and "recommender" in entry.entry_point
        and entry.max_episode_steps is not None
    ]
    if not limits:
        raise ValueError(f"task={task!r} must be one of {tuple(TASKS)}")
    return limits[0]


def _light_modalities(task: str) -> tuple[str, ...]:
    """Return the task's modalities without the expensive ones."""
    if task not in TASKS:
        raise ValueError(f"task={task!r} must be one of {tuple(TASKS)}")
    wanted = TASKS[task].get("modalities", RecommenderConfig().modalities)
    return tuple(name for name in wanted if name not in ("image", "image_features", "text"))


class _Tally:
    """Adds up what the steps of a batch of episodes bring."""

    def __init__(self, simulator: RecommenderSimulator) -> None:
        self._simulator = simulator
        worlds, items = simulator.num_worlds, len(simulator.catalogue)
        embedding = simulator.catalogue.embedding.astype(np.float64)
        self._units = embedding / np.maximum(np.linalg.norm(embedding, axis=1, keepdims=True), 1e-12)
        self._returns, self._steps, self._clicks, self._pleasure = (np.zeros(worlds) for _ in range(4))
        self._content = np.zeros(worlds, bool)
        self._shown = np.zeros(items)
        self._sums = np.zeros((worlds, embedding.shape[1]))
        self._kinds = np.zeros((worlds, len(simulator.catalogue.category_names)))

    def add(self, active: NDArray[np.bool_]) -> None:
        report = self._simulator.output.reports
        self._returns += np.where(active, self._simulator.rewards, 0.0)
        self._steps += active
        self._clicks += np.where(active, report["clicks"], 0)
        self._pleasure += np.where(active, report["satisfaction"], 0.0)
        self._content[active] = report["success"][active]
        slate: NDArray[np.int64] = self._simulator.state.slate["item"]
        world, place = np.nonzero((slate >= 0) & active[:, None])
        item = slate[world, place]
        np.add.at(self._shown, item, 1.0)
        for k in range(slate.shape[1]):
            rows = world[place == k]
            self._sums[rows] += self._units[item[place == k]]
        np.add.at(self._kinds, (world, self._simulator.items.facts["category"][item]), 1.0)

    def score(self) -> Score:
        returns, worlds = self._returns, len(self._returns)
        mean = float(returns.mean())
        reach = NormalDist().inv_cdf(0.975) * float(returns.std(ddof=min(1, worlds - 1))) / worlds**0.5
        return Score(
            mean=mean,
            low=mean - reach,
            high=mean + reach,
            users=worlds,
            session_length=float(self._steps.mean()),
            clicks=float(self._clicks.mean()),
            satisfaction=float(self._pleasure.sum() / self._steps.sum()),
            content=float(self._content.mean()),
            coverage=float((self._shown > 0).mean()),
            gini=gini(self._shown),
            diversity=self._diversity(),
            entropy=float(_entropies(self._kinds).mean()),
        )

    def _diversity(self) -> float:
        """Return the mean of ``1 - cos`` over pairs: of unit vectors, ``sum cos = |sum x|^2 - sum |x|^2``."""
        count = self._kinds.sum(axis=1)
        some = count > 1
        if not some.any():
            return float("nan")
        pairs = count[some] * (count[some] - 1.0)
        alike = (self._sums[some] ** 2).sum(axis=1) - count[some]
        return float((1.0 - alike / pairs).mean())


def gini(counts: Values) -> float:
    """Return the Gini coefficient of counts: ``sum_i (2 i - n - 1) x_i / (n sum x)``, x ascending."""
    ordered = np.sort(counts)
    size, total = len(ordered), float(ordered.sum())
    if total == 0.0:
        return 0.0
    return float(((2.0 * np.arange(1, size + 1) - size - 1.0) * ordered).sum() / (size * total))


def _entropies(counts: Values) -> Values:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    return np.asarray(-(share * np.log(np.maximum(share, 1e-300))).sum(axis=1))
