from __future__ import annotations

import json
from pathlib import Path

import pytest

from agents.__main__ import main
from agents.quickstart import QuickstartConfig, quickstart

TINY = [
    "--num-envs",
    "4",
    "--threads",
    "1",
    "--ppo.n-steps",
    "8",
    "--ppo.batch-size",
    "16",
    "--device",
    "cpu",
]


def test_train_resume_evaluate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run")
    assert main(["train", "toy/Sides-v0", "--steps", "64", "--out", out, *TINY]) == 0
    assert main(["train", "--resume", out, "--steps", "96"]) == 0
    assert json.loads((tmp_path / "run" / "config.json").read_text())["steps"] == 96
    report = tmp_path / "report.json"
    assert main(["evaluate", out, "--episodes", "3", "--json", str(report)]) == 0
    assert len(json.loads(report.read_text())["returns"]) == 3
    assert "success rate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "mmenvs/PathPlaning-v0"], "did you mean mmenvs/PathPlanning-v0"),
        (["train", "toy/Sides-v0", "--algo", "sac"], "algo='sac' cannot choose"),
        (["train", "mmenvs/Recommender-v0", "--env-kwargs", '{"candidate": 3}'], "candidate"),
        (["train"], "needs the id of an environment"),
        (["train", "--resume"], "--resume needs a value"),
        (["train", "--resume", "no/such/run"], "is not the folder of a run"),
        (["evaluate", "no/such/run"], "is not the folder of a run"),
        (["evaluate", "random"], "needs --env-id"),
        (["paint"], "unknown command 'paint'"),
    ],
)
def test_mistakes_are_explained(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    "arguments",
    [
        ["train", "toy/Sides-v0", "--steps", "0"],
        ["train", "toy/Sides-v0", "--algo", "reinforce"],
        ["train", "toy/Sides-v0", "--env-kwargs", "[1]"],
    ],
)
def test_values_that_are_not_allowed_end_the_parsing(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    assert "quickstart" in capsys.readouterr().out
    with pytest.raises(SystemExit) as stop:
        main(["train", "--help"])
    assert stop.value.code == 0


def test_quickstart_on_another_task(tmp_path: Path) -> None:
    config = QuickstartConfig("mmenvs/Recommender-v0", steps=1, episodes=4, out=tmp_path, minutes=0.001)
    results = quickstart(config)
    assert list(results) == ["random", "scripted expert", "trained agent"]
    assert (tmp_path / "last.zip").exists()
    assert set(json.loads((tmp_path / "results.json").read_text())) == set(results)


def test_large_batches_are_defaults_that_options_may_change(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["train", "toy/Sides-v0", "--large-batch", "--steps", "64", "--out", str(out), *TINY]) == 0
    config = json.loads((out / "config.json").read_text())
    assert config["num_envs"] == 4
    assert config["ppo"]["autocast"] is True
    assert config["ppo"]["batch_size"] == 16
