from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from feedback_toy import ENV_ID
from gymnasium import spaces

from feedback.clips import ClipFolder, Segment
from feedback.labels import Evaluation
from feedback.play import NoDisplayError, PlayConfig, check_display
from feedback.sources import RecordedSource
from feedback.sources.keyboard import Keyboard, KeyboardSource, driver_for
from feedback.store import LabelStore
from feedback.wrapper import HumanFeedback

HERE = Path(__file__).parent
# Runs the command with the toy world registered.
COMMAND = "import sys, feedback_toy; from feedback.__main__ import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture
def display(tmp_path) -> Iterator[str]:
    """A virtual X display of its own; its number is chosen by the server, so tests may run in parallel."""
    missing = [name for name in ("Xvfb", "xdotool") if shutil.which(name) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}: apt-get install xvfb xdotool")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "800x600x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as answer:
        number = answer.readline().strip()
    try:
        if not number:
            pytest.skip("Xvfb did not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


class Player:
    """The command in a window, and a hand on its keyboard."""

    def __init__(self, display: str, store: Path, *options: str, env_id: str = ENV_ID) -> None:
        self.environment = os.environ | {
            "DISPLAY": display,
            "SDL_AUDIODRIVER": "dummy",
            "PYTHONPATH": str(HERE),
        }
        self.environment.pop("SDL_VIDEODRIVER", None)
        arguments = ["play", env_id, "--store", str(store), *options]
        self.process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, *arguments],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def key(self, action: str, *names: str) -> None:
        subprocess.run(["xdotool", action, *names], env=self.environment, check=True, timeout=10)

    def wait_for(self, word: str) -> str:
        """Read lines until one begins with ``word``."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith(word):
                return line
        raise AssertionError(f"no {word!r}: {self.process.stderr.read()}")  # type: ignore[union-attr]

    def press_until(self, name: str, word: str) -> str:
        """Press a key and wait for the answer."""
        self.key("key", name)
        return self.wait_for(word)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


def test_pressed_evaluations_and_no_others_are_in_the_store(display, tmp_path) -> None:
    path = tmp_path / "labels.db"
    player = Player(display, path, "--seed", "5", "--labeller", "ann", "--fps", "20")
    try:
        player.wait_for("ready")
        player.key("keydown", "d")
        for name in ("plus", "minus", "KP_Add"):
            player.press_until(name, "label")
        player.wait_for("episode over")
        player.key("keyup", "d")
        player.key("keydown", "Left")
        for name in ("equal", "KP_Subtract"):
            line = player.press_until(name, "label")
        player.wait_for("episode over")
        player.key("keyup", "Left")
        assert "label 5: -1" in line
        assert "5 evaluations" in player.press_until("Escape", "5 evaluations")
        assert player.process.wait(10) == 0
    finally:
        player.close()
    with LabelStore(path) as store:
        labels = list(store.labels(Evaluation))
        assert [label.value for label in labels] == [1, -1, 1, 1, -1]
        assert {(label.labeller, label.clip.env_id) for label in labels} == {("ann", ENV_ID)}
        episodes = [Segment.load(file) for file in ClipFolder(store.clip_folder).folder.iterdir()]
        driven = set(np.concatenate([episode.actions for episode in episodes]).tolist())
        assert {0, 2} <= driven, "both keys steered"
        said: Counter[tuple[int, int]] = Counter()
        for label in labels:
            said[label.clip.seed, label.step] += label.value
        assert replayed(store, episodes) == {place: value for place, value in said.items() if value}


def replayed(store: LabelStore, episodes: list[Segment]) -> dict[tuple[int, int], float]:
    """Return the feedback that the wrapper gives when the episodes are driven again."""
    env = HumanFeedback(gym.make(ENV_ID), RecordedSource(store))
    given = {}
    for episode in episodes:
        env.reset(seed=episode.seed)
        for step, action in enumerate(episode.actions):
            given[episode.seed, step] = env.step(action)[4]["feedback"]
    return {place: value for place, value in given.items() if value}


def test_pause_holds_the_world_and_still_takes_evaluations(display, tmp_path) -> None:
    player = Player(display, tmp_path / "labels.db", "--seed", "1", "--fps", "20")
    try:
        player.wait_for("ready")
        player.press_until("plus", "label 1")
        player.key("key", "p")
        steps = {player.press_until("plus", f"label {n}").split("step")[1] for n in range(2, 12)}
        assert len(steps) == 1
        player.press_until("q", "11 evaluations")
    finally:
        player.close()


def test_v_changes_the_view_while_nothing_else_moves(display, tmp_path) -> None:
    player = Player(display, tmp_path / "labels.db", "--seed", "1", env_id="mmenvs:mmenvs/PathPlanning-v0")
    try:
        player.wait_for("ready")
        player.key("key", "p")
        shown = [player.press_until("v", "view").split()[1] for _ in range(3)]
        assert shown == ["driver", "top", "chase"]
        player.press_until("q", "0 evaluations")
    finally:
        player.close()


def test_without_a_display_it_says_so(tmp_path) -> None:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
    }
    arguments = ["play", ENV_ID, "--store", str(tmp_path / "labels.db")]
    answer = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments],
        env=environment | {"PYTHONPATH": str(HERE)},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert answer.returncode == 2
    assert "there is no display to open a window on" in answer.stderr
    assert "Traceback" not in answer.stderr
    assert not (tmp_path / "labels.db").exists()


@pytest.fixture
def hidden(monkeypatch):
    """SDL's dummy display: events can be posted, nobody can see them."""
    import pygame

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    pygame.display.quit()
    with pytest.raises(NoDisplayError, match="dummy"):
        check_display()
    check_display(headless_ok=True)
    pygame.display.set_mode((16, 16))
    yield pygame
    pygame.display.quit()


def test_keys_are_followed_by_press_and_release(hidden) -> None:
    keyboard = Keyboard()

    def send(kind, key):
        return keyboard.handle(hidden.event.Event(kind, key=key))

    send(hidden.KEYDOWN, hidden.K_a)
    send(hidden.KEYDOWN, hidden.K_UP)
    assert (keyboard.sideways, keyboard.forwards) == (-1, 1)
    send(hidden.KEYDOWN, hidden.K_RIGHT)
    assert keyboard.sideways == 0
    send(hidden.KEYUP, hidden.K_a)
    assert keyboard.sideways == 1
    assert send(hidden.KEYDOWN, hidden.K_KP_PLUS).value == 1
    assert send(hidden.KEYDOWN, hidden.K_MINUS).value == -1
    assert send(hidden.KEYUP, hidden.K_MINUS) is None
    keyboard.handle(hidden.event.Event(hidden.WINDOWFOCUSLOST))
    assert (keyboard.sideways, keyboard.forwards) == (0, 0)


def test_a_live_source_credits_the_current_step(hidden, store) -> None:
    env = HumanFeedback(gym.make(ENV_ID), KeyboardSource("ann"), store=store)
    env.reset(seed=0)
    env.step(1)
    for key in (hidden.K_PLUS, hidden.K_PLUS, hidden.K_MINUS):
        hidden.event.post(hidden.event.Event(hidden.KEYDOWN, key=key))
    assert env.step(1)[4]["feedback"] == 1.0
    assert env.step(1)[4]["feedback"] == 0.0
    assert [(label.step, label.value) for label in store.labels(Evaluation)] == [(1, 1), (1, 1), (1, -1)]


def test_how_keys_become_actions(hidden) -> None:
    keyboard = Keyboard()
    pedals = driver_for(spaces.Box(-1, 1, (2,), np.float32))
    lanes, numbers = driver_for(spaces.Discrete(3)), driver_for(spaces.Discrete(5))
    assert lanes.action(keyboard, 0.1) == 1
    for key in (hidden.K_a, hidden.K_w, hidden.K_9, hidden.K_4):
        keyboard.handle(hidden.event.Event(hidden.KEYDOWN, key=key))
    assert lanes.action(keyboard, 0.1) == 0
    first, second = pedals.action(keyboard, 0.1), pedals.action(keyboard, 0.1)
    assert 0 < first[0] < second[0] <= 1 and 0 < first[1] < second[1] <= 1
    for _ in range(20):
        action = pedals.action(keyboard, 0.1)
    np.testing.assert_array_equal(action, np.ones(2, np.float32))
    keyboard.release()
    for _ in range(20):
        action = pedals.action(keyboard, 0.1)
    np.testing.assert_array_equal(action, np.zeros(2, np.float32))
    keyboard.handle(hidden.event.Event(hidden.KEYDOWN, key=hidden.K_9))
    keyboard.handle(hidden.event.Event(hidden.KEYDOWN, key=hidden.K_4))
    assert numbers.waits
    assert numbers.action(keyboard, 0.1) == 3
    assert numbers.action(keyboard, 0.1) is None
    with pytest.raises(ValueError, match="cannot be driven from a keyboard"):
        driver_for(spaces.Discrete(11))


@pytest.mark.parametrize(
    ("change", "words"),
    [({"fps": 0}, "fps=0"), ({"episodes": 0}, "episodes=0"), ({"labeller": " "}, "labeller=' '")],
)
def test_bad_settings_are_named(change, words) -> None:
    with pytest.raises(ValueError, match=words):
        PlayConfig(ENV_ID, **change)
