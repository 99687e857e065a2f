"""What an encoder costs: one pass forward and backward, and training with PPO, on one core.

    python -m benchmarks.encoders [--seconds 20] [--rounds 3] [--seeds 3] [--out benchmarks/results]

The observation is that of ``mmenvs/Driving-v0``: a camera of 84x84x3, a lidar, the state and the navigation.
Compared are the encoders of pictures of this package, its fusions on top of the compact one, and
Stable-Baselines3's ``CombinedExtractor``, which has NatureCNN for pictures and flattens the rest.  Prints a
table and writes ``encoders.csv``.  The contestants take turns and the best round of each counts; run it with
nothing else on the machine, and quote the ratios.

With ``--seeds`` the baseline and the compact encoder then learn ``mmenvs/PathPlanning-v0``, each with the
same PPO and the same steps, and are tested on 200 held-out scenarios: ``encoders_success.csv``.
"""

from __future__ import annotations

import os

# One core for torch; this must be set before it is loaded.
os.environ["OMP_NUM_THREADS"] = "1"

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from gymnasium import spaces
from rich.console import Console
from rich.table import Table
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, CombinedExtractor
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor

import mmenvs  # noqa: F401  (registers the ids)
from agents.config import EncoderConfig, ImageConfig
from agents.defaults import defaults_for
from agents.evaluation import evaluate
from agents.extractor import MultimodalExtractor
from agents.vec_env import ScaledReward, make_vec_env
from benchmarks.keeping import keep_csv

_ENV = "mmenvs/Driving-v0"
_WORLDS = 16
_PPO: dict[str, Any] = {"n_steps": 64, "batch_size": 256, "n_epochs": 4}
_BASELINE = "CombinedExtractor"
#: Settings of ours that are none of PPO's arguments.
_NOT_OF_PPO = ("anneal", "net_arch", "autocast", "compile_encoder")
#: What training with the compact encoder is asked to be, in training steps per second of the baseline.
ASKED = 2.0


@dataclass(frozen=True)
class Options:
    """What to measure.

    Attributes:
        seconds: Least length of all passes of one contestant, and of all its training [s].
        rounds: Turns of each contestant.
        batch: Observations in a pass.
        training: Whether to train as well.
        seeds: Seeds with which PathPlanning is learned; 0 leaves it out.
        steps: World steps of each such run.
        speed: Whether to measure speed.
        out: Folder of the CSV file.
    """

    seconds: float = 20.0
    rounds: int = 3
    batch: int = 128
    training: bool = True
    seeds: int = 0
    steps: int = 300_000
    speed: bool = True
    out: Path = Path("benchmarks/results")


@dataclass
class Row:
    """One line of the table.

    Attributes:
        name: The contestant.
        parameters: Its weights.
        forward: One pass without gradients [ms].
        both: One pass forward and backward [ms].
        steps: World steps per second of PPO, playing and learning; 0 if it was not asked to train.
        ratio: The same in those of the baseline.
    """

    name: str
    parameters: int
    forward: float = float("inf")
    both: float = float("inf")
    steps: float = 0.0
    ratio: float = 0.0


def contestants() -> dict[str, tuple[EncoderConfig | None, bool]]:
    """Return name to the config, None for Stable-Baselines3's own extractor, and whether it trains, too."""
    fusions = ("sum", "gated", "film", "attention")
    return {
        _BASELINE: (None, True),
        "compact": (EncoderConfig(), True),
        "nature": (EncoderConfig(image=ImageConfig(encoder="nature", features=512)), True),
        "impala": (EncoderConfig(image=ImageConfig(encoder="impala", features=256)), False),
    } | {f"compact, {fusion}": (EncoderConfig(fusion=fusion), False) for fusion in fusions}


def policy_kwargs(config: EncoderConfig | None) -> dict[str, Any]:
    """Return what PPO needs to use an extractor."""
    if config is None:
        return {"features_extractor_class": CombinedExtractor}
    return {
        "features_extractor_class": MultimodalExtractor,
        "features_extractor_kwargs": {"config": config},
        "normalize_images": False,
    }


class Passes:
    """One contestant's passes over a batch of observations."""

    def __init__(self, space: spaces.Dict, config: EncoderConfig | None, observations: dict[str, Tensor]):
        """Build the network."""
        self.config, self.observations = config, observations
        self.network: BaseFeaturesExtractor = (
            CombinedExtractor(space) if config is None else MultimodalExtractor(space, config)
        )

    def forward(self) -> Tensor:
        """Encode the batch, pictures as the policies of Stable-Baselines3 hand them over."""
        batch = self.observations
        if self.config is None:
            batch = {k: v.float() / 255.0 if v.dtype == torch.uint8 else v for k, v in batch.items()}
        features: Tensor = self.network(batch)
        return features

    def measure(self, seconds: float) -> tuple[float, float]:
        """Return the milliseconds of a pass without gradients, and of one forward and backward."""

        def look() -> None:
            with torch.no_grad():
                self.forward()

        def learn() -> None:
            self.network.zero_grad()
            self.forward().square().mean().backward()  # type: ignore[no-untyped-call]

        return _fastest(look, seconds / 3), _fastest(learn, 2 * seconds / 3)


def _fastest(run: Any, seconds: float) -> float:
    run()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - begin)
    return 1e3 * best


def training_rate(model: PPO, seconds: float) -> float:
    """Return the world steps per second of a PPO that plays and learns on."""
    rollout = _PPO["n_steps"] * _WORLDS
    steps, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        model.learn(rollout, reset_num_timesteps=False)
        steps += rollout
    return steps / (time.perf_counter() - begin)


def measure(options: Options) -> list[Row]:
    """Measure all contestants, turn by turn."""
    torch.set_num_threads(1)
    venv = make_vec_env(_ENV, _WORLDS, seed=0)
    assert isinstance(venv.observation_space, spaces.Dict)
    observations = _play(venv, options.batch)
    rows, passes, models = [], [], []
    for name, (config, trains) in contestants().items():
        torch.manual_seed(0)
        passes.append(Passes(venv.observation_space, config, observations))
        rows.append(Row(name, sum(p.numel() for p in passes[-1].network.parameters())))
        model = None
        if trains and options.training:
            model = PPO(
                "MultiInputPolicy", venv, policy_kwargs=policy_kwargs(config), seed=0, device="cpu", **_PPO
            )
            training_rate(model, 0.0)
        models.append(model)
    for _ in range(options.rounds):
        share = options.seconds / options.rounds
        for row, contestant, model in zip(rows, passes, models, strict=True):
            forward, both = contestant.measure(share / 4)
            row.forward, row.both = min(row.forward, forward), min(row.both, both)
            if model is not None:
                row.steps = max(row.steps, training_rate(model, share))
    venv.close()
    base = next(row.steps for row in rows if row.name == _BASELINE)
    for row in rows:
        row.ratio = row.steps / base if base else 0.0
    return rows


@dataclass(frozen=True)
class Success:
    """What one run of PathPlanning reached.

    Attributes:
        name: The contestant.
        seed: Its seed.
        success: On held-out scenarios.
        low: Lower end of its 95 % interval.
        high: Upper end.
        seconds: CPU time of training [s].
    """

    name: str
    seed: int
    success: float
    low: float
    high: float
    seconds: float


def measure_success(options: Options) -> list[Success]:
    """Learn PathPlanning with the baseline and with the compact encoder."""
    task = "mmenvs/PathPlanning-v0"
    known = defaults_for(task)
    rows = []
    for seed in range(options.seeds):
        for name in (_BASELINE, "compact"):
            venv = ScaledReward(make_vec_env(task, known.worlds, seed=seed), known.reward_scale)
            rate = known.ppo.learning_rate
            settings = {k: v for k, v in asdict(known.ppo).items() if k not in _NOT_OF_PPO}
            settings["learning_rate"] = LinearSchedule(rate, 0.02 * rate, 1.0)
            kwargs = policy_kwargs(contestants()[name][0]) | {"net_arch": list(known.ppo.net_arch)}
            model = PPO("MultiInputPolicy", venv, policy_kwargs=kwargs, seed=seed, device="cpu", **settings)
            begin = time.process_time()
            model.learn(options.steps)
            took = time.process_time() - begin
            venv.close()
            reached = evaluate(model, task, 200).success_rate
            assert reached is not None
            rows.append(Success(name, seed, reached.mean, reached.low, reached.high, round(took, 1)))
            keep_csv(options.out / "encoders_success.csv", [asdict(row) for row in rows])
    return rows


def _play(venv: VecEnv, batch: int) -> dict[str, Tensor]:
    """Return observations of a few steps, as tensors."""
    venv.action_space.seed(0)
    seen: list[Any] = [venv.reset()]
    while len(seen) * venv.num_envs < batch:
        seen.append(venv.step(np.stack([venv.action_space.sample() for _ in range(venv.num_envs)]))[0])
    return {key: torch.as_tensor(np.concatenate([o[key] for o in seen])[:batch]) for key in seen[0]}


def main(options: Options) -> None:
    """Measure, print and keep."""
    if options.speed:
        _report_speed(options)
    if options.seeds:
        table = Table(title=f"mmenvs/PathPlanning-v0 after {options.steps:,} steps")
        for heading in ("encoder", "seed", "success", "CPU seconds"):
            table.add_column(heading)
        for row in measure_success(options):
            reached = f"{row.success:.1%} [{row.low:.1%}, {row.high:.1%}]"
            table.add_row(row.name, str(row.seed), reached, f"{row.seconds:.0f}")
        Console().print(table)


def _report_speed(options: Options) -> None:
    rows = measure(options)
    table = Table(title=f"Encoders on one core, batches of {options.batch}, asked: compact {ASKED:.0f} times")
    for heading in ("encoder", "weights", "forward [ms]", "and backward [ms]", "PPO [steps/s]", "ratio"):
        table.add_column(heading, justify="left" if heading == "encoder" else "right")
    for row in rows:
        trained = (f"{row.steps:,.0f}", f"{row.ratio:.2f}") if row.steps else ("", "")
        table.add_row(row.name, f"{row.parameters:,}", f"{row.forward:.1f}", f"{row.both:.1f}", *trained)
    Console().print(table)
    kept = [{k: round(v, 3) if isinstance(v, float) else v for k, v in asdict(row).items()} for row in rows]
    keep_csv(options.out / "encoders.csv", kept)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
