"""What was trained before encoders could be chosen still loads, and still says the same."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from gymnasium import spaces

from agents.config import AttentionConfig, EncoderConfig, ImageConfig
from agents.multimodal import MultimodalEncoder
from agents.train_config import TrainConfig
from mmenvs.spaces import History, Image, Objects, Scan, Tokens, Vector

SPACE = spaces.Dict(
    camera=Image(40, 40),
    history=History(3, 2),
    instruction=Tokens(4, 9),
    lidar=Scan(12),
    radar=Objects(3, 4),
    sheet=Image(16, 16, tiles=(1, 3)),
    state=Vector(2),
)
#: Names and shapes of the weights of version 0.1's first encoder, key by key.
NAMES = {
    "camera": "first.weight first.bias rest.1.weight rest.1.bias rest.3.weight rest.3.bias "
    "head.0.weight head.0.bias",
    "history": "layers.0.weight layers.0.bias layers.2.weight layers.2.bias layers.5.weight layers.5.bias",
    "instruction": "embedding.weight reader.weight_ih_l0 reader.weight_hh_l0 reader.bias_ih_l0 "
    "reader.bias_hh_l0",
    "lidar": "convolutions.0.weight convolutions.0.bias convolutions.2.weight convolutions.2.bias "
    "head.1.weight head.1.bias",
    "radar": "shared.0.weight shared.0.bias shared.2.weight shared.2.bias",
    "state": "layers.0.weight layers.0.bias layers.2.weight layers.2.bias",
}
#: Features of :func:`observation`, weighed by the cosines of their places.
NOTED = (0.396311, 0.306297)


def observation() -> dict[str, torch.Tensor]:
    """Made by hand rather than drawn, so that no change of a generator changes it."""

    def ramp(space: spaces.Box) -> torch.Tensor:
        size = 2 * int(np.prod(space.shape))
        values = torch.arange(size).float() * 7919 % 101 / 101
        numbers = values.reshape(2, *space.shape) * float(space.high.max())
        return torch.as_tensor(numbers.numpy().astype(space.dtype))

    return {key: ramp(leaf) for key, leaf in SPACE.items()}


def fill(encoder: MultimodalEncoder) -> None:
    """Give every weight a value that follows from its name's place alone."""
    for place, (_, weight) in enumerate(sorted(encoder.named_parameters())):
        values = torch.arange(weight.numel()).float() * (12289 + place) % 97 / 97 - 0.5
        weight.data = values.reshape(weight.shape) * (2.0 / max(weight[0].numel(), 1)) ** 0.5


def test_weights_keep_their_names() -> None:
    names = list(MultimodalEncoder(SPACE).state_dict())
    for place, key in enumerate(SPACE):
        own = [n.removeprefix(f"encoders.{place}.") for n in names if n.startswith(f"encoders.{place}.")]
        assert own == NAMES["camera" if key == "sheet" else key].split(), key
    joined = [n for n in names if not n.startswith("encoders.")]
    assert joined == [
        f"fusion.projections.key_{key}.{part}"
        for key in SPACE
        for part in ("0.weight", "0.bias", "1.weight", "1.bias")
    ]


def test_the_same_weights_say_the_same() -> None:
    encoder = MultimodalEncoder(SPACE)
    fill(encoder)
    features = encoder(observation())
    assert features.shape == (2, 7 * 64)
    # Noted with the encoder as it was before encoders could be chosen.
    np.testing.assert_allclose(features.detach() @ torch.arange(7.0 * 64).cos(), NOTED, atol=1e-4)


def test_a_config_that_was_pickled_before_has_the_defaults() -> None:
    fields = ("fusion", "width", "modalities", "image", "scan", "objects", "vector", "history", "tokens")
    old = object.__new__(EncoderConfig)
    image = object.__new__(ImageConfig)
    image.__dict__.update(channels=(16, 32, 32), features=128, tile_features=32)
    old.__dict__.update({name: getattr(EncoderConfig(), name) for name in fields} | {"image": image})
    assert old == EncoderConfig()
    assert MultimodalEncoder(SPACE, old).features_dim == 7 * 64


def test_new_fields_come_back_from_json(tmp_path: Path) -> None:
    encoder = EncoderConfig(
        fusion="film", film_conditions=("state",), attention=AttentionConfig(heads=2), candidates="shared"
    )
    config = TrainConfig("x", encoder=encoder, weight_decay=0.01)
    config.save(tmp_path / "config.json")
    assert TrainConfig.load(tmp_path / "config.json") == config
    data = json.loads(json.dumps(asdict(TrainConfig("x")), default=str))
    for new in ("candidates", "modality_dropout", "dropout", "film_conditions", "attention"):
        del data["encoder"][new]
    del data["encoder"]["image"]["encoder"], data["weight_decay"]
    (tmp_path / "old.json").write_text(json.dumps(data))
    assert TrainConfig.load(tmp_path / "old.json") == TrainConfig("x")
