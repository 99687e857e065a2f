from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import nn

from agents.config import EncoderConfig, ImageConfig, ScanConfig
from agents.encoders import (
    ENCODERS,
    ImageEncoder,
    ModalityEncoder,
    ObjectsEncoder,
    ScanEncoder,
    VectorEncoder,
    make_encoder,
)
from agents.encoders.base import Scale
from agents.encoders.tokens import TokensEncoder
from agents.multimodal import MultimodalEncoder
from mmenvs.spaces import History, Image, ModalBox, Objects, Scan, Tokens, Vector

CONFIG = EncoderConfig()

LEAVES = {
    "camera": Image(64, 64),
    "small": Image(5, 7),
    "depth": Image(36, 48, 1, low=0, high=1, dtype=np.float32),
    "sheet": Image(32, 32, tiles=(2, 3)),
    "scan": Scan(72),
    "odd_scan": Scan(7, circular=False),
    "objects": Objects(10, 8),
    "vector": Vector(5, low=0, high=[1, 2, 3, 4, 5]),
    "history": History(10, 3),
    "tokens": Tokens(9, 30),
    "foreign_picture": spaces.Box(0, 255, (40, 60, 3), np.uint8),
    "foreign_chw": spaces.Box(0, 255, (3, 40, 60), np.uint8),
    "foreign_matrix": spaces.Box(-np.inf, np.inf, (3, 4)),
    "foreign_half": spaces.Box(np.array([0, -np.inf]), np.array([np.inf, 1]), dtype=np.float64),
    "discrete": spaces.Discrete(4, start=2),
    "many": spaces.MultiDiscrete([2, 3]),
    "bits": spaces.MultiBinary(6),
}


def sample(space: spaces.Space, batch: int = 4, seed: int = 0) -> torch.Tensor:
    space.seed(seed)
    return torch.as_tensor(np.stack([space.sample() for _ in range(batch)]))


@pytest.mark.parametrize("name", LEAVES)
def test_every_leaf_is_encoded_and_learns(name: str) -> None:
    space = LEAVES[name]
    encoder = make_encoder(name, space, CONFIG)
    batch = sample(space)
    features = encoder(batch)
    assert features.shape == (4, encoder.features_dim)
    assert torch.isfinite(features).all()
    features.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in encoder.parameters())
    # Different worlds do not look the same, and a world does not depend on its neighbours in the batch.
    alike = [torch.equal(batch[0], other) for other in batch]
    assert [torch.allclose(features[0], other) for other in features] == alike
    assert not all(alike)
    torch.testing.assert_close(encoder(batch[:1]), features[:1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("space", [LEAVES["camera"], LEAVES["sheet"]], ids=["picture", "sheet"])
def test_channels_last_and_first_agree(space: Image) -> None:
    last = ImageEncoder(space, CONFIG)
    first = ImageEncoder(space.to_channels_first(), CONFIG)
    first.load_state_dict(last.state_dict())
    pictures = sample(space)
    torch.testing.assert_close(first(pictures.permute(0, 3, 1, 2)), last(pictures), rtol=1e-4, atol=1e-5)


def test_image_bounds_are_folded_into_the_first_weights() -> None:
    space = Image(32, 32)
    encoder = ImageEncoder(space, CONFIG)
    pictures = sample(space).permute(0, 3, 1, 2).float()
    by_hand = encoder.head(encoder.rest(encoder.first((pictures - 127.5) / 127.5)))
    torch.testing.assert_close(encoder(sample(space)), by_hand, rtol=1e-4, atol=1e-5)


def test_each_tile_keeps_its_place() -> None:
    space = Image(32, 32, tiles=(2, 3))
    encoder = ImageEncoder(space, CONFIG)
    sheet = sample(space, 1)
    swapped = sheet.clone()
    swapped[:, :32, :32], swapped[:, 32:, 64:] = sheet[:, 32:, 64:], sheet[:, :32, :32]
    before, after = (encoder(x).reshape(6, -1) for x in (sheet, swapped))
    torch.testing.assert_close(after[[5, 1, 2, 3, 4, 0]], before)


def test_each_object_keeps_its_place() -> None:
    space = Objects(4, 3)
    encoder = ObjectsEncoder(space, CONFIG)
    objects = sample(space, 1)
    order = [2, 0, 3, 1]
    turned = objects.reshape(1, 4, 3)[:, order].reshape(1, 12)
    torch.testing.assert_close(encoder(turned).reshape(4, -1), encoder(objects).reshape(4, -1)[order])


@pytest.mark.parametrize("turns", [1, 5, 17])
def test_turning_the_sensor_turns_the_scan_features(turns: int) -> None:
    encoder = ScanEncoder(Scan(72), CONFIG)
    stride = 4  # two convolutions of stride 2
    scan = sample(Scan(72)).unsqueeze(1)
    turned = encoder.convolutions(scan.roll(stride * turns, 2))
    torch.testing.assert_close(turned, encoder.convolutions(scan).roll(turns, 2), rtol=1e-4, atol=1e-5)


def test_an_open_scan_does_not_wrap_around() -> None:
    encoder = ScanEncoder(Scan(72, circular=False), CONFIG)
    scan = torch.zeros(1, 1, 72)
    changed = scan.clone()
    changed[..., -1] = 1.0
    torch.testing.assert_close(encoder.convolutions(changed)[..., 0], encoder.convolutions(scan)[..., 0])


def test_scaling_by_hand() -> None:
    space = Vector(3, low=[0, -5, -np.inf], high=[10, 5, np.inf])
    scaled = Scale(space)(torch.tensor([[0.0, 0.0, 0.0], [10.0, 5.0, -(np.e - 1)], [5.0, -5.0, 1e6]]))
    expected = torch.tensor([[-1.0, 0.0, 0.0], [1.0, 1.0, -1.0], [0.0, -1.0, np.log1p(1e6)]])
    torch.testing.assert_close(scaled, expected.float())


def test_discrete_values_and_their_one_hot_vectors_agree() -> None:
    encoder = VectorEncoder(spaces.Discrete(4), CONFIG)
    values = torch.tensor([0, 3, 1])
    torch.testing.assert_close(encoder(values), encoder(torch.eye(4)[values]))
    torch.testing.assert_close(encoder(values), encoder(values[:, None]))


def test_padding_does_not_change_a_sentence() -> None:
    encoder = TokensEncoder(Tokens(6, 10), CONFIG)
    short, long = torch.tensor([[3, 4, 0]]), torch.tensor([[3, 4, 0, 0, 0, 0]])
    torch.testing.assert_close(encoder(short), encoder(long))
    assert not torch.allclose(encoder(torch.tensor([[4, 3, 0]])), encoder(short))


def test_the_whole_observation() -> None:
    space = spaces.Dict(LEAVES)
    encoder = MultimodalEncoder(space)
    observation = {key: sample(leaf) for key, leaf in space.items()}
    features = encoder(observation)
    assert features.shape == (4, encoder.features_dim) == (4, 64 * len(LEAVES))
    features.sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
    # What Stable-Baselines3 sends, floats, means the same.
    boxes = {k: v.float() if isinstance(space[k], spaces.Box) else v for k, v in observation.items()}
    torch.testing.assert_close(encoder(boxes), features)


def test_same_seed_same_network() -> None:
    def make() -> dict[str, torch.Tensor]:
        torch.manual_seed(3)
        return MultimodalEncoder(spaces.Dict(LEAVES)).state_dict()

    assert all(torch.equal(a, b) for a, b in zip(make().values(), make().values(), strict=True))


def test_a_missing_key_is_named() -> None:
    encoder = MultimodalEncoder(spaces.Dict(camera=Image(40, 40), lidar=Scan(12)))
    with pytest.raises(ValueError, match=r"lacks \['lidar'\]; it has \['camera'\]"):
        encoder({"camera": sample(Image(40, 40))})


def test_a_wrong_shape_is_named() -> None:
    encoder = MultimodalEncoder(spaces.Dict(lidar=Scan(12)))
    with pytest.raises(
        ValueError, match=r"observation\['lidar'\] has shape \(2, 13\), but must be \(batch, 12\)"
    ):
        encoder({"lidar": torch.zeros(2, 13)})


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (spaces.Box(0, 1, (3,)), "must be a Dict"),
        (spaces.Dict({}), "at least one key"),
        (spaces.Dict(text=spaces.Text(5)), r"observation\['text'\]"),
    ],
)
def test_unusable_spaces_are_named(space: spaces.Space, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MultimodalEncoder(space)  # type: ignore[arg-type]


def test_modality_can_be_chosen() -> None:
    space = spaces.Dict(rays=spaces.Box(0, 1, (36,)))
    config = EncoderConfig(modalities={"rays": "scan"})
    assert isinstance(MultimodalEncoder(space, config).encoder_of("rays"), ScanEncoder)
    with pytest.raises(ValueError, match="names \\['ray'\\]"):
        MultimodalEncoder(space, EncoderConfig(modalities={"ray": "scan"}))


def test_an_encoder_of_ones_own_takes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Mean(ModalityEncoder):
        def __init__(self, space: ModalBox, config: EncoderConfig) -> None:
            super().__init__()
            self.features_dim = 1

        def forward(self, observation: torch.Tensor) -> torch.Tensor:
            return observation.float().flatten(1).mean(1, keepdim=True)

    monkeypatch.setitem(ENCODERS["image"], "mean", Mean)
    config = EncoderConfig(image=ImageConfig(encoder="mean"))
    encoder = MultimodalEncoder(spaces.Dict({"a.b": Image(40, 40), "a_b": Scan(8)}), config)
    assert isinstance(encoder.encoder_of("a.b"), Mean)
    assert encoder({"a.b": sample(Image(40, 40)), "a_b": sample(Scan(8))}).shape == (4, 128)


def test_the_compact_cnn_is_several_times_cheaper_than_naturecnn() -> None:
    def multiplications(net: nn.Module, run: object) -> int:
        total = 0

        def count(module: nn.Module, _: object, out: torch.Tensor) -> None:
            nonlocal total
            total += out.shape[2:].numel() * module.weight.numel()

        hooks = [m.register_forward_hook(count) for m in net.modules() if hasattr(m, "weight")]
        run()
        for hook in hooks:
            hook.remove()
        return total

    pictures = torch.zeros(1, 3, 84, 84)
    convolutions = (nn.Conv2d(3, 32, 8, 4), nn.Conv2d(32, 64, 4, 2), nn.Conv2d(64, 64, 3, 1))
    nature = nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(64 * 7 * 7, 512))
    ours = ImageEncoder(Image(84, 84, channels_first=True), CONFIG)
    small = nn.Sequential(ours.first, ours.rest, ours.head)
    assert 4 * multiplications(small, lambda: small(pictures)) < multiplications(
        nature, lambda: nature(pictures)
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ImageConfig(channels=()), r"ImageConfig: channels=\(\) must be"),
        (lambda: ScanConfig(kernel=4), "ScanConfig: kernel=4 must be odd"),
        (lambda: EncoderConfig(width=0), "EncoderConfig: width=0 must be at least 1"),
        (lambda: EncoderConfig(fusion="glue"), "fusion='glue' must be one of"),
        (lambda: EncoderConfig(modalities={"a": "smell"}), "modalities=.* must be a mapping"),
    ],
)
def test_configs_name_what_is_wrong(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
