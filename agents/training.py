"""Training: one function, from a config to a model in a folder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from rich.console import Console
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.vec_env import VecEnv

from agents.algorithms import CLASSES, make_model
from agents.callbacks import (
    BestModel,
    Checkpoints,
    CurvePoint,
    LearningCurve,
    ProgressBar,
    StopWhen,
    recent,
    save_checkpoint,
    seed_after,
)
from agents.checkpoints import load_checkpoint
from agents.config import EncoderConfig
from agents.pretraining.files import PretrainedEncoder
from agents.train_config import TrainConfig
from agents.vec_env import ScaledReward, make_vec_env

#: Fields of a run that may change when it is resumed.
RESUMABLE = (
    "steps",
    "out",
    "device",
    "threads",
    "checkpoint_every",
    "target_success",
    "max_minutes",
    "wandb",
)


@dataclass(frozen=True)
class TrainResult:
    """What a run left.

    Attributes:
        model: The trained model.
        run_dir: Its folder, with ``config.json``, ``last.zip``, ``best.zip``, ``curve.csv``, ``checkpoints/``
            and, where TensorBoard is installed, ``tensorboard/``.
        steps: World steps in all.
        seconds: Seconds of training in this call.
        stopped_by: ``"steps"``, ``"target_success"``, ``"max_minutes"`` or ``"interrupted"``.
        curve: Points of the learning curve noted in this call.
    """

    model: BaseAlgorithm
    run_dir: Path
    steps: int
    seconds: float
    stopped_by: str
    curve: Sequence[CurvePoint]


def train(
    config: TrainConfig,
    *,
    resume: Path | None = None,
    venv: VecEnv | None = None,
    callbacks: Sequence[BaseCallback] = (),
    console: Console | None = None,
    quiet: bool = False,
) -> TrainResult:
    """Train a model, or go on training one.

    The same config gives the same weights on the same machine, bit by bit; the number of threads is part of
    it, and what was chosen stands in ``config.json``.  A resumed run goes on with the steps, the optimiser
    and the replay buffer of the last checkpoint, in worlds with new seeds.  With PPO, A2C and their kinds, it
    does bit by bit what the run would have done after that checkpoint, had it not been interrupted; an
    algorithm with a replay buffer goes on with the same experience, but not with the same steps.

    Args:
        config: The run.
        resume: Folder of the run to go on with; only the :data:`RESUMABLE` fields of ``config`` may differ.
        venv: Where to train instead of ``config.env_id``, such as a wrapped one, its rewards taken as they
            are; the caller closes it.
        callbacks: Further callbacks of Stable-Baselines3.
        console: Where to print; the terminal by default.
        quiet: Print nothing.

    Raises:
        ValueError: If the config does not fit the environment, or the run that is resumed.
    """
    console = console or Console(quiet=quiet)
    folder = resume or config.run_dir
    saved = _check_resume(config, resume) if resume else None
    if config.threads is None:
        config = replace(config, threads=idle_cores())
    torch.set_num_threads(config.threads or 1)
    if config.wandb is not None:
        _require_wandb(config)
    worlds = venv or _make_worlds(config)
    try:
        model = _load(config, saved, worlds) if saved else _start(config, folder, worlds, console)
        with _logged_in(config, folder):
            return _learn(model, config, folder, callbacks, console)
    finally:
        if venv is None:
            worlds.close()


def load_model(
    path: Path, venv: VecEnv | None = None, device: str = "auto"
) -> tuple[BaseAlgorithm, TrainConfig]:
    """Load a trained model and the config of its run.

    Args:
        path: Folder of a run, or one of the zip files in it.
        venv: Environment to go on training in; None for acting alone.
        device: ``"auto"``, ``"cpu"`` or ``"cuda"``.

    Raises:
        ValueError: If there is no model, its file is damaged, or its spaces are not those of ``venv``.
    """
    file = path if path.suffix == ".zip" else path / "last.zip"
    folder = file.parent.parent if file.parent.name == "checkpoints" else file.parent
    config = TrainConfig.load(folder / "config.json")
    return load_checkpoint(CLASSES[config.algo], file, venv, device), config


def idle_cores() -> int:
    """Return the cores that nobody else is using now, at least 1.

    A thread of torch more than there are idle cores does not help a little less: it slows small networks down
    several times, because all threads wait for the one that has no core.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return max(1, min(cores, round(cores - load)))


def _make_worlds(config: TrainConfig) -> VecEnv:
    worlds = make_vec_env(config.env_id, config.worlds, env_kwargs=config.env_kwargs)
    return worlds if config.reward_scale == 1.0 else ScaledReward(worlds, config.reward_scale)


def _require_wandb(config: TrainConfig) -> None:
    missing = [name for name in ("wandb", "tensorboard") if importlib.util.find_spec(name) is None]
    if missing:
        names = " ".join(missing)
        raise ModuleNotFoundError(f"wandb={config.wandb!r} needs what is not installed: pip install {names}")


@contextmanager
def _logged_in(config: TrainConfig, folder: Path) -> Iterator[None]:
    """Send to Weights & Biases, if the config asks for it, whatever TensorBoard gets."""
    if config.wandb is None:
        yield
        return
    import wandb

    run = wandb.init(
        project=config.wandb,
        name=folder.name,
        id=hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16],
        resume="allow",
        dir=str(folder),
        config=asdict(config),
        sync_tensorboard=True,
    )
    try:
        yield
    finally:
        run.finish()


def _start(config: TrainConfig, folder: Path, venv: VecEnv, console: Console) -> BaseAlgorithm:
    """Make a fresh model and the folder of its run."""
    tensorboard: Path | None = folder / "tensorboard"
    if importlib.util.find_spec("tensorboard") is None:
        console.print("no TensorBoard log: pip install 'mmenvs[log]' to have one")
        tensorboard = None
    pretrained = None
    if config.pretrained is not None:
        pretrained = PretrainedEncoder.load(config.pretrained)
        # The encoder of the config is the file's, unless another one is asked for, which is a mistake.
        asked = None if config.encoder == EncoderConfig() else config.encoder
        pretrained.check(venv.observation_space, asked)
        config = replace(config, encoder=pretrained.config)
    # Worlds are seeded when the model is: Stable-Baselines3 hands its seed on to them.
    model = make_model(
        config.algo,
        config.settings,
        config.encoder,
        venv,
        seed=config.seed,
        device=config.device,
        tensorboard=tensorboard,
        weight_decay=config.weight_decay,
        freeze=config.freeze,
    )
    if pretrained is not None:
        pretrained.load_into(model.policy)
    folder.mkdir(parents=True, exist_ok=True)
    for old in ("curve.csv", "last.zip", "last_buffer.pkl", "best.zip", "best.json"):
        (folder / old).unlink(missing_ok=True)
    config.save(folder / "config.json")
    return model


def _load(config: TrainConfig, checkpoint: Path, venv: VecEnv) -> BaseAlgorithm:
    """Load the model of a run that is resumed."""
    model, _ = load_model(checkpoint, venv, config.device)
    if isinstance(model, OffPolicyAlgorithm):
        model.load_replay_buffer(checkpoint / "last_buffer.pkl")
    model.set_random_seed(seed_after(config.seed, model.num_timesteps))
    config.save(checkpoint / "config.json")
    return model


def _learn(
    model: BaseAlgorithm, config: TrainConfig, folder: Path, extra: Sequence[BaseCallback], console: Console
) -> TrainResult:
    remaining = config.steps - model.num_timesteps
    if remaining <= 0:
        raise ValueError(f"steps={config.steps} must exceed the {model.num_timesteps} that the run has done")
    every = max(config.steps // 200, 1)
    curve = LearningCurve(folder / "curve.csv", every)
    stop = StopWhen(config.target_success, config.max_minutes)
    bar = ProgressBar(config.steps, config.env_id, console)
    stopped_by = "interrupted"
    began = time.perf_counter()
    try:
        kept = (Checkpoints(folder, config.checkpoint_every, config.seed), BestModel(folder, every))
        callbacks = [bar, curve, *kept, stop, *extra]
        model.learn(remaining, callback=callbacks, reset_num_timesteps=False, tb_log_name=config.algo)
        stopped_by = stop.reason
    except KeyboardInterrupt:
        console.print("[yellow]interrupted: saving what was learned")
    finally:
        bar.close()
    seconds = time.perf_counter() - began
    last = save_checkpoint(model, folder)
    success, mean_return = recent(model)
    facts = [f"{model.num_timesteps:,} steps", f"{seconds:.0f} s", f"stopped by {stopped_by}"]
    if success is not None:
        facts.append(f"success {success:.0%}")
    if mean_return is not None:
        facts.append(f"return {mean_return:.2f}")
    console.print(f"trained: {', '.join(facts)}; saved as {last}")
    return TrainResult(model, folder, model.num_timesteps, seconds, stopped_by, tuple(curve.points))


def _check_resume(config: TrainConfig, folder: Path) -> Path:
    """Check that a config may go on with a run, and return the folder of its checkpoint."""
    saved = TrainConfig.load(folder / "config.json")
    unchanged = replace(config, **{name: getattr(saved, name) for name in RESUMABLE})
    if saved.pretrained is not None and config.encoder == EncoderConfig():
        unchanged = replace(unchanged, encoder=saved.encoder)
    for name in TrainConfig.__dataclass_fields__:
        ours, theirs = getattr(unchanged, name), getattr(saved, name)
        if ours != theirs:
            raise ValueError(
                f"cannot resume {folder}: {name}={ours!r}, but the run has {theirs!r}; "
                f"only {', '.join(RESUMABLE)} may change"
            )
    return folder
