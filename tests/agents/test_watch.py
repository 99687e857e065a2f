from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from agents.__main__ import main
from agents.algorithm_config import PPOConfig
from agents.evaluation import evaluate
from agents.train_config import TrainConfig
from agents.training import load_model, train
from agents.watch_command import FilmScreen, GifScreen, Screen, WatchConfig, fit, watch_command


def test_a_film_shows_what_evaluation_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = tmp_path / "deep" / "film.mp4"
    config = WatchConfig("expert", "mmenvs/PathPlanning-v0", episodes=2, scenario=3, video=film)
    watched = watch_command(config)
    played = evaluate("expert", "mmenvs/PathPlanning-v0", 5)
    assert [entry.steps for entry in watched] == played.lengths[3:].tolist()
    np.testing.assert_allclose([entry.total for entry in watched], played.returns[3:])
    assert played.successes is not None
    assert [entry.success for entry in watched] == played.successes[3:].tolist()
    video = cv2.VideoCapture(str(film))
    frames = 0
    while video.read()[0]:
        frames += 1
    # Of each episode its beginning, and one frame per step.
    assert frames == sum(entry.steps + 1 for entry in watched)
    assert "episode 3:" in capsys.readouterr().out


def test_environments_of_others_may_be_watched(tmp_path: Path) -> None:
    film = tmp_path / "film.gif"
    assert main(["watch", "random", "--env-id", "CartPole-v1", "--episodes", "1", "--video", str(film)]) == 0
    assert film.read_bytes()[:6] == b"GIF89a"


@pytest.mark.parametrize(("kind", "name"), [(FilmScreen, "film.mp4"), (GifScreen, "film.gif")])
def test_a_film_may_show_pictures_of_several_sizes(kind: type[Screen], name: str, tmp_path: Path) -> None:
    film = tmp_path / name
    with kind(film, 10.0) as screen:  # type: ignore[call-arg]
        for size in ((41, 60), (80, 30), (40, 60)):
            assert screen.show(np.full((*size, 3), 90, np.uint8))
    video, frames = cv2.VideoCapture(str(film)), []
    while (read := video.read())[0]:
        frames.append(read[1])
    assert len(frames) == 3
    assert {frame.shape for frame in frames} == {(41 if kind is GifScreen else 40, 60, 3)}


def test_a_frame_is_fitted_with_its_proportions() -> None:
    frame = np.full((10, 40, 3), 200, np.uint8)
    fitted = fit(frame, 20, 20)
    assert fitted.shape == (20, 20, 3)
    np.testing.assert_array_equal(np.flatnonzero(fitted[:, 10, 0]), np.arange(7, 12))
    assert fit(frame, 10, 40) is frame


class Impatient(Screen):
    """Has seen enough of an episode after two frames, and of everything in the second."""

    frames = 0

    def show(self, frame: Any) -> bool:
        self.frames += 1
        self.closed = self.frames == 4
        return self.frames % 2 == 1


def test_who_watches_may_go_on_or_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.watch_command._screen", lambda *_: Impatient())
    watched = watch_command(WatchConfig("random", "mmenvs/PathPlanning-v0", episodes=9))
    assert [entry.steps for entry in watched] == [1, 1]
    assert [entry.success for entry in watched] == [None, None]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["random"], "watch random needs --env-id"),
        (["no/such/run"], "is not the folder of a run"),
        (["expert", "--env-id", "CartPole-v1", "--video", "x.mp4"], "no scripted expert"),
        (["random", "--env-id", "toy/Sides-v0", "--video", "x.mp4"], "render"),
    ],
)
def test_what_cannot_be_watched(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MMENVS_TRACEBACK", raising=False)
    assert main(["watch", *arguments]) == 2
    assert re.search(message, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"video": Path("x.avi")}, r"video=.*must be a .mp4 or .gif file"),
        ({"speed": 0.0}, "speed=0.0 must be greater than 0"),
        ({"episodes": 0}, "episodes=0 must be at least 1"),
    ],
)
def test_settings_that_make_no_sense(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WatchConfig("random", **changes)


def test_without_a_screen_it_says_how_to_make_a_film(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.raises(ValueError, match=r"there is no screen.*--video film.mp4"):
        watch_command(WatchConfig("random", "mmenvs/PathPlanning-v0"))


def test_the_best_model_is_kept_and_a_resumed_run_goes_on_from_it(tmp_path: Path) -> None:
    config = TrainConfig(
        "toy/Sides-v0",
        steps=4_096,
        num_envs=16,
        out=tmp_path / "run",
        device="cpu",
        threads=1,
        ppo=PPOConfig(n_steps=16, batch_size=64),
    )
    run = train(config, quiet=True).run_dir
    first = json.loads((run / "best.json").read_text())
    assert 0 < first["steps"] <= 4_096
    model, saved = load_model(run / "best.zip", device="cpu")
    assert saved == config
    assert model.num_timesteps == first["steps"]
    # A best that nothing reaches is left alone.
    (run / "best.json").write_text(json.dumps({**first, "success_rate": 1.0, "mean_return": 1e9}))
    before = (run / "best.zip").read_bytes()
    train(replace(config, steps=6_144), resume=run, quiet=True)
    assert (run / "best.zip").read_bytes() == before
    train(config, quiet=True)
    assert json.loads((run / "best.json").read_text()) == first
