"""An exported policy at work: checked observations in, actions out.

::

    policy = Policy.load("policy.onnx").check(env.observation_space, env.action_space)
    action = policy.act(observation)

Nothing here imports Stable-Baselines3; ``.onnx`` files need no torch either, only onnxruntime.
"""

from __future__ import annotations

import importlib
import json
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

from agents.observations import ObservationReader, space_differences
from mmenvs.space_json import space_from_json

if TYPE_CHECKING:
    from agents.recommending import Recommender
    from mmenvs.recommender.observe import EventLike, ItemName

#: Under this name a file holds its description: metadata of ONNX, an extra file of TorchScript.
METADATA = "mmenvs.json"
#: Version of the description.
FORMAT = 1
#: Suffix to what the file is.
FORMATS = {".onnx": "ONNX", ".pt": "TorchScript"}

Arrays = list[NDArray[Any]]
#: Inputs in order to outputs in order.
Runner = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Latency:
    """How long decisions took, each alone [ms].

    Attributes:
        p50: Median.
        p99: Exceeded by one in a hundred.
        repeats: Decisions that were timed.
    """

    p50: float
    p99: float
    repeats: int


class Policy:
    """The deterministic policy of an agent, loaded from a file.

    Attributes:
        observation_space: What it reads, of a single world.
        action_space: What it answers.
        metadata: Everything that the file says of itself: algorithm, steps, env_id, env_kwargs, versions.
    """

    def __init__(self, run: Runner, metadata: Mapping[str, Any]) -> None:
        """Put a network behind checks; :meth:`load` does it for files."""
        self.metadata = metadata
        self.observation_space = space_from_json(metadata["observation_space"])
        self.action_space = space_from_json(metadata["action_space"])
        self._run = run
        self._reader = ObservationReader(self.observation_space)

    @classmethod
    def load(cls, path: str | Path, *, threads: int = 1) -> Policy:
        """Load what :func:`agents.export.export_policy` wrote.

        Args:
            path: A file that ends in ``.onnx`` or ``.pt``.
            threads: Threads of onnxruntime; networks this small are fastest with one.  TorchScript uses those
                of torch, which ``torch.set_num_threads`` sets.

        Raises:
            ValueError: If the file is missing, damaged, or no exported policy.
            ImportError: If onnxruntime, or torch, is not installed.
        """
        file = Path(path)
        if file.suffix not in FORMATS:
            raise ValueError(f"cannot load {file}: its name must end in {' or '.join(FORMATS)}")
        if not file.is_file():
            raise ValueError(f"cannot load {file}: there is no such file")
        run, text = _load_onnx(file, threads) if file.suffix == ".onnx" else _load_torchscript(file)
        if not text:
            raise ValueError(
                f"cannot load {file}: it does not say what it reads, as files of python -m agents export do"
            )
        return cls(run, _card(text, file))

    def act(self, observation: Any) -> NDArray[Any]:
        """Choose the action of an observation, or the actions of a batch.

        Args:
            observation: As the environment gives it, single or with one batch axis.

        Returns:
            Action of shape ``action_space.shape``, or ``(batch, *action_space.shape)``.

        Raises:
            ValueError: If the observation is not of the space, naming every key that differs.
        """
        return self.answer(observation)["action"]

    def answer(self, observation: Any) -> dict[str, NDArray[Any]]:
        """Return all that the file answers, by name, see :class:`agents.export_network.PolicyNetwork`.

        Args:
            observation: As for :meth:`act`.

        Raises:
            ValueError: As :meth:`act`.
        """
        arrays, single = self._reader.read(observation)
        found = self._run([arrays[key] for key in self.metadata["inputs"]])
        answers = dict(zip(self.metadata["outputs"], found, strict=True))
        answers["action"] = answers["action"].astype(self.action_space.dtype, copy=False)
        return {name: array[0] for name, array in answers.items()} if single else answers

    def check(
        self, observation_space: spaces.Space[Any], action_space: spaces.Space[Any] | None = None
    ) -> Policy:
        """Check that the policy fits an environment, and return it.

        Args:
            observation_space: Of a single world.
            action_space: Of a single world; None to leave it unchecked.

        Raises:
            ValueError: Naming each key of the observation that differs, or the actions.
        """
        differences = space_differences(self.observation_space, observation_space)
        if action_space is not None and action_space != self.action_space:
            differences.append(f"actions: trained on {self.action_space}, given {action_space}")
        if differences:
            raise ValueError("the policy does not fit the environment; " + "; ".join(differences))
        return self

    def latency(self, observation: Any, repeats: int = 1000) -> Latency:
        """Measure how long a decision takes, checks included, after a few that are not counted.

        Args:
            observation: What to decide on, again and again.
            repeats: How often.
        """
        return measure_latency(lambda: self.act(observation), repeats)

    def recommend(
        self,
        history: Iterable[EventLike] = (),
        candidates: Sequence[ItemName] | None = None,
        user: Mapping[str, float] | ArrayLike | None = None,
        *,
        day: float = 0.0,
    ) -> list[str]:
        """Recommend items to a person; see :meth:`agents.recommending.Recommender.recommend`.

        For a catalogue of your own make a :class:`~agents.recommending.Recommender` with it.
        """
        return self._recommender.recommend(history, candidates, user, day=day)

    @cached_property
    def _recommender(self) -> Recommender:
        from agents.recommending import Recommender

        return Recommender(self)


def measure_latency(decide: Callable[[], object], repeats: int = 1000) -> Latency:
    """Time single decisions.

    Args:
        decide: Makes one decision.
        repeats: How many to time; a tenth as many go before, uncounted.

    Raises:
        ValueError: If ``repeats`` is below 1.
    """
    if repeats < 1:
        raise ValueError(f"repeats={repeats} must be at least 1")
    for _ in range(max(repeats // 10, 3)):
        decide()
    times = np.zeros(repeats)
    for k in range(repeats):
        began = time.perf_counter()
        decide()
        times[k] = time.perf_counter() - began
    p50, p99 = 1e3 * np.percentile(times, (50, 99))
    return Latency(float(p50), float(p99), repeats)


def need(package: str) -> ModuleType:
    """Import an optional package.

    Raises:
        ImportError: Naming the extra that installs it.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise ImportError(f"{package} is not installed: pip install 'mmenvs[deploy]'") from error


def _load_onnx(file: Path, threads: int) -> tuple[Runner, str]:
    runtime: Any = need("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = runtime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    # onnxruntime's errors share no base of their own.
    except Exception as error:
        raise ValueError(f"cannot load {file}: it is damaged or no ONNX file ({error})") from error
    names = [entry.name for entry in session.get_inputs()]

    def run(arrays: Arrays) -> Arrays:
        outputs: Arrays = session.run(None, dict(zip(names, arrays, strict=True)))
        return outputs

    return run, session.get_modelmeta().custom_metadata_map.get(METADATA, "")


def _load_torchscript(file: Path) -> tuple[Runner, str]:
    torch: Any = need("torch")
    extra = {METADATA: ""}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module = torch.jit.load(str(file), map_location="cpu", _extra_files=extra)
    except (RuntimeError, ValueError, EOFError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"cannot load {file}: it is damaged or no TorchScript file ({reason})") from error

    def run(arrays: Arrays) -> Arrays:
        with torch.inference_mode():
            outputs = module(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))
        return [output.numpy() for output in outputs]

    card = extra[METADATA]
    return run, card.decode() if isinstance(card, bytes) else card


def _card(text: str, file: Path) -> dict[str, Any]:
    """Read what a file says of itself."""
    try:
        card: dict[str, Any] = json.loads(text)
        version = card["format"]
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"cannot load {file}: its description is damaged ({error!r})") from error
    if version != FORMAT:
        raise ValueError(f"cannot load {file}: it is of format {version}, this mmenvs reads format {FORMAT}")
    missing = {"observation_space", "action_space", "inputs", "outputs", "env_id", "env_kwargs"} - set(card)
    if missing:
        raise ValueError(f"cannot load {file}: its description lacks {sorted(missing)}")
    return card
