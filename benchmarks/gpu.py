"""What a GPU buys: training steps per second from pixels, and minutes until a task is solved.

    PYTHONPATH=. python benchmarks/gpu.py [--device cuda] [--seconds 30] [--worlds 1024] [--minutes 8]

Needs torch, gymnasium, numba, opencv and stable-baselines3, and nothing else.  The observation is that of
``mmenvs/Driving-v0``: a camera of 84x84x3, a lidar, the state and the navigation.  Every contestant uses each
step in four epochs:

- plain PPO of Stable-Baselines3 over ``DummyVecEnv`` with 8 worlds and its ``CombinedExtractor``, minibatches
  of 256, as its users have it;
- the same over the native vector environment, with 8 worlds, and with as many as ours;
- ours: ``AcceleratedPPO`` and the multimodal encoder over the native vector environment, minibatches of an
  eighth of a rollout; in float32, in bfloat16, and compiled.

The contestants take turns; the best turn of each counts.  Then ours learns PathPlanning and Highway from the
camera and the state alone until nine of ten training episodes succeed, and is tested on held-out scenarios.
Prints tables and keeps ``gpu_speed.csv`` and ``gpu_success.csv``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.torch_layers import CombinedExtractor
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv

import mmenvs  # noqa: F401  (registers the ids)
from agents.accelerated import AcceleratedPPO
from agents.evaluation import evaluate
from agents.extractor import MultimodalExtractor
from agents.vec_env import ChannelsFirst, ScaledReward, make_vec_env
from benchmarks.keeping import keep_csv

_ENV = "mmenvs/Driving-v0"
_EPOCHS = 4
#: What ours is asked to be, in training steps per second of plain PPO over ``DummyVecEnv``.
ASKED = 10.0
_SUCCESS, _WINDOW = 0.9, 100


@dataclass
class Speed:
    """One line of the first table.

    Attributes:
        name: The contestant.
        worlds: Worlds that run together.
        batch: Transitions in a minibatch.
        steps: World steps per second of playing and learning.
        ratio: The same in those of plain PPO over ``DummyVecEnv``.
        playing: Share of the time in which worlds were played, the policy's decisions included.
        busy: Mean utilisation of the GPU [%]; NaN without one.
        memory: Most memory of the GPU that torch held [MiB]; 0 without one.
    """

    name: str
    worlds: int
    batch: int
    steps: float = 0.0
    ratio: float = 0.0
    playing: float = 0.0
    busy: float = float("nan")
    memory: float = 0.0


@dataclass
class Success:
    """One line of the second table.

    Attributes:
        task: The environment.
        minutes: Of training until so many of the last 100 training episodes succeeded, or the time was up.
        steps: World steps until then.
        training: Success of the last 100 training episodes.
        test: Success on 200 held-out scenarios.
        low: Lower end of its 95 % interval.
        high: Upper end.
    """

    task: str
    minutes: float
    steps: int
    training: float
    test: float
    low: float
    high: float


class Utilisation:
    """Asks the driver twice a second how busy the GPU is, while it is entered."""

    def __init__(self, device: torch.device) -> None:
        """Prepare to ask about a device; about others than GPUs nothing is asked."""
        self._command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits"]
        self._asks = device.type == "cuda" and shutil.which("nvidia-smi") is not None
        self._readings: list[float] = []
        self._over = threading.Event()

    def __enter__(self) -> Utilisation:
        """Begin to ask."""
        self._thread = threading.Thread(target=self._ask, daemon=True)
        if self._asks:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop asking."""
        self._over.set()
        if self._asks:
            self._thread.join()

    @property
    def mean(self) -> float:
        """Mean utilisation [%]; NaN if nobody was asked."""
        return float(np.mean(self._readings)) if self._readings else float("nan")

    def _ask(self) -> None:
        while not self._over.wait(0.5):
            answer = subprocess.run(self._command, capture_output=True, text=True, check=False).stdout.split()
            if answer and answer[0].isdigit():
                self._readings.append(float(answer[0]))


class Shown(gym.ObservationWrapper[Any, Any, Any]):
    """Shows pictures channels first, which ``DummyVecEnv`` does not do by itself."""

    def __init__(self, env: gym.Env[Any, Any]) -> None:
        """Wrap a single world."""
        super().__init__(env)
        self._layout = ChannelsFirst(env.observation_space)
        self.observation_space = self._layout.space

    def observation(self, observation: Any) -> Any:
        """Return the observation with pictures channels first."""
        return self._layout.view(observation)


def dummy_worlds(num_envs: int) -> VecEnv:
    """Return worlds that run one after another, as most users of Stable-Baselines3 have them."""
    return DummyVecEnv([lambda: Monitor(Shown(gym.make(_ENV))) for _ in range(num_envs)])


def contestants(worlds: int, n_steps: int, device: str) -> list[tuple[Speed, PPO]]:
    """Return the lines of the first table, and the models that they measure."""
    plain = {"policy_kwargs": {"features_extractor_class": CombinedExtractor}}
    ours = {
        "policy_kwargs": {"features_extractor_class": MultimodalExtractor, "normalize_images": False},
    }
    batch = max(worlds * n_steps // 8, 64)
    few = {"n_steps": 128, "batch_size": 256}
    many = {"n_steps": n_steps, "batch_size": batch}
    rows: list[tuple[str, type[PPO], int, dict[str, Any]]] = [
        ("plain PPO, DummyVecEnv", PPO, 8, {**few, **plain}),
        ("plain PPO, native worlds", PPO, 8, {**few, **plain}),
        ("plain PPO, native worlds", PPO, worlds, {**many, **plain}),
        ("ours", AcceleratedPPO, worlds, {**many, **ours}),
        ("ours, bfloat16", AcceleratedPPO, worlds, {**many, **ours, "autocast": True}),
    ]
    if device != "cpu":
        compiled = {**many, **ours, "autocast": True, "compile_encoder": True}
        rows.append(("ours, bfloat16, compiled", AcceleratedPPO, worlds, compiled))
    made = []
    for k, (name, kind, num_envs, settings) in enumerate(rows):
        venv = dummy_worlds(num_envs) if k == 0 else make_vec_env(_ENV, num_envs, seed=0)
        model = kind("MultiInputPolicy", venv, n_epochs=_EPOCHS, device=device, seed=0, **settings)
        made.append((Speed(name, num_envs, settings["batch_size"]), model))
    return made


class Stopwatch(BaseCallback):
    """Measures the time in which worlds are played."""

    def __init__(self) -> None:
        """Begin at nothing."""
        super().__init__()
        self.playing = self._began = 0.0

    def _on_rollout_start(self) -> None:
        self._began = time.perf_counter()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self.playing += time.perf_counter() - self._began


def measure_speed(device: str, seconds: float, worlds: int, n_steps: int, rounds: int) -> list[Speed]:
    """Let all contestants play and learn, turn by turn; the best turn of each counts."""
    entries = contestants(worlds, n_steps, device)
    for _, model in entries:
        model.learn(model.n_steps * model.n_envs)  # compiles, fills caches
    for _ in range(rounds):
        for row, model in entries:
            _take_turn(row, model, seconds / rounds)
    for _, model in entries:
        assert model.env is not None
        model.env.close()
    for row, _ in entries:
        row.ratio = row.steps / entries[0][0].steps
    return [row for row, _ in entries]


def _take_turn(row: Speed, model: PPO, seconds: float) -> None:
    watch, rollout, done = Stopwatch(), model.n_steps * model.n_envs, 0
    gpu = model.device.type == "cuda"
    if gpu:
        torch.cuda.reset_peak_memory_stats()
    with Utilisation(model.device) as utilisation:
        begin = time.perf_counter()
        while time.perf_counter() - begin < seconds:
            model.learn(rollout, callback=watch, reset_num_timesteps=False)
            done += rollout
        if gpu:
            torch.cuda.synchronize()
        took = time.perf_counter() - begin
    if done / took > row.steps:
        row.steps, row.playing, row.busy = done / took, watch.playing / took, utilisation.mean
        row.memory = torch.cuda.max_memory_allocated() / 2**20 if gpu else 0.0


class UntilSolved(BaseCallback):
    """Ends training when the task is solved, or the time is up."""

    def __init__(self, minutes: float) -> None:
        """Stop after so many minutes at the latest."""
        super().__init__()
        self._end = time.perf_counter() + 60.0 * minutes

    @property
    def success(self) -> float:
        """Success of the last training episodes."""
        recent = self.model.ep_success_buffer or ()
        return float(np.mean(recent)) if recent else 0.0

    def _on_step(self) -> bool:
        solved = len(self.model.ep_success_buffer or ()) == _WINDOW and self.success >= _SUCCESS
        return not solved and time.perf_counter() < self._end


#: Task to keyword arguments, scale of the rewards, and settings of PPO; from the camera and the state alone.
TASKS: dict[str, tuple[dict[str, Any], float, dict[str, Any]]] = {
    "mmenvs/PathPlanning-v0": (
        {"sensors": ("camera", "state")},
        0.05,
        {"learning_rate": 9e-4, "gamma": 0.95, "ent_coef": 0.001, "n_epochs": 2},
    ),
    "mmenvs/Highway-v0": (
        {"sensors": ("camera", "state"), "action": "discrete"},
        1.0,
        {"learning_rate": 5e-4, "gamma": 0.98, "ent_coef": 0.002, "n_epochs": 3},
    ),
}


def measure_success(task: str, device: str, minutes: float, worlds: int) -> Success:
    """Learn a task until it is solved, and test the policy on held-out scenarios."""
    kwargs, scale, settings = TASKS[task]
    # What every world compiles once is not counted: the same goes for whoever trains a second time.
    make_vec_env(task, 1, seed=0, env_kwargs=kwargs).reset()
    begin = time.perf_counter()
    venv = ScaledReward(make_vec_env(task, worlds, seed=0, env_kwargs=kwargs), scale)
    rate = settings["learning_rate"]
    model = AcceleratedPPO(
        "MultiInputPolicy",
        venv,
        n_steps=64,
        batch_size=max(worlds * 64 // 16, 64),
        seed=0,
        device=device,
        autocast=device != "cpu",
        policy_kwargs={
            "features_extractor_class": MultimodalExtractor,
            "normalize_images": False,
            "net_arch": [64],
        },
        **{**settings, "learning_rate": LinearSchedule(rate, 0.2 * rate, 1.0)},
    )
    until = UntilSolved(minutes)
    model.learn(100_000_000, callback=until)
    took = (time.perf_counter() - begin) / 60.0
    tested = evaluate(model, task, 200, env_kwargs=kwargs).success_rate
    assert tested is not None
    venv.close()
    return Success(
        task, round(took, 2), model.num_timesteps, until.success, tested.mean, tested.low, tested.high
    )


def print_table(title: str, rows: list[Any]) -> None:
    """Print dataclasses as a table."""
    names = list(asdict(rows[0]))
    cells = [names] + [
        [f"{v:,.2f}" if isinstance(v, float) else str(v) for v in asdict(row).values()] for row in rows
    ]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    print(f"\n{title}")
    for line in cells:
        print(
            "  ".join(
                cell.ljust(widths[0]) if k == 0 else cell.rjust(widths[k]) for k, cell in enumerate(line)
            )
        )


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of all turns of a contestant")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each contestant")
    parser.add_argument("--worlds", type=int, default=1024, help="worlds of ours")
    parser.add_argument("--steps", type=int, default=32, help="steps of each world in a rollout of ours")
    parser.add_argument("--minutes", type=float, default=8.0, help="at most for each task; 0 leaves them out")
    parser.add_argument("--tasks", nargs="*", default=list(TASKS), choices=list(TASKS))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args()
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    rows = measure_speed(options.device, options.seconds, options.worlds, options.steps, options.rounds)
    print_table(f"Training steps per second from pixels on {name}; asked: ours {ASKED:.0f} times", rows)
    keep_csv(options.out / "gpu_speed.csv", [{"device": name, **asdict(row)} for row in rows])
    if options.minutes > 0:
        solved = [
            measure_success(task, options.device, options.minutes, options.worlds) for task in options.tasks
        ]
        print_table(f"Until {_SUCCESS:.0%} success from pixels on {name}", solved)
        keep_csv(options.out / "gpu_success.csv", [{"device": name, **asdict(row)} for row in solved])


if __name__ == "__main__":
    main()
