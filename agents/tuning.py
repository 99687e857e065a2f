"""``python -m agents tune``: a search for settings, with Optuna (Akiba et al., 2019)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args

import tyro
from rich.console import Console
from stable_baselines3.common.callbacks import BaseCallback

from agents.algorithm_config import OFF_POLICY, Algo, AlgorithmConfig, ProximalConfig
from agents.callbacks import recent
from agents.config import require, require_positive
from agents.defaults import defaults_for
from agents.evaluation import evaluate
from agents.train_config import EnvKwargs, TrainConfig, task_name
from agents.training import train

if TYPE_CHECKING:
    import optuna

#: What is maximised.
Metric = Literal["success", "return"]


@dataclass(frozen=True)
class TuneConfig:
    """Search settings of an algorithm.

    Each trial trains for a few steps with settings that Optuna draws around those that are known to work, and
    is judged on scenarios of the training split under other seeds, so that test scenarios stay unseen.
    Trials that fall behind the median of the others are given up.  A search that was interrupted goes on
    when it is started again.

    Attributes:
        env_id: A registered id.
        algo: The algorithm.
        trials: How many settings to try in all, those of earlier calls included.
        steps: World steps of each trial.
        seed: Seed of the search and of every trial.
        num_envs: Worlds that run together.
        env_kwargs: Keyword arguments of the environment.
        metric: What is maximised: ``success``, or ``return`` where the environment does not say.
        episodes: Episodes by which a trial is judged.
        reports: How often a trial is compared with the others while it trains; 0 for never.
        max_minutes: Begin no new trial after so many minutes.
        device: ``auto``, ``cpu`` or ``cuda``.
        out: Folder of the study; by default ``runs/<task>-<algo>-tune``.
    """

    env_id: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="ENV_ID")]
    algo: Algo = "ppo"
    trials: int = 30
    steps: int = 100_000
    seed: int = 0
    num_envs: int | None = None
    env_kwargs: EnvKwargs = field(default_factory=dict)
    metric: Metric = "success"
    episodes: int = 100
    reports: int = 5
    max_minutes: float | None = None
    device: str = "auto"
    out: Path | None = None

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "trials", "steps", "episodes")
        require(self, "algo", self.algo in get_args(Algo), f"one of {get_args(Algo)}")
        require(self, "metric", self.metric in get_args(Metric), f"one of {get_args(Metric)}")
        require(self, "reports", self.reports >= 0, "at least 0")
        minutes = self.max_minutes
        require(self, "max_minutes", minutes is None or minutes > 0, "greater than 0")

    @property
    def folder(self) -> Path:
        """Folder of the study."""
        return self.out or Path("runs") / f"{task_name(self.env_id)}-{self.algo}-tune"


@dataclass(frozen=True)
class TuneResult:
    """What a search found.

    Attributes:
        config: The run with the best settings.
        value: What it reached.
        trials: Trials in all, those that were given up included.
        pruned: Trials that were given up.
    """

    config: TrainConfig
    value: float
    trials: int
    pruned: int


def tune(config: TuneConfig, console: Console | None = None) -> TuneResult:
    """Search settings, and write the best into ``best.json`` of the study's folder.

    Args:
        config: The search.
        console: Where to print; the terminal by default.

    Raises:
        ValueError: If the environment does not fit the algorithm or the metric.
        ModuleNotFoundError: If Optuna is not installed.
    """
    console = console or Console()
    optuna = _import_optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    folder = config.folder
    folder.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=f"{config.env_id} {config.algo} {config.metric} {config.steps}",
        storage=f"sqlite:///{folder / 'study.db'}",
        sampler=optuna.samplers.TPESampler(seed=config.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
        direction="maximize",
        load_if_exists=True,
    )
    base = _base(config)
    if not study.trials:
        # What is known to work is tried first, so that the search never ends up below it.
        study.enqueue_trial(_known(base.settings))
    left = config.trials - sum(trial.state.is_finished() for trial in study.trials)
    study.optimize(
        lambda trial: _judge(trial, config, base),
        n_trials=max(left, 0),
        timeout=None if config.max_minutes is None else 60.0 * config.max_minutes,
        callbacks=[lambda study, trial: _report(study, trial, config, console)],
    )
    best = _with_settings(base, _settings(study.best_trial, base.settings))
    best = replace(best, steps=defaults_for(config.env_id).steps, out=None, checkpoint_every=100_000)
    best.save(folder / "best.json")
    pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    options = " ".join(_options(config.algo, base.settings, best.settings))
    console.print(f"best {config.metric} {study.best_value:.3g}; settings in {folder / 'best.json'}, or:")
    console.print(f"python -m agents train {config.env_id} --algo {config.algo} {options}", soft_wrap=True)
    return TuneResult(best, float(study.best_value), len(study.trials), pruned)


def draw_settings(suggest: optuna.Trial, known: AlgorithmConfig) -> dict[str, Any]:
    """Draw settings of an algorithm, over ranges that reach a factor of several beyond common ones.

    Args:
        suggest: What draws.
        known: Settings that are known to work; what is not drawn stays as it is there.

    Returns:
        Name of the field to its value.
    """
    drawn: dict[str, Any] = {
        "learning_rate": suggest.suggest_float("learning_rate", 3e-5, 3e-3, log=True),
        # Horizons from 5 to 500 steps.
        "gamma": 1.0 - suggest.suggest_float("discount", 0.002, 0.2, log=True),
    }
    if isinstance(known, ProximalConfig):
        drawn |= {
            "n_steps": suggest.suggest_categorical("n_steps", [16, 32, 64, 128, 256]),
            "batch_size": suggest.suggest_categorical("batch_size", [128, 256, 512, 1024, 2048]),
            "n_epochs": suggest.suggest_int("n_epochs", 1, 8),
            "clip_range": suggest.suggest_float("clip_range", 0.1, 0.4),
        }
    if hasattr(known, "gae_lambda"):
        drawn["gae_lambda"] = suggest.suggest_float("gae_lambda", 0.8, 1.0)
        drawn["ent_coef"] = suggest.suggest_float("ent_coef", 1e-4, 0.03, log=True)
    if hasattr(known, "buffer_size"):
        drawn |= {
            "batch_size": suggest.suggest_categorical("replay_batch_size", [32, 64, 128, 256]),
            "gradient_steps": suggest.suggest_categorical("gradient_steps", [1, 2, 4, 8]),
        }
    if hasattr(known, "tau"):
        drawn["tau"] = suggest.suggest_float("tau", 0.002, 0.05, log=True)
    if hasattr(known, "exploration_fraction"):
        drawn["exploration_fraction"] = suggest.suggest_float("exploration_fraction", 0.05, 0.5)
    return drawn


def _known(known: AlgorithmConfig) -> dict[str, Any]:
    """Return the parameters of a trial that has the known settings, as far as ranges allow."""
    numbers = asdict(known)
    first = {"learning_rate": numbers["learning_rate"], "discount": max(1.0 - numbers["gamma"], 0.002)}
    names = ("n_steps", "batch_size", "n_epochs", "clip_range", "gae_lambda", "ent_coef", "tau")
    first |= {name: numbers[name] for name in names if name in numbers}
    for name in ("gradient_steps", "exploration_fraction"):
        if name in numbers:
            first[name] = numbers[name]
    if "buffer_size" in numbers:
        first["replay_batch_size"] = first.pop("batch_size")
    return first


def _settings(trial: Any, known: AlgorithmConfig) -> AlgorithmConfig:
    import optuna

    fixed: Any = optuna.trial.FixedTrial(trial.params)
    return replace(known, **draw_settings(fixed, known))


def _judge(trial: optuna.Trial, config: TuneConfig, base: TrainConfig) -> float:
    """Train with drawn settings, and return what they reach on unseen scenarios of the training split."""
    settings = replace(base.settings, **draw_settings(trial, base.settings))
    run = replace(_with_settings(base, settings), out=config.folder / f"trial{trial.number:04d}")
    callback = Prune(trial, config) if config.reports else None
    result = train(run, callbacks=[callback] if callback else [], quiet=True)
    if callback is not None and callback.pruned:
        raise _import_optuna().TrialPruned
    # Scenarios of the training split that training itself begins with other seeds.
    judged = evaluate(
        result.model,
        config.env_id,
        config.episodes,
        seed=config.seed + 500_000,
        split="train",
        env_kwargs=config.env_kwargs,
    )
    if config.metric == "return":
        return judged.mean_return.mean
    if judged.success_rate is None:
        raise ValueError(f"metric='success' must be 'return': {config.env_id} does not report success")
    return judged.success_rate.mean


class Prune(BaseCallback):
    """Ends a trial that is behind the median of the others."""

    def __init__(self, trial: optuna.Trial, config: TuneConfig) -> None:
        """Compare the trial ``config.reports`` times, evenly spread."""
        super().__init__()
        self.pruned = False
        self._trial, self._metric = trial, config.metric
        self._every = max(config.steps // (config.reports + 1), 1)
        self._next = 1

    def _on_step(self) -> bool:
        if self.num_timesteps < self._next * self._every:
            return True
        success, mean_return = recent(self.model)
        reached = success if self._metric == "success" else mean_return
        if reached is not None:
            self._trial.report(reached, self._next)
            self.pruned = self._trial.should_prune()
        self._next += 1
        return not self.pruned


def _base(config: TuneConfig) -> TrainConfig:
    """Return the run around which the search goes."""
    known = defaults_for(config.env_id)
    worlds = config.num_envs
    if worlds is None and config.algo not in OFF_POLICY:
        worlds = known.num_envs
    return replace(
        known,
        env_id=config.env_id,
        algo=config.algo,
        steps=config.steps,
        seed=config.seed,
        num_envs=worlds,
        env_kwargs=config.env_kwargs,
        device=config.device,
        checkpoint_every=0,
    )


def _with_settings(base: TrainConfig, settings: AlgorithmConfig) -> TrainConfig:
    changed: dict[str, Any] = {base.algo: settings}
    return replace(base, **changed)


def _options(algo: str, known: AlgorithmConfig, best: AlgorithmConfig) -> list[str]:
    """Return the options of ``train`` that lead from the known settings to the best."""
    before, after = asdict(known), asdict(best)
    changed = {name: value for name, value in after.items() if value != before[name]}
    return [
        f"--{algo}.{name} ".replace("_", "-") + (f"{value:.4g}" if isinstance(value, float) else str(value))
        for name, value in changed.items()
    ]


def _report(study: Any, trial: Any, config: TuneConfig, console: Console) -> None:
    done = sum(other.state.is_finished() for other in study.trials)
    reached = "given up" if trial.value is None else f"{config.metric} {trial.value:.3g}"
    finished = [other.value for other in study.trials if other.value is not None]
    best = f"best {max(finished):.3g}" if finished else "no best yet"
    drawn = json.dumps({k: round(v, 5) if isinstance(v, float) else v for k, v in trial.params.items()})
    console.print(
        f"trial {done}/{config.trials}: {reached}, {best}  {drawn}", soft_wrap=True, highlight=False
    )


def _import_optuna() -> Any:
    try:
        import optuna
    except ModuleNotFoundError:
        raise ModuleNotFoundError("tune needs Optuna: pip install 'mmenvs[tune]'") from None
    return optuna
