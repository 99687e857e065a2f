"""What a run of learning from people is."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

import tyro

from agents.train_config import EnvKwargs, task_name
from feedback.learning.contrastive import CPLConfig
from feedback.learning.pebble_config import PebbleConfig
from feedback.queries import QueryConfig
from feedback.reward_config import RewardConfig

#: Ways of learning; :data:`feedback.learning.preferences.WAYS` has what they do.
Algorithm = Literal["ppo", "pebble", "cpl"]
TeacherName = Literal["oracle", "stochastic", "mistake", "skip", "equal", "myopic"]


@dataclass(frozen=True)
class LearnConfig:
    """Settings of ``python -m feedback learn``.

    Attributes:
        env_id: Id of the environment; one of another package as ``"package:id"``.
        algorithm: ``ppo`` (Christiano et al. 2017, arXiv:1706.03741) on a reward learned from labels of all
            kinds; ``pebble`` (Lee et al. 2021, arXiv:2106.05091) likewise with SAC, which needs continuous
            actions and fewer world steps, and more computing in each; or ``cpl``: a policy from comparisons
            alone, asked once about episodes of ``cpl.behaviour`` (Hejna et al. 2023, arXiv:2310.13639);
            ``rounds``, ``asking``, ``background`` and ``reward`` do not matter there, and ``steps`` only to
            the agent on the true reward.
        teacher: Who answers; see :data:`feedback.sources.teachers.TEACHERS`.
        labels: Questions in all; judgements already in the store count.
        rounds: Rounds of collecting, asking, fitting and training.
        asking: Share of the training after which nothing is asked any more, in (0, 1]: the rest is left to
            learn from a reward that stays as it is.
        steps: World steps of training in all; None for half of what ``python -m agents train`` takes, because
            two agents are trained: this one, and the one on the true reward.
        collect_steps: Steps of each world that are shown in a round [steps].
        seed: Seed of everything.
        env_kwargs: Keyword arguments of the environment.
        out: Folder of the run; by default ``runs/<task>-preferences-seed<seed>``, or with the name of another
            algorithm in place of ``preferences``.
        store: File or URL of the labels; by default ``labels.db`` in the folder of the run.
        from_store: File or URL of labels to learn from without asking anybody; all kinds of labels count.
        background: Whether training goes on while questions are answered.
        refit_every: With ``background``, new answers after which the reward is fitted again.
        compare: Whether to train an agent on the true reward as well, for as many steps.
        eval_episodes: Held-out episodes of each row of the result.
        device: ``auto``, ``cpu`` or ``cuda``.
        reward_scale: Factor on the learned reward, whose root mean square is about 1; None for that of the
            agent's settings, which was chosen for the true one.
        bonus: Weight of the members' disagreement in what the agent gets, at first: it then looks at what the
            reward model does not know yet (RUNE; Liang et al. 2022, arXiv:2205.12401, with 0.05).
        bonus_decay: Share of that weight that is lost with every world step, in [0, 1).
        query: How segments are cut.
        reward: The reward model.
        cpl: Contrastive preference learning.
        pebble: What PEBBLE alone has.
    """

    env_id: tyro.conf.Positional[str]
    algorithm: Algorithm = "ppo"
    teacher: TeacherName = "oracle"
    labels: int = 200
    rounds: int = 6
    asking: float = 0.5
    steps: int | None = None
    collect_steps: int = 128
    seed: int = 0
    env_kwargs: EnvKwargs = field(default_factory=dict)
    out: Path | None = None
    store: str | None = None
    from_store: str | None = None
    background: bool = False
    refit_every: int = 20
    compare: bool = True
    eval_episodes: int = 100
    device: str = "auto"
    reward_scale: float | None = None
    bonus: float = 0.0
    bonus_decay: float = 1e-4
    query: QueryConfig = field(default_factory=QueryConfig)
    reward: RewardConfig = field(default_factory=RewardConfig)
    cpl: CPLConfig = field(default_factory=CPLConfig)
    pebble: PebbleConfig = field(default_factory=PebbleConfig)

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        for name in ("labels", "rounds", "collect_steps", "eval_episodes", "refit_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if self.steps is not None and self.steps < self.rounds:
            raise ValueError(f"steps={self.steps} must be at least rounds={self.rounds}")
        if not 0 < self.asking <= 1:
            raise ValueError(f"asking={self.asking} must be in (0, 1]")
        if self.reward_scale is not None and not 0 < self.reward_scale < math.inf:
            raise ValueError(f"reward_scale={self.reward_scale} must be finite and positive")
        if not 0 <= self.bonus < math.inf:
            raise ValueError(f"bonus={self.bonus} must be finite and not negative")
        if not 0 <= self.bonus_decay < 1:
            raise ValueError(f"bonus_decay={self.bonus_decay} must be in [0, 1)")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed={self.seed} must be in [0, 2**32)")
        if self.algorithm not in get_args(Algorithm):
            raise ValueError(f"algorithm={self.algorithm!r} must be one of {list(get_args(Algorithm))}")
        if self.teacher not in get_args(TeacherName):
            raise ValueError(f"teacher={self.teacher!r} must be one of {list(get_args(TeacherName))}")
        if self.algorithm != "cpl" and self.query.length != self.reward.horizon:
            raise ValueError(f"query.length={self.query.length} must be reward.horizon={self.reward.horizon}")
        if self.from_store is not None and self.store is not None:
            raise ValueError(f"store={self.store!r} must be left out beside from_store")

    def bonus_at(self, step: int) -> float:
        r"""Return RUNE's weight after so many world steps, :math:`\beta_t = \beta_0 (1 - \rho)^t`."""
        return self.bonus * (1.0 - self.bonus_decay) ** step

    @property
    def run_dir(self) -> Path:
        """Folder of the run."""
        way = "preferences" if self.algorithm == "ppo" else self.algorithm
        return self.out or Path("runs") / f"{task_name(self.env_id)}-{way}-seed{self.seed}"

    @property
    def store_path(self) -> str | Path:
        """File or URL of the labels."""
        return self.from_store or self.store or self.run_dir / "labels.db"
