"""Fusions: shapes, gradients, weights, and that what is missing has no influence."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import spaces
from stable_baselines3 import PPO

from agents.algorithm_config import A2CConfig, PPOConfig, SACConfig
from agents.algorithms import make_model
from agents.config import AttentionConfig, EncoderConfig
from agents.extractor import MultimodalExtractor
from agents.fusion import FUSIONS, ConcatFusion, Fusion
from agents.multimodal import MultimodalEncoder
from agents.train_config import TrainConfig
from agents.validity import Validity, drop
from agents.vec_env import GymVecEnv, make_vec_env, make_vector
from mmenvs.spaces import History, Image, Objects, Scan, Tokens, Vector
from mmenvs.wrappers import ModalityDropout, VectorModalityDropout

WEIGHTED = ("sum", "gated", "attention", "hybrid")
LEAVES = {
    "camera": Image(24, 32),
    "lidar": Scan(12),
    "radar": Objects(5, 4, names=("range", "azimuth", "radial_velocity", "valid")),
    "state": Vector(3),
    "instruction": Tokens(6, 20),
    "history": History(4, 2),
}
SPACE = spaces.Dict(LEAVES)
FOREIGN = spaces.Dict(
    picture=spaces.Box(0, 255, (30, 40, 3), np.uint8),
    sheet=Image(16, 16, tiles=(2, 2)),
    numbers=spaces.Box(-np.inf, np.inf, (3, 4)),
    choice=spaces.Discrete(3, start=1),
    bits=spaces.MultiBinary(4),
    events=History(3, 2),
)
BITS = Vector(len(LEAVES), low=0, high=1, names=tuple(sorted(LEAVES)))


def sample(space: spaces.Dict, batch: int = 5, seed: int = 0) -> dict[str, torch.Tensor]:
    space.seed(seed)
    rows = [space.sample() for _ in range(batch)]
    return {key: torch.as_tensor(np.stack([row[key] for row in rows])) for key in space}


def make(fusion: str, space: spaces.Dict = SPACE, **options: object) -> MultimodalEncoder:
    torch.manual_seed(0)
    return MultimodalEncoder(space, EncoderConfig(fusion=fusion, width=16, **options))


@pytest.mark.parametrize("space", [SPACE, FOREIGN], ids=["own", "foreign"])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_joins_every_kind_of_space(fusion: str, space: spaces.Dict) -> None:
    encoder = make(fusion, space, attention=AttentionConfig(layers=2))
    observation = sample(space)
    features = encoder(observation)
    assert features.shape == (5, encoder.features_dim)
    assert torch.isfinite(features).all()
    features.square().sum().backward()
    dead = [n for n, p in encoder.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert not dead
    assert sum(float(p.grad.abs().sum()) > 0 for p in encoder.parameters()) > 0.9 * len(
        list(encoder.parameters())
    )
    # A world does not depend on its neighbours in the batch, and the same weights say the same again.
    alone = encoder({key: value[1:2] for key, value in observation.items()})
    torch.testing.assert_close(alone, features[1:2], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        make(fusion, space, attention=AttentionConfig(layers=2))(observation), features
    )


@pytest.mark.parametrize("said", [True, False], ids=["in the space", "beside the space"])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_what_is_missing_has_no_influence(fusion: str, said: bool) -> None:
    space = spaces.Dict(LEAVES | {"validity": BITS}) if said else SPACE
    encoder = make(fusion, space).eval()
    observation, other = sample(space), sample(space, seed=1)
    order = BITS.names if said else tuple(space)
    for missing in ["camera", "state", "history", "radar lidar", "camera instruction"]:
        hidden = missing.split()
        bits = torch.tensor([[float(name not in hidden) for name in order]]).repeat(5, 1)
        here = observation | {"validity": bits}
        changed = here | {key: other[key] for key in hidden}
        torch.testing.assert_close(encoder(changed), encoder(here), rtol=0, atol=0)
        seen = here | {key: other[key] for key in LEAVES if key not in hidden}
        assert not torch.allclose(encoder(seen), encoder(here))
        if fusion in WEIGHTED:
            weights = encoder.importance()
            assert all(weights[key] == 0.0 for key in hidden if key in weights)
    # Bits that say that all is there are as good as none.
    if not said:
        full = observation | {"validity": torch.ones(5, len(LEAVES))}
        torch.testing.assert_close(encoder(full), encoder(observation))
    # Nothing there is no reason to fail.
    nothing = encoder(observation | {"validity": torch.zeros(5, len(LEAVES))})
    assert torch.isfinite(nothing).all()


@pytest.mark.parametrize("fusion", WEIGHTED)
def test_weights_tell_what_counted(fusion: str) -> None:
    encoder = make(fusion)
    with pytest.raises(ValueError, match="nothing was encoded yet"):
        encoder.importance()
    encoder(sample(SPACE))
    weights = encoder.importance()
    assert set(weights) == ({"camera", "lidar"} if fusion == "hybrid" else set(LEAVES))
    assert all(0.0 < weight < 1.0 for weight in weights.values())
    if fusion != "gated":
        assert sum(weights.values()) == pytest.approx(1.0)
    rows = encoder.fusion.weights
    assert rows.shape == (5, len(weights))
    assert not rows.requires_grad


@pytest.mark.parametrize("fusion", sorted(set(FUSIONS) - set(WEIGHTED)))
def test_fusions_without_weights_say_so(fusion: str) -> None:
    encoder = make(fusion)
    encoder(sample(SPACE))
    with pytest.raises(ValueError, match=f"fusion='{fusion}' has no weights; these have: attention, gated"):
        encoder.importance()


def test_sum_and_gates_by_hand() -> None:
    space = spaces.Dict(a=Vector(3), b=Vector(2))
    observation = sample(space)
    adding = make("sum", space)
    encoded = {key: adding.encoder_of(key).encode(observation[key]) for key in "ab"}
    adding.fusion.logits.data = torch.tensor([1.0, 3.0]).log()
    a, b = adding.fusion.project(encoded, None)
    torch.testing.assert_close(adding(observation), 0.25 * a + 0.75 * b)
    assert adding.importance() == pytest.approx({"a": 0.25, "b": 0.75})

    gated = make("gated", space)
    gated.fusion.gates.weight.data.zero_()
    gated.fusion.gates.bias.data = torch.cat([torch.full((16,), 100.0), torch.full((16,), -100.0)])
    features = gated(observation)
    assert gated.importance() == pytest.approx({"a": 1.0, "b": 0.0})
    torch.testing.assert_close(features, gated(observation | {"b": observation["b"] * 0}))


def test_film_conditions_modulate_the_others() -> None:
    encoder = make("film", film_conditions=("state",))
    assert encoder.fusion.conditions == ("state",)
    names = list(SPACE)
    for layer in encoder.fusion.modulations.values():
        layer.weight.data.zero_()
        layer.bias.data.zero_()
    plain = make("concat")
    plain.load_state_dict(encoder.state_dict(), strict=False)
    observation = sample(SPACE)
    # gamma = beta = 0 changes nothing.
    torch.testing.assert_close(encoder(observation), plain(observation))
    encoder.fusion.modulations["key_camera"].weight.data.normal_()
    changed = encoder(observation).reshape(5, len(names), -1) - plain(observation).reshape(5, len(names), -1)
    assert [bool(changed[:, i].any()) for i in range(len(names))] == [name == "camera" for name in names]


def test_attention_leaves_padding_and_absent_objects_out() -> None:
    encoder = make("attention")
    observation = sample(SPACE)
    observation["instruction"] = torch.tensor([[3, 4, 0, 0, 0, 0]]).repeat(5, 1)
    before = encoder(observation)
    encoder.fusion.parts.places["key_instruction"].data[2:].normal_()
    torch.testing.assert_close(encoder(observation), before)
    encoder.fusion.parts.places["key_instruction"].data[1].normal_()
    assert not torch.allclose(encoder(observation), before)


@pytest.mark.parametrize(
    ("space", "config", "message"),
    [
        (spaces.Dict(a=Vector(2), b=Vector(3)), {"fusion": "film"}, "film.* film_conditions="),
        (spaces.Dict(a=Scan(8), b=Scan(9)), {"fusion": "film"}, "film.* film_conditions="),
        (SPACE, {"fusion": "film", "film_conditions": ("wheel",)}, r"film_conditions names \['wheel'\]"),
        (spaces.Dict(a=Vector(2), b=Scan(9)), {"fusion": "hybrid"}, "'hybrid' needs .*sequence.*'b': 'scan'"),
        (SPACE, {"fusion": "attention", "width": 30}, "heads=4 must divide 30"),
        (
            spaces.Dict(validity=Vector(2), a=Scan(9)),
            {"modality_dropout": 0.1},
            "modality_dropout=0.1 needs the key 'validity'",
        ),
        (spaces.Dict(a=Scan(9)), {"candidates": "shared"}, "candidates='shared' needs keys"),
    ],
)
def test_what_does_not_fit_is_named(space: spaces.Dict, config: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MultimodalEncoder(space, EncoderConfig(**config))


@pytest.mark.parametrize(
    ("field", "value"),
    [("dropout", 1.0), ("modality_dropout", -0.1), ("candidates", "some"), ("fusion", "glue")],
)
def test_fields_that_make_no_sense_are_named(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"EncoderConfig: {field}={value!r} must be"):
        EncoderConfig(**{field: value})
    with pytest.raises(ValueError, match="heads=0 must be"):
        AttentionConfig(heads=0)
    with pytest.raises(ValueError, match="weight_decay=-1 must be"):
        TrainConfig("x", weight_decay=-1)


def test_somebody_elses_validity_is_an_ordinary_key() -> None:
    space = spaces.Dict(validity=Vector(2), a=Vector(3))
    encoder, observation = make("sum", space), sample(space)
    encoder(observation | {"validity": torch.zeros(5, 2)})
    assert set(encoder.importance()) == {"validity", "a"}


def test_wrong_bits_are_named() -> None:
    with pytest.raises(ValueError, match=r"observation\['validity'\] has shape \(5, 2\).* \(batch, 6\)"):
        make("sum")(sample(SPACE) | {"validity": torch.zeros(5, 2)})


def test_a_drawn_sensor_always_stays() -> None:
    torch.manual_seed(0)
    everything = torch.ones(4000, 5, dtype=torch.bool)
    kept = drop(everything, 0.3)
    # The one that stays anyway is the one that would go last: rarer losses than 0.3, but hardly.
    assert kept.float().mean() == pytest.approx(0.7 + 0.3**5 / 5, abs=0.01)
    assert (drop(everything, 0.999).sum(1) >= 1).all()
    some = torch.rand(4000, 5) < 0.4
    left = drop(some, 0.9)
    assert not (left & ~some).any()
    assert torch.equal(left.any(1), some.any(1))
    assert torch.equal(drop(everything, 0.0), everything)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_modality_dropout_is_for_training(fusion: str) -> None:
    encoder, observation = make(fusion, modality_dropout=0.5), sample(SPACE)
    torch.manual_seed(1)
    first = encoder(observation)
    assert not torch.allclose(encoder(observation), first)
    torch.manual_seed(1)
    torch.testing.assert_close(encoder(observation), first)
    first.sum().backward()
    assert all(p.grad is not None for p in encoder.parameters())
    encoder.eval()
    torch.testing.assert_close(encoder(observation), encoder(observation))
    # The networks see the bits, which no key of the observation holds.
    assert encoder.fusion.sources[-1].name == "validity"


def test_bits_of_the_world_and_of_training_are_joined() -> None:
    space = spaces.Dict(LEAVES | {"validity": BITS})
    encoder, observation = make("sum", space, modality_dropout=0.4), sample(space, 64)
    seen = {}
    encoder.encoder_of("validity").register_forward_pre_hook(lambda _, args: seen.update(bits=args[0]))
    observation["validity"] = torch.ones(64, 6)
    observation["validity"][:, BITS.names.index("lidar")] = 0
    encoder(observation)
    told = dict(zip(BITS.names, seen["bits"].T, strict=True))
    used = dict(zip(encoder.fusion.weighted, encoder.fusion.weights.T, strict=True))
    assert not told["lidar"].any()
    assert 20 < int(told["camera"].sum()) < 60
    for key in LEAVES:
        assert torch.equal(used[key] > 0, told[key] > 0), key


def test_dropout_is_for_training() -> None:
    for fusion in FUSIONS:
        encoder, observation = make(fusion, dropout=0.5), sample(SPACE)
        assert not torch.allclose(encoder(observation), encoder(observation)), fusion
        encoder.eval()
        torch.testing.assert_close(encoder(observation), encoder(observation))


def test_the_bits_of_the_wrapper_are_understood() -> None:
    env = ModalityDropout(gym.make("toy/Sides-v0"), 0.5)
    validity = Validity(env.observation_space)
    assert validity.declared
    assert validity.sensors == ("camera", "lidar", "state")
    encoder = make("gated", env.observation_space)
    for seed in range(20):
        observation, _ = env.reset(seed=seed)
        encoder({key: torch.as_tensor(value)[None] for key, value in observation.items()})
        there = dict(zip(env.observation_space["validity"].names, observation["validity"], strict=True))
        assert {k: v > 0 for k, v in encoder.importance().items() if k != "validity"} == {
            k: bool(v) for k, v in there.items()
        }


def test_a_fusion_of_ones_own_takes_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Louder(ConcatFusion):
        def forward(self, encoded, valid=None):
            return 2.0 * super().forward(encoded, valid)

    monkeypatch.setitem(FUSIONS, "louder", Louder)
    observation = sample(SPACE)
    torch.testing.assert_close(make("louder")(observation), 2.0 * make("concat")(observation))
    assert issubclass(Louder, Fusion)


class Spoken(gym.ObservationWrapper):
    """The toy with a sentence that says nothing, for the fusion that needs a sequence."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        self.observation_space = spaces.Dict(env.observation_space.spaces | {"instruction": Tokens(3, 5)})

    def observation(self, observation):
        return observation | {"instruction": np.array([1, 2, 0])}


@pytest.mark.parametrize("fusion", FUSIONS)
def test_ppo_learns_with_every_fusion(fusion: str) -> None:
    vector = gym.vector.SyncVectorEnv(
        [lambda: Spoken(gym.make("toy/Sides-v0"))] * 4, autoreset_mode=gym.vector.AutoresetMode.SAME_STEP
    )
    venv = GymVecEnv(VectorModalityDropout(vector, 0.2))
    config = EncoderConfig(fusion=fusion, width=16, modality_dropout=0.1)
    model = make_model(
        "ppo", PPOConfig(n_steps=25, batch_size=50, n_epochs=1), config, venv, seed=0, device="cpu"
    )
    before = {name: value.clone() for name, value in model.policy.named_parameters()}
    model.learn(200)
    assert model.num_timesteps == 200
    changed = model.policy.state_dict()
    assert all(torch.isfinite(value).all() for value in changed.values())
    # Embeddings of places and words that never came up cannot move.
    still = [n for n, v in before.items() if torch.equal(v, changed[n])]
    assert not still


def test_weight_decay_reaches_the_optimiser() -> None:
    venv = make_vec_env("toy/Sides-v0", 2)
    box = make_vec_env("toy/SidesBox-v0", 2)
    replay = SACConfig(buffer_size=50, learning_starts=10, batch_size=4)
    for algo, settings, worlds in (
        ("ppo", PPOConfig(batch_size=256), venv),
        ("a2c", A2CConfig(), venv),
        ("sac", replay, box),
    ):
        model = make_model(algo, settings, EncoderConfig(), worlds, seed=0, device="cpu", weight_decay=0.01)
        owner = model.actor if algo == "sac" else model.policy
        assert isinstance(owner.optimizer, torch.optim.AdamW)
        assert owner.optimizer.param_groups[0]["weight_decay"] == 0.01
    plain = make_model("ppo", PPOConfig(batch_size=256), EncoderConfig(), venv, seed=0, device="cpu")
    assert type(plain.policy.optimizer) is torch.optim.Adam


def test_the_face_for_stable_baselines_agrees() -> None:
    torch.manual_seed(0)
    config = EncoderConfig(fusion="attention", width=16)
    extractor = MultimodalExtractor(SPACE, config)
    observation = sample(SPACE)
    torch.testing.assert_close(extractor(observation), make("attention")(observation))
    worlds = make_vector("toy/Sides-v0", 2, gym.vector.AutoresetMode.SAME_STEP)
    kwargs = {
        "features_extractor_class": MultimodalExtractor,
        "features_extractor_kwargs": {"config": config},
        "normalize_images": False,
    }
    model = PPO("MultiInputPolicy", GymVecEnv(worlds), policy_kwargs=kwargs, n_steps=4, batch_size=8)
    model.learn(8)
    assert set(model.policy.features_extractor.encoder.importance()) == {"camera", "lidar", "state"}
