"""Encoder files: config, space and weights of an encoder, checked when they are loaded."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import torch
from gymnasium import spaces
from torch import Tensor, nn

from agents.callbacks import write_atomically
from agents.config import EncoderConfig
from agents.extractor import MultimodalExtractor
from agents.multimodal import MultimodalEncoder
from agents.observations import space_differences
from agents.train_config import decode_config
from agents.vec_env import ChannelsFirst
from mmenvs.space_json import space_from_json, space_to_json
from mmenvs.spaces import modality_of

_FORMAT = 1
_PARTS = ("format", "space", "config", "weights")
_SHOWN = 4  # weights that an error names
#: What torch raises over files that are not what they should be.
_FAULTS = (RuntimeError, ValueError, KeyError, EOFError, OSError, pickle.UnpicklingError, zipfile.BadZipFile)


@dataclass(frozen=True)
class PretrainedEncoder:
    """An encoder as a file keeps it.

    Attributes:
        space: What it reads, of a single world, as the environment gives it.
        config: Of the encoder.
        weights: Name to weight, on the CPU.
    """

    space: spaces.Dict
    config: EncoderConfig
    weights: Mapping[str, Tensor]

    @classmethod
    def of(cls, encoder: MultimodalEncoder, space: spaces.Dict, config: EncoderConfig) -> PretrainedEncoder:
        """Copy the weights of an encoder."""
        weights = {name: value.detach().cpu().clone() for name, value in encoder.state_dict().items()}
        return cls(space, config, weights)

    def save(self, path: Path) -> None:
        """Write the file in one atomic step, and the folder if need be."""
        parts = {
            "format": _FORMAT,
            "space": json.dumps(space_to_json(self.space)),
            "config": json.dumps(asdict(self.config)),
            "weights": dict(self.weights),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, lambda file: torch.save(parts, file))

    @classmethod
    def load(cls, path: Path) -> PretrainedEncoder:
        """Read what :meth:`save` wrote; no code in the file is run.

        Raises:
            ValueError: If the file is missing, damaged or something else, its config is not known here, or
                its weights are not those of such an encoder, naming what differs.
        """
        if not path.is_file():
            raise ValueError(f"{path} does not exist: python -m agents pretrain writes encoder files")
        try:
            parts = torch.load(path, map_location="cpu", weights_only=True)
        except _FAULTS as error:
            reason = str(error).strip().splitlines() or [type(error).__name__]
            size = path.stat().st_size
            raise ValueError(
                f"cannot load {path}: its {size:,} bytes are no encoder file, or a part of one ({reason[0]})"
            ) from error
        missing = [part for part in _PARTS if not isinstance(parts, dict) or part not in parts]
        if missing:
            raise ValueError(f"cannot load {path}: it is no encoder file, it lacks {missing}")
        if parts["format"] != _FORMAT:
            raise ValueError(f"cannot load {path}: it has format {parts['format']!r}, known is {_FORMAT}")
        try:
            space, config = space_from_json(json.loads(parts["space"])), json.loads(parts["config"])
        except (TypeError, ValueError) as error:
            raise ValueError(f"cannot load {path}: its space or config is damaged ({error})") from error
        if not isinstance(space, spaces.Dict):
            raise ValueError(f"cannot load {path}: its space is {space}, but must be a Dict")
        loaded = cls(space, decode_config(EncoderConfig, config, path), parts["weights"])
        if differences := _weight_differences(loaded):
            raise ValueError(f"cannot load {path}: {'; '.join(differences)}")
        return loaded

    def check(self, space: spaces.Space[Any], config: EncoderConfig | None = None) -> PretrainedEncoder:
        """Check that the encoder fits.

        Args:
            space: What it is to read, pictures in either order of axes.
            config: What the encoder should be; None for whatever it is.

        Returns:
            The encoder itself.

        Raises:
            ValueError: Naming each key of the observation, and each field of the config, that differs.
        """
        differences = _differences(self.space, space)
        if config is not None:
            differences += config_differences(self.config, config)
        if differences:
            raise ValueError("the pretrained encoder does not fit; " + "; ".join(differences))
        return self

    def build(self) -> MultimodalEncoder:
        """Return a network of its own with these weights."""
        encoder = _network(self)
        encoder.load_state_dict(self.weights)
        return encoder

    def load_into(self, policy: nn.Module) -> None:
        """Give the weights to every encoder of a policy: of actors, critics and their target networks."""
        for module in policy.modules():
            if isinstance(module, MultimodalExtractor):
                module.encoder.load_state_dict(self.weights)


def config_differences(trained: Any, given: Any, prefix: str = "encoder") -> list[str]:
    """Say in which fields two configs of the same class differ, nested ones included."""
    found = []
    for entry in fields(trained):
        ours, theirs = getattr(trained, entry.name), getattr(given, entry.name)
        name = f"{prefix}.{entry.name}"
        if is_dataclass(ours):
            found += config_differences(ours, theirs, name)
        elif ours != theirs:
            found.append(f"{name}: trained with {ours!r}, given {theirs!r}")
    return found


def _differences(trained: spaces.Dict, given: spaces.Space[Any]) -> list[str]:
    """Say how spaces differ, order of keys and modalities included, order of axes of pictures not."""
    ours, theirs = ChannelsFirst(trained).space, ChannelsFirst(given).space
    found = space_differences(ours, theirs)
    if found or not isinstance(ours, spaces.Dict) or not isinstance(theirs, spaces.Dict):
        return found
    if list(ours) != list(theirs):
        return [f"observation: trained on the keys in the order {list(ours)}, given {list(theirs)}"]
    # Equal as boxes, but read by another encoder.
    return [
        f"observation[{key!r}]: trained on {leaf}, given {theirs[key]}"
        for key, leaf in ours.items()
        if _kind(leaf) != _kind(theirs[key])
    ]


def _kind(space: spaces.Space[Any]) -> tuple[Any, ...]:
    return modality_of(space), getattr(space, "structure", space.shape), getattr(space, "circular", True)


def _weight_differences(file: PretrainedEncoder) -> list[str]:
    """Say how weights differ from those of the encoder that the config describes."""
    if not isinstance(file.weights, dict):
        return [f"its weights are {type(file.weights).__name__}, but must be a dict of tensors"]
    wanted = _network(file).state_dict()
    found = []
    for name in [*wanted, *(name for name in file.weights if name not in wanted)]:
        ours, theirs = file.weights.get(name), wanted.get(name)
        shapes = [None if t is None else tuple(getattr(t, "shape", ())) for t in (ours, theirs)]
        if shapes[0] != shapes[1]:
            found.append(f"weight {name!r}: its file has {shapes[0]}, its config asks for {shapes[1]}")
    if len(found) > _SHOWN:
        found = [*found[:_SHOWN], f"and {len(found) - _SHOWN} more"]
    return found


def _network(file: PretrainedEncoder) -> MultimodalEncoder:
    """Make the encoder that a file describes; nobody's random draws are disturbed."""
    with torch.random.fork_rng():
        return MultimodalEncoder(file.space, file.config)
