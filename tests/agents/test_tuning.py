from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, get_args

import pytest
from rich.console import Console

from agents.__main__ import main
from agents.algorithm_config import Algo
from agents.train_config import TrainConfig
from agents.tuning import TuneConfig, _known, _options, draw_settings, tune

optuna = pytest.importorskip("optuna")


def small(tmp_path: Path, **changes: Any) -> TuneConfig:
    config = TuneConfig(
        "toy/Sides-v0", trials=3, steps=512, num_envs=4, episodes=8, device="cpu", out=tmp_path / "study"
    )
    return replace(config, **changes)


def test_a_search_keeps_its_best_and_goes_on(tmp_path: Path) -> None:
    first = tune(small(tmp_path), Console(quiet=True))
    assert first.trials == 3
    kept = TrainConfig.load(tmp_path / "study" / "best.json")
    assert kept.ppo == first.config.ppo
    again = tune(small(tmp_path, trials=4), Console(quiet=True))
    assert again.trials == 4
    assert again.value >= first.value
    # All are done: nothing is tried any more.
    assert tune(small(tmp_path, trials=4), Console(quiet=True)).trials == 4


def test_the_same_seed_gives_the_same_search(tmp_path: Path) -> None:
    found = [tune(small(tmp_path / name), Console(quiet=True)) for name in ("a", "b")]
    assert found[0] == found[1]


def test_what_is_known_to_work_is_tried_first(tmp_path: Path) -> None:
    tune(small(tmp_path, trials=1), Console(quiet=True))
    kept, known = TrainConfig.load(tmp_path / "study" / "best.json").ppo, TrainConfig("toy/Sides-v0").ppo
    assert asdict(kept) | {"gamma": 0} == asdict(known) | {"gamma": 0}
    assert kept.gamma == pytest.approx(known.gamma)


@pytest.mark.parametrize("algo", get_args(Algo))
def test_drawn_settings_are_allowed_and_the_known_ones_are_among_them(algo: Algo) -> None:
    known = TrainConfig("toy/Sides-v0", algo=algo).settings
    for seed in range(20):
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
        replace(known, **draw_settings(study.ask(), known))
    fixed: Any = optuna.trial.FixedTrial(_known(known))
    drawn: Mapping[str, Any] = draw_settings(fixed, known)
    assert drawn == pytest.approx({name: getattr(known, name) for name in drawn})


def test_a_trial_that_falls_behind_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda trial: trial.number > 0)
    found = tune(small(tmp_path, trials=2), Console(quiet=True))
    assert (found.trials, found.pruned) == (2, 1)


def test_the_options_lead_from_the_known_settings_to_the_best() -> None:
    known = TrainConfig("toy/Sides-v0").ppo
    best = replace(known, learning_rate=1e-3, n_steps=64)
    assert _options("ppo", known, best) == ["--ppo.learning-rate 0.001", "--ppo.n-steps 64"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 0}, "trials=0 must be at least 1"),
        ({"metric": "score"}, "metric='score' must be one of"),
        ({"max_minutes": 0.0}, "max_minutes=0.0 must be greater than 0"),
    ],
)
def test_searches_that_make_no_sense(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=message):
        small(tmp_path, **changes)


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--trials", "1", "--steps", "256", "--num-envs", "4", "--episodes", "4", "--device", "cpu"]
    assert main(["tune", "toy/Sides-v0", *options, "--out", str(tmp_path)]) == 0
    assert "python -m agents train toy/Sides-v0 --algo ppo" in capsys.readouterr().out
    assert main(["tune", "mmenvs/PathPlaning-v0"]) == 2


def test_an_environment_that_does_not_report_success(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="metric='success' must be 'return': CartPole-v1"):
        tune(replace(small(tmp_path), env_id="CartPole-v1"), Console(quiet=True))
    assert tune(replace(small(tmp_path / "b"), env_id="CartPole-v1", metric="return", trials=1)).value > 0
