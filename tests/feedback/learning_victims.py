"""Learns in one process after another, kills each at a random moment, and prints what became of it.

    python learning_victims.py FOLDER KILLS SEED

Each process goes on with the run that the one before was killed in, by ``python -m feedback learn --resume``;
when a run gets done before the kill, the next process begins another one, and the last run is let go on to
its end.  Each line of the output is a JSON object: see :class:`Fate`.  The processes are forks of this one,
because importing torch takes longer than learning here.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy.dialects.sqlite  # noqa: F401
import torch
import torch._dynamo
from feedback_toy import ENV_ID

import feedback.learning.run
from agents.accelerated import AcceleratedPPO
from agents.algorithm_config import PPOConfig
from agents.train_config import TrainConfig
from feedback.__main__ import main as feedback_main
from feedback.learning.preferences import Preferences
from feedback.learning.run import Run
from feedback.reward_models import RewardModel
from feedback.store import LabelStore

LABELS, ROUNDS = 18, 3
#: Longest wait from the beginning of something to the kill [s]: about as long as it takes.
PHASES = {"open": 0.3, "ask": 0.1, "fit": 0.05, "train": 0.15, "keep": 0.06, "finish": 0.2}
SMALL = TrainConfig(ENV_ID, num_envs=4, ppo=PPOConfig(n_steps=16, batch_size=64, n_epochs=1))


@dataclass
class Fate:
    """What became of a process.

    Attributes:
        run: Folder of the run.
        phase: During what it was killed; "done" if it was not.
        before: Round and steps of the state that it found, [0, 0] for none.
        begun: Round and steps with which it went on; empty if it did not get so far, or at round 0.
        acknowledged: Numbers of the labels that it said were kept.
        whole: Whether state.json can be read afterwards, and what it names is there.
    """

    run: str
    phase: str = "start"
    before: list[int] = field(default_factory=lambda: [0, 0])
    begun: list[int] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    whole: bool = True


def arguments(out: Path) -> list[str]:
    return [
        *("learn", ENV_ID, "--labels", str(LABELS), "--rounds", str(ROUNDS), "--steps", "400"),
        *("--collect-steps", "20", "--query.length", "8", "--reward.horizon", "8", "--device", "cpu"),
        *("--reward.members", "1", "--reward.epochs", "1", "--no-compare", "--eval-episodes", "2"),
        *("--out", str(out), "--resume"),
    ]


def told(method: Callable[..., Any], tell: Callable[..., str], *, first: bool) -> Callable[..., Any]:
    """Have a method say something before or after it does what it does."""

    def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if first:
            os.write(WRITING, tell(self, None).encode())
        result = method(self, *args, **kwargs)
        if not first:
            os.write(WRITING, tell(self, result).encode())
        return result

    return wrapped


def victim(out: Path) -> None:
    """Learn, and tell the parent of every step of the way."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    # Every setting of the agent is that of a tiny one.
    feedback.learning.run.defaults_for = lambda _: SMALL
    for kind, name, phase in (
        *((Run, "ask", "ask"), (RewardModel, "fit", "fit"), (Run, "keep", "keep"), (Run, "finish", "finish")),
        (AcceleratedPPO, "learn", "train"),
    ):
        setattr(kind, name, told(getattr(kind, name), lambda *_, p=phase: f"phase {p}\n", first=True))
    LabelStore.add = told(LabelStore.add, lambda _, number: f"label {number}\n", first=False)  # type: ignore[method-assign]
    Preferences._start = told(  # type: ignore[method-assign]
        Preferences._start,
        lambda run, agent: f"begun {run.state.round if run.state else 0} {agent.num_timesteps}\n",
        first=False,
    )
    os.write(WRITING, b"phase open\n")
    os._exit(feedback_main(arguments(out)))


def live(out: Path, rng: random.Random | None) -> Fate:
    """Let one process learn, and kill it if there are dice."""
    fate = Fate(str(out), before=progress(out)[0])
    reading, WRITING_END = os.pipe()
    child = os.fork()
    if child == 0:
        global WRITING  # noqa: PLW0603
        WRITING = WRITING_END
        try:
            victim(out)
        finally:
            os._exit(1)
    os.close(WRITING_END)
    wanted = None if rng is None else rng.choice(list(PHASES))
    lines: list[str] = []
    with os.fdopen(reading) as pipe:
        for line in pipe:
            lines.append(line)
            if rng is not None and line == f"phase {wanted}\n" and rng.random() < 0.85:
                time.sleep(rng.uniform(0, PHASES[str(wanted)]))
                os.kill(child, signal.SIGKILL)
                lines += pipe
                break
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        assert os.WEXITSTATUS(status) == 0, f"it failed by itself in {out}"
    # A line cut short by the kill was not said.
    for words in (line.split() for line in lines if line.endswith("\n")):
        if words[0] == "phase":
            fate.phase = words[1]
        elif words[0] == "label":
            fate.acknowledged.append(int(words[1]))
        else:
            fate.begun = [int(word) for word in words[1:]]
    if not os.WIFSIGNALED(status):
        fate.phase = "done"
    fate.whole = progress(out)[1]
    return fate


def progress(out: Path) -> tuple[list[int], bool]:
    """Return the round and the steps that are kept, and whether what is kept is there."""
    path = out / "state.json"
    if not path.exists():
        return [0, 0], True
    state = json.loads(path.read_text())
    folder = out / state["folder"]
    there = (folder / "agent.zip").exists() and (folder / "reward_model.pt").exists()
    return [state["round"], state["steps"]], there or state["round"] == 0


def main(folder: Path, kills: int, seed: int) -> None:
    rng, number, killed = random.Random(seed), 0, 0
    while killed < kills:
        fate = live(folder / f"run{number}", rng)
        print(json.dumps(asdict(fate)), flush=True)
        killed += fate.phase != "done"
        # It may have been killed when all was done but for saying so.
        out = Path(fate.run)
        number += (out / "result.json").exists() and not (out / "state.json").exists()
    print(json.dumps(asdict(live(folder / f"run{number}", None))), flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
