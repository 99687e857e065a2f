"""A trained policy as one file that needs neither this package's networks nor Stable-Baselines3.

``policy.onnx`` runs wherever ONNX runs, ``policy.pt`` is TorchScript.  Both take raw observations, in the
units of the environment's space, with a batch axis of any size, and give actions in its units; what they take
and give stands inside, as JSON.  :class:`agents.deployed.Policy` loads them.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from torch import Tensor

import mmenvs
from agents.deployed import FORMAT, FORMATS, METADATA, Policy, need
from agents.export_network import OUTPUTS, PolicyNetwork
from agents.observations import leaves_of
from agents.policies import check_spaces
from agents.vec_env import ChannelsFirst
from mmenvs.space_json import space_to_json

#: Version of ONNX's operators: old enough for every runtime of the last years.
_OPSET = 17
_PACKAGES = ("torch", "stable_baselines3", "gymnasium", "numpy")


def export_policy(
    model: BaseAlgorithm,
    path: Path,
    *,
    observation_space: spaces.Space[Any] | None = None,
    env_id: str | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    value: bool = False,
) -> Path:
    """Write the deterministic policy of a model to a file, in one atomic step.

    Args:
        model: PPO, A2C, DQN, QR-DQN, SAC, TQC or TD3, on any device.
        path: Where to write: ``.onnx``, which needs the package onnx, or ``.pt`` for TorchScript.
        observation_space: What the environment gives; by default what the model sees, where pictures are
            (channels, height, width).
        env_id: Where it was trained, for the record and for :meth:`agents.deployed.Policy.recommend`.
        env_kwargs: Keyword arguments of that environment; plain JSON.
        value: Whether the file also tells the value of an observation.

    Returns:
        ``path``.

    Raises:
        ValueError: If the suffix is another, the policy of another kind, or the space not the model's.
        ImportError: If onnx is needed and not installed.
    """
    if path.suffix not in FORMATS:
        raise ValueError(f"path={str(path)!r} must end in {' or '.join(FORMATS)}")
    space = observation_space or model.observation_space
    check_spaces(model, ChannelsFirst(space).space, model.action_space)
    network = PolicyNetwork(model, space, value=value)
    if clash := sorted(set(network.inputs) & set(OUTPUTS)):
        raise ValueError(f"the observation has {clash}, which are names of outputs; rename the keys")
    card = {
        "format": FORMAT,
        "algorithm": type(model).__name__,
        "steps": model.num_timesteps,
        "env_id": env_id,
        "env_kwargs": dict(env_kwargs or {}),
        "observation_space": space_to_json(space),
        "action_space": space_to_json(model.action_space),
        "inputs": network.inputs,
        "outputs": network.outputs,
        "versions": {"mmenvs": mmenvs.__version__}
        | {name: importlib.metadata.version(name) for name in _PACKAGES},
    }
    try:
        text = json.dumps(card, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"env_kwargs={env_kwargs!r} must be plain JSON: {error}") from error
    # Two examples, because a trace of one would take axes of size one for constants.
    examples = _examples(space, 2)
    writers: dict[str, Callable[..., bytes]] = {".onnx": _onnx, ".pt": _torchscript}
    with warnings.catch_warnings(), torch.no_grad():
        # TorchScript's notice of deprecation, and notes on comparisons of shapes, which are constants indeed.
        warnings.simplefilter("ignore")
        content = writers[path.suffix](network, examples, text)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
    return path


@dataclass(frozen=True)
class ExportCheck:
    """How an exported policy compares with the model that it came from.

    Attributes:
        observations: How many were compared.
        same: Share of the observations with the same action; of continuous ones, within the tolerance.
        difference: Greatest absolute difference between actions, in the units of the action space.
    """

    observations: int
    same: float
    difference: float


def check_export(
    model: BaseAlgorithm, policy: Policy, observations: Any, tolerance: float = 1e-5
) -> ExportCheck:
    """Compare an exported policy with ``model.predict``.

    Args:
        model: What was exported.
        policy: What came of it.
        observations: A batch, as the environment gives it.
        tolerance: Of continuous actions, as a share of half the width of the action space.
    """
    layout = ChannelsFirst(policy.observation_space)
    ours = policy.act(observations)
    theirs, _ = model.predict(layout.view(observations), deterministic=True)
    gaps = np.abs(ours.astype(np.float64) - theirs).reshape(len(ours), -1)
    allowed: Any = 0.0
    if isinstance(policy.action_space, spaces.Box):
        span = np.nan_to_num(policy.action_space.high - policy.action_space.low, posinf=2.0).ravel()
        allowed = tolerance * np.maximum(span / 2.0, 1.0)
    return ExportCheck(len(ours), float((gaps <= allowed).all(1).mean()), float(gaps.max()))


def _examples(space: spaces.Space[Any], count: int) -> tuple[Tensor, ...]:
    """Return observations to trace with, drawn from a space whose random state is left alone."""
    found = []
    for leaf in leaves_of(space).values():
        lowest: Any = getattr(leaf, "low", getattr(leaf, "start", 0))
        example: NDArray[Any] = np.broadcast_to(np.asarray(lowest), leaf.shape or ())
        example = np.where(np.isfinite(example), example, 0).astype(leaf.dtype)
        found.append(torch.as_tensor(np.stack([example] * count)))
    return tuple(found)


def _torchscript(network: PolicyNetwork, examples: tuple[Tensor, ...], card: str) -> bytes:
    trace: Callable[..., torch.jit.ScriptModule] = torch.jit.trace
    traced = torch.jit.freeze(trace(network.eval(), examples, check_trace=False))
    buffer = io.BytesIO()
    torch.jit.save(traced, buffer, _extra_files={METADATA: card})
    return buffer.getvalue()


def _onnx(network: PolicyNetwork, examples: tuple[Tensor, ...], card: str) -> bytes:
    onnx = need("onnx")
    # The tracing exporter also writes into memory, which its signature does not say.
    buffer: Any = io.BytesIO()
    names = [*network.inputs, *network.outputs]
    # The exporter that traces needs nothing but onnx; the newer one needs onnxscript too.
    torch.onnx.export(
        network.eval(),
        examples,
        buffer,
        input_names=network.inputs,
        output_names=network.outputs,
        dynamic_axes={name: {0: "batch"} for name in names},
        opset_version=_OPSET,
        dynamo=False,
    )
    graph = onnx.load_from_string(buffer.getvalue())
    onnx.helper.set_model_props(graph, {METADATA: card})
    onnx.checker.check_model(graph)
    content: bytes = graph.SerializeToString()
    return content
