"""What is wrong with a saved model is said."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from exporting import SUFFIXES, tiny_model

from agents.__main__ import main
from agents.checkpoints import check_archive
from agents.train_config import TrainConfig
from agents.training import load_model
from agents.vec_env import make_vec_env


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return the folder of a run."""
    folder = tmp_path / "run"
    folder.mkdir()
    tiny_model("ppo", make_vec_env("toy/Sides-v0", 2, seed=0)).save(folder / "last.zip")
    TrainConfig("toy/Sides-v0").save(folder / "config.json")
    return folder


def rewrite(file: Path, without: str = "", drop_from_data: str = "") -> None:
    """Write a zip file again with something left out."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist() if name != without}
    if drop_from_data:
        data = json.loads(parts["data"])
        data.pop(drop_from_data)
        parts["data"] = json.dumps(data).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_damaged_zip_files(run: Path) -> None:
    file = run / "last.zip"
    whole = file.read_bytes()
    load_model(run)
    for content in (b"", b"garbage" * 50, whole[: len(whole) // 2]):
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"last.zip: its [\d,]+ bytes are no zip file, or|cut off"):
            load_model(run)
    middle = whole.index(b"policy.pth") + 2000
    file.write_bytes(whole[:middle] + b"\0\1\2\3" * 8 + whole[middle + 32 :])
    with pytest.raises(ValueError, match=r"its part 'policy.*pth' is damaged"):
        load_model(run)
    file.unlink()
    with pytest.raises(ValueError, match=r"last.zip does not exist: no checkpoint was written yet"):
        check_archive(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"without": "policy.pth"}, r"it lacks \['policy.pth'\]"),
        ({"without": "data"}, r"it lacks \['data'\]"),
        ({"drop_from_data": "observation_space"}, "as a model of AcceleratedPPO: .*observation_space"),
        ({"drop_from_data": "policy_class"}, "as a model of AcceleratedPPO: .*policy_class"),
    ],
)
def test_missing_parts(run: Path, change: dict[str, str], message: str) -> None:
    rewrite(run / "last.zip", **change)
    with pytest.raises(ValueError, match=message):
        load_model(run)


def test_a_model_of_another_algorithm(run: Path) -> None:
    TrainConfig("toy/Sides-v0", algo="dqn").save(run / "config.json")
    with pytest.raises(ValueError, match=r"last.zip as a model of DQN"):
        load_model(run)


def test_going_on_in_another_environment(run: Path) -> None:
    venv = make_vec_env("mmenvs/PathPlanning-v0", 2)
    with pytest.raises(ValueError, match=r"observation\['camera'\]: trained on .*; observation\['lidar'\]"):
        load_model(run, venv)
    venv.close()
    venv = make_vec_env("toy/Sides-v0", 5)
    assert load_model(run, venv)[0].n_envs == 5


def test_the_command_line(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run), "--env-id", "toy/SidesBox-v0", "--episodes", "2"]) == 2
    assert "actions: trained on Discrete(2), given Box" in capsys.readouterr().err
    (run / "last.zip").write_bytes(b"not a model")
    assert main(["evaluate", str(run)]) == 2
    assert "last.zip: its 11 bytes are no zip file" in capsys.readouterr().err
    assert main(["export", str(run), "--to", str(run / "policy.pt")]) == 2
    assert "no zip file" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_export_check_evaluate(run: Path, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = run / f"policy{suffix}"
    assert main(["export", str(run), "--to", str(file), "--check", "--value"]) == 0
    assert "100.0% of the actions" in capsys.readouterr().out.replace("\n", " ")
    assert main(["evaluate", str(file), "--episodes", "3"]) == 0
    assert "success rate" in capsys.readouterr().out
    assert main(["evaluate", str(file), "--env-id", "mmenvs/PathPlanning-v0", "--episodes", "1"]) == 2
    assert "the policy does not fit the environment" in capsys.readouterr().err
    assert main(["export", str(run), "--to", str(run / "policy.h5")]) == 2
    assert "must end in .onnx or .pt" in capsys.readouterr().err
