"""Drive an environment yourself, and say + or - at any moment.

    python -m feedback play mmenvs/PathPlanning-v0 --store labels.db

WASD or the arrow keys drive, + and - judge the step on show, V changes the view, P pauses, R gives up the
episode and begins the next, Esc or Q quits.  Every + and - is on disk before the window flashes green or
red.  The episodes are kept as well, in a folder beside the store, so that everything can be replayed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import tyro
from numpy.typing import NDArray

from feedback.clips import ClipFolder
from feedback.labels import Evaluation
from feedback.sources.base import Moment
from feedback.sources.keyboard import Keyboard, Signal, driver_for
from feedback.store import LabelStore, address_of
from feedback.tracking import EpisodeTracker, env_id_of, succeeded

#: How often keys are read and the window is drawn [1/s].
REFRESH = 60
#: How long the border stays green or red after an evaluation [s].
FLASH = 0.4
#: How long the end of an episode stays on show [s].
ENDING = 1.5

_GREEN, _RED, _YELLOW = (40, 190, 90), (220, 60, 50), (235, 190, 40)
_BAR, _TEXT = (18, 20, 24), (235, 235, 235)
_BAR_HEIGHT, _BORDER, _SMALLEST = 46, 8, 360
_HIDDEN_DRIVERS = ("dummy", "offscreen")


class NoDisplayError(RuntimeError):
    """There is no screen on which a person could see the window."""


@dataclass(frozen=True)
class PlayConfig:
    """Settings of ``python -m feedback play``.

    Attributes:
        env_id: Id of the environment; one of another package as ``"package:id"``.
        store: File or URL of the labels; see :class:`feedback.store.LabelStore`.
        labeller: Your name.
        fps: Steps of the environment per second [1/s].
        episodes: Episodes to play to their end; None until you quit.
        seed: Seed of the first episode, the next one has the next; None to draw it.
        headless_ok: Play even where nobody can see the window; for tests.
    """

    env_id: tyro.conf.Positional[str]
    store: str = "labels.db"
    labeller: str = "player"
    fps: int = 10
    episodes: int | None = None
    seed: int | None = None
    headless_ok: bool = False

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        if not 1 <= self.fps <= REFRESH:
            raise ValueError(f"fps={self.fps} must be in [1, {REFRESH}]")
        if self.episodes is not None and self.episodes < 1:
            raise ValueError(f"episodes={self.episodes} must be at least 1, or None")
        if self.seed is not None and self.seed < 0:
            raise ValueError(f"seed={self.seed} must not be negative")
        if not self.labeller.strip():
            raise ValueError(f"labeller={self.labeller!r} must not be blank")
        address_of(self.store)


def play(config: PlayConfig) -> int:
    """Open the window and play until the person quits.

    Returns:
        Number of evaluations stored.

    Raises:
        NoDisplayError: If there is no display, and ``headless_ok`` is false.
        ValueError: If the environment cannot be driven from a keyboard.
    """
    import pygame

    check_display(headless_ok=config.headless_ok)
    env = gym.make(config.env_id, render_mode="rgb_array")
    try:
        with LabelStore(config.store) as store:
            return _Game(config, env, store).run()
    finally:
        env.close()
        pygame.display.quit()


def check_display(*, headless_ok: bool = False) -> None:
    """Start pygame's display.

    Raises:
        NoDisplayError: If SDL finds none, or falls back to one that nobody can see.
    """
    import pygame

    # SDL falls back to a hidden driver without a word, and the person's keys then go nowhere.
    try:
        pygame.display.init()
        driver = pygame.display.get_driver()
    except pygame.error as error:
        driver = f"none: {error}"
    if headless_ok or (driver not in _HIDDEN_DRIVERS and not driver.startswith("none")):
        return
    pygame.display.quit()
    raise NoDisplayError(
        f"there is no display to open a window on (SDL's video driver is {driver!r}). Run this in a desktop "
        "session; over SSH use 'ssh -X'; or start a virtual one: 'xvfb-run python -m feedback play ...'"
    )


class _Game:
    """The window and the loop."""

    def __init__(self, config: PlayConfig, env: gym.Env[Any, Any], store: LabelStore) -> None:
        import pygame

        self._pygame = pygame
        self._config, self._env, self._store = config, env, store
        self._clips = ClipFolder(store.clip_folder)
        self._keyboard = Keyboard()
        self._driver = driver_for(env.action_space)
        self._tracker = EpisodeTracker(env_id_of(env), keep=True)
        self._moment: Moment | None = None
        self._waiting: list[tuple[Signal, float]] = []
        self._shown_at = 0.0
        self._flash: tuple[tuple[int, int, int], float] = (_GREEN, 0.0)
        self._surface: Any = None
        self._font: Any = None
        self._paused = self._quit = self._restart = self._redraw = False
        self._views: tuple[str, ...] = getattr(env.unwrapped, "views", ())
        self._step, self._return, self._stored = 0, 0.0, 0
        self._message = ""

    def run(self) -> int:
        config = self._config
        seed = int(np.random.default_rng().integers(2**31)) if config.seed is None else config.seed
        begun = finished = 0
        while not self._quit and (config.episodes is None or finished < config.episodes):
            finished += self._episode(seed + begun)
            begun += 1
        if self._waiting:
            print(f"{len(self._waiting)} evaluations before the first step were about nothing, and not kept")
        print(f"{self._stored} evaluations in {self._store.name}", flush=True)
        return self._stored

    def _episode(self, seed: int) -> bool:
        """Play one episode; return whether it came to its end."""
        observation, _ = self._env.reset(seed=seed)
        self._tracker.begin(observation, seed)
        self._driver.reset()
        self._restart, self._message = False, ""
        self._step, self._return = 0, 0.0
        frame = self._frame()
        if self._surface is None:
            self._open(frame)
            print(f"ready: {self._config.env_id}, seed {seed}", flush=True)
        clock = self._pygame.time.Clock()
        due = time.monotonic()
        ended = False
        while not (self._quit or self._restart or ended):
            self._read_keys()
            now = time.monotonic()
            if now >= due and not self._paused:
                due = max(due + 1 / self._config.fps, now)
                action = self._driver.action(self._keyboard, 1 / self._config.fps)
                if action is not None:
                    ended = self._advance(action)
                    frame = self._frame()
            if self._redraw:
                frame, self._redraw = self._frame(), False
            self._draw(frame)
            clock.tick(REFRESH)
        while ended and not (self._quit or self._restart) and time.monotonic() < due + ENDING:
            self._read_keys()
            self._draw(frame)
            clock.tick(REFRESH)
        self._save_clip()
        return ended

    def _advance(self, action: Any) -> bool:
        """Take a step; return whether the episode is over."""
        observation, reward, terminated, truncated, info = self._env.step(action)
        success = succeeded(info)
        self._moment = self._tracker.step(
            action,
            observation,
            float(reward),
            terminated=terminated,
            truncated=truncated,
            success=success,
            info=info,
        )
        self._step += 1
        self._return += float(reward)
        self._shown_at = time.monotonic()
        for signal, pressed in self._waiting:
            self._judge(signal, pressed)
        self._waiting.clear()
        if terminated or truncated:
            self._message = "success!" if success else "the end"
            print(
                f"episode over: {self._step} steps, return {self._return:.2f}, success {success}", flush=True
            )
        return terminated or truncated

    def _read_keys(self) -> None:
        pygame = self._pygame
        for event in pygame.event.get():
            signal = self._keyboard.handle(event)
            if signal is not None:
                self._judge(signal, time.monotonic())
            elif event.type == pygame.QUIT:
                self._quit = True
            elif event.type == pygame.KEYDOWN:
                if event.key in (pygame.K_ESCAPE, pygame.K_q):
                    self._quit = True
                elif event.key == pygame.K_v and self._views:
                    self._env.unwrapped.next_view()  # type: ignore[attr-defined]
                    print(f"view {self._env.unwrapped.view}", flush=True)  # type: ignore[attr-defined]
                    self._redraw = True
                elif event.key == pygame.K_p:
                    self._paused = not self._paused
                elif event.key == pygame.K_r:
                    self._restart = True

    def _judge(self, signal: Signal, pressed: float) -> None:
        """Keep an evaluation of the step on show; one pressed before the first step waits for it."""
        if self._moment is None:
            self._waiting.append((signal, pressed))
            return
        evaluation = Evaluation(
            clip=self._moment.clip,
            value=signal.value,
            labeller=self._config.labeller,
            response_time=max(0.0, pressed - self._shown_at),
        )
        number = self._store.add(evaluation)
        self._stored += 1
        self._flash = (_GREEN if signal.value > 0 else _RED, time.monotonic() + FLASH)
        print(f"label {number}: {signal.value:+.0f} at step {evaluation.step}", flush=True)

    def _save_clip(self) -> None:
        segment = self._tracker.segment()
        if segment is not None:
            self._clips.add(segment)

    def _frame(self) -> NDArray[np.uint8]:
        """Return the picture to show, small ones enlarged without blur."""
        frame = np.asarray(self._env.render(), np.uint8)
        factor = max(1, _SMALLEST // frame.shape[0])
        return frame.repeat(factor, 0).repeat(factor, 1) if factor > 1 else frame

    def _open(self, frame: NDArray[np.uint8]) -> None:
        pygame = self._pygame
        pygame.font.init()
        height, width = frame.shape[:2]
        self._surface = pygame.display.set_mode((width, height + _BAR_HEIGHT))
        self._font = pygame.font.Font(None, 21)
        pygame.display.set_caption(self._config.env_id)

    def _draw(self, frame: NDArray[np.uint8]) -> None:
        pygame, surface = self._pygame, self._surface
        height, width = frame.shape[:2]
        surface.fill(_BAR)
        surface.blit(pygame.surfarray.make_surface(frame.transpose(1, 0, 2)), (0, 0))
        view = "     V: view" if self._views else ""
        hint = f"{self._driver.hint}     + / -: judge{view}     P: pause     R: next     Esc: quit"
        status = f"step {self._step}     return {self._return:.1f}     labels {self._stored}"
        self._write(hint, height + 6)
        self._write(status, height + 25)
        if self._paused or self._message:
            self._banner("paused" if self._paused else self._message, width, height)
        colour, until = self._flash
        if time.monotonic() < until:
            pygame.draw.rect(surface, colour, (0, 0, width, height), _BORDER)
        pygame.display.flip()

    def _write(self, text: str, y: int) -> None:
        self._surface.blit(self._font.render(text, True, _TEXT), (10, y))

    def _banner(self, text: str, width: int, height: int) -> None:
        text_width, text_height = self._font.size(text)
        box = self._pygame.Rect(0, 0, text_width + 32, text_height + 20)
        box.center = (width // 2, height // 3)
        self._pygame.draw.rect(self._surface, _BAR, box, border_radius=6)
        self._surface.blit(self._font.render(text, True, _YELLOW), (box.x + 16, box.y + 10))
