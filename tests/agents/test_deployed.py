"""Loaded policies check what they are given, and need neither Stable-Baselines3 nor, for ONNX, torch."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exporting import ACTIONS, SUFFIXES, draw, first, needs_onnx, tiny_model, worlds
from gymnasium import spaces

from agents.deployed import Policy, measure_latency
from agents.evaluation import evaluate
from agents.export import export_policy
from agents.recommending import Recommender
from agents.vec_env import make_vec_env
from mmenvs.recommender import Observer, RecommenderConfig
from mmenvs.spaces import Image, Scan, Vector

SPACE = spaces.Dict(
    camera=Image(24, 32), lidar=Scan(12), state=Vector(2, low=[0, -5], high=[8, 5]), gear=spaces.Discrete(4)
)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the file of a policy, by suffix."""
    folder = tmp_path_factory.mktemp("exported")
    model = tiny_model("ppo", worlds(SPACE, ACTIONS["discrete"]))

    def file(suffix: str) -> Path:
        path = folder / f"policy{suffix}"
        return path if path.exists() else export_policy(model, path, observation_space=SPACE)

    return file


@pytest.fixture(scope="module")
def policy(exported: Callable[[str], Path]) -> Policy:
    return Policy.load(exported(".pt"))


def test_numbers_of_other_types(policy: Policy) -> None:
    observation = first(draw(SPACE, 1), 0)
    action = policy.act(observation)
    loose = {
        "camera": observation["camera"].tolist(),
        "lidar": observation["lidar"].astype(np.float64),
        "state": observation["state"],
        "gear": int(observation["gear"]),
    }
    assert policy.act(loose) == action


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda o: {k: v for k, v in o.items() if k != "lidar"}, r"lacks \['lidar'\]; the policy reads"),
        (lambda o: o | {"radar": 0}, r"unknown keys \['radar'\]"),
        (lambda o: o["camera"], r"must be a mapping with the keys \['camera'"),
        (
            lambda o: o | {"camera": o["camera"].transpose(2, 0, 1)},
            r"\['camera'\] has shape \(3, 24, 32\), but must be \(24, 32, 3\)",
        ),
        (lambda o: o | {"camera": o["camera"] / 255}, "has dtype float64, but must be uint8"),
        (lambda o: o | {"camera": o["camera"].astype(int) + 300}, r"must be in \[0, 255\]"),
        (
            lambda o: o | {"lidar": o["lidar"] + 2},
            r"\['lidar'\] holds .* at \[0\], but must be in \[0.0, 1.0\]",
        ),
        (
            lambda o: o | {"state": np.array([0, np.nan])},
            r"\['state'\] holds nan at \[1\], but must be in \[-5.0, 5.0\]",
        ),
        (lambda o: o | {"gear": 4}, r"\['gear'\] holds 4 at \[\], but must be in \[0, 3\]"),
        (lambda o: o | {"gear": "first"}, r"\['gear'\] has dtype"),
        (lambda o: o | {"lidar": o["lidar"][None]}, "mixes batches of different sizes"),
        (lambda o: o | {"lidar": o["lidar"][:3], "gear": 9}, r"lidar.* shape \(3,\).*; .*gear.* holds 9"),
        (lambda o: {k: np.asarray(v)[None][:0] for k, v in o.items()}, "is an empty batch"),
    ],
)
def test_observations_that_do_not_fit(policy: Policy, change: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        policy.act(change(first(draw(SPACE, 1), 0)))


def test_spaces_that_do_not_fit(policy: Policy) -> None:
    assert policy.check(SPACE, ACTIONS["discrete"]) is policy
    other = spaces.Dict({**SPACE.spaces, "camera": Image(84, 84)} | {"radar": Scan(5)})
    with pytest.raises(
        ValueError, match=r"\['camera'\]: trained on .*; observation\['radar'\]: trained on None"
    ):
        policy.check(other)
    with pytest.raises(ValueError, match="actions: trained on Discrete"):
        policy.check(SPACE, ACTIONS["box"])
    with pytest.raises(ValueError, match="observation: trained on Dict"):
        policy.check(SPACE["camera"])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_files(exported: Callable[[str], Path], suffix: str, tmp_path: Path) -> None:
    whole = exported(suffix).read_bytes()
    file = tmp_path / f"policy{suffix}"
    with pytest.raises(ValueError, match="there is no such file"):
        Policy.load(file)
    for content in (b"", b"garbage" * 100, whole[: len(whole) // 2], whole[:-50], whole[100:]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"damaged or no|does not say what it reads"):
            Policy.load(file)


def test_files_of_others(tmp_path: Path) -> None:
    import torch

    with pytest.raises(ValueError, match=r"must end in .onnx or .pt"):
        Policy.load(tmp_path / "policy.zip")
    file = tmp_path / "net.pt"
    net = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.save(net, file)
    with pytest.raises(ValueError, match="does not say what it reads"):
        Policy.load(file)
    for card, message in (
        ("{", "description is damaged"),
        (json.dumps({"format": 99}), "is of format 99, this mmenvs reads format 1"),
        (json.dumps({"format": 1, "inputs": []}), "lacks"),
    ):
        torch.jit.save(net, file, _extra_files={"mmenvs.json": card})
        with pytest.raises(ValueError, match=message):
            Policy.load(file)


@needs_onnx
def test_onnx_files_of_others(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [result])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "net.onnx")
    with pytest.raises(ValueError, match="does not say what it reads"):
        Policy.load(tmp_path / "net.onnx")


BLOCKED = """
    import sys

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.partition(".")[0] in {blocked!r}:
                raise ImportError(f"{{name}} is blocked")

    sys.meta_path.insert(0, Blocker())
    import numpy as np
    from agents.deployed import Policy

    policy = Policy.load({file!r})
    policy.observation_space.seed(0)
    print(int(policy.act(policy.observation_space.sample())))
"""


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_without_stable_baselines(exported: Callable[[str], Path], suffix: str) -> None:
    file = exported(suffix)
    blocked = ["stable_baselines3", "sb3_contrib", "tyro", "rich", *(["torch"] if suffix == ".onnx" else [])]
    code = textwrap.dedent(BLOCKED.format(blocked=blocked, file=str(file)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    policy = Policy.load(file)
    policy.observation_space.seed(0)
    assert int(done.stdout) == policy.act(policy.observation_space.sample())


@pytest.mark.parametrize(("suffix", "package"), [(".onnx", "onnxruntime"), (".pt", "torch")])
def test_a_missing_package_is_named(
    suffix: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    (tmp_path / f"policy{suffix}").write_bytes(b"")
    with pytest.raises(ImportError, match=f"{package} is not installed: pip install 'mmenvs"):
        Policy.load(tmp_path / f"policy{suffix}")


def test_latency(policy: Policy) -> None:
    found = policy.latency(first(draw(SPACE, 1), 0), repeats=20)
    assert 0.0 < found.p50 <= found.p99
    assert found.repeats == 20
    with pytest.raises(ValueError, match="repeats=0"):
        measure_latency(lambda: None, 0)


def test_exported_policies_can_be_evaluated(tmp_path: Path) -> None:
    venv = make_vec_env("toy/Sides-v0", 2, seed=0)
    model = tiny_model("dqn", venv)
    space: Any = venv.env.single_observation_space
    policy = Policy.load(export_policy(model, tmp_path / "policy.pt", observation_space=space))
    ours, theirs = (evaluate(who, "toy/Sides-v0", 6) for who in (policy, model))
    np.testing.assert_array_equal(ours.returns, theirs.returns)
    with pytest.raises(ValueError, match="does not fit the environment"):
        evaluate(policy, "toy/SidesBox-v0", 2)


def recommender(env_id: str, tmp_path: Path, **env_kwargs: Any) -> tuple[Policy, Any]:
    venv = make_vec_env(env_id, 2, seed=0, env_kwargs=env_kwargs)
    model = tiny_model("ppo", venv)
    space: Any = venv.env.single_observation_space
    file = tmp_path / "policy.pt"
    export_policy(model, file, observation_space=space, env_id=env_id, env_kwargs=env_kwargs)
    return Policy.load(file), model


def test_recommendations_are_ranked(tmp_path: Path) -> None:
    policy, _ = recommender("mmenvs/Recommender-v0", tmp_path, candidates=4)
    observer = Observer(RecommenderConfig(candidates=4))
    ids = observer.catalogue.ids
    history = [(ids[3], True, 20.0, 4.0), (7, False)]
    ranked = policy.recommend(history, [ids[5], 9, ids[0], 60], {observer.taste_names[0]: 0.5})
    assert sorted(ranked) == sorted([ids[5], ids[9], ids[0], ids[60]])
    seen = observer.observe([5, 9, 0, 60], history, {observer.taste_names[0]: 0.5})
    assert ranked[0] == ids[[5, 9, 0, 60][int(policy.act(seen))]]
    assert policy.recommend([], [1, 2, 3, 4]) == policy.recommend((), [1, 2, 3, 4])
    with pytest.raises(ValueError, match="item 'no such' is not in the catalogue"):
        policy.recommend([], ["no such", 1, 2, 3])


def test_slates_and_proto_actions_are_items(tmp_path: Path) -> None:
    policy, _ = recommender("mmenvs/SlateRecommender-v0", tmp_path)
    slate = policy.recommend([(1, True, 5.0)], list(range(20, 30)))
    assert len(set(slate)) == 3
    policy, _ = recommender("mmenvs/ProtoRecommender-v0", tmp_path, items=50)
    assert len(set(policy.recommend([(1, True, 5.0)]))) == 10


def test_a_shop_of_another_kind(policy: Policy, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="trained on None, which is no recommender"):
        policy.recommend([], [1])
    deployed, _ = recommender("mmenvs/Recommender-v0", tmp_path, candidates=4)
    with pytest.raises(ValueError, match=r"observation\['candidate_image'\]"):
        Recommender(deployed, Observer(RecommenderConfig(candidates=6)))
