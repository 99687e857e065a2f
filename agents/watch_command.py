"""What ``python -m agents watch`` does: a policy at work, in a window or as a film."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import tyro
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray
from rich.console import Console

from agents.config import require, require_positive
from agents.evaluate_command import read_policy
from agents.policies import Policy, policy_for, restart
from agents.train_config import EnvKwargs
from agents.vec_env import find_spec, make_vector
from mmenvs import ENVIRONMENTS
from mmenvs.core.vector_env import WorldVectorEnv

Frame = NDArray[np.uint8]

_FILMS = (".mp4", ".gif")
#: Where SDL draws when there is no screen: keys would never come, and nobody would see a thing.
_NO_SCREEN = ("dummy", "offscreen")
_LEAST_HEIGHT = 480


@dataclass(frozen=True)
class WatchConfig:
    """Watch a policy: in a window (space pauses, N goes on to the next episode, V changes the view, Q ends).

    Attributes:
        policy: Folder of a run, a zip file in it, an exported ``.onnx`` or ``.pt``, ``random`` or ``expert``.
        env_id: Where; by default where the agent was trained.
        episodes: How many episodes.
        scenario: The first scenario of the split; elsewhere than in this package the first seed.
        split: ``train`` or ``test``.
        env_kwargs: Keyword arguments of the environment, on top of those of training.
        video: Write a film to this ``.mp4`` or ``.gif`` instead of opening a window.
        speed: How many times faster than real time.
        stochastic: Draw actions instead of taking the most likely one.
    """

    policy: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    env_id: str | None = None
    episodes: int = 3
    scenario: int = 0
    split: Literal["train", "test"] = "test"
    env_kwargs: EnvKwargs = field(default_factory=dict)
    video: Path | None = None
    speed: float = 1.0
    stochastic: bool = False

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "episodes")
        require(self, "scenario", self.scenario >= 0, "at least 0")
        require(self, "split", self.split in ("train", "test"), "'train' or 'test'")
        require(self, "speed", self.speed > 0, "greater than 0")
        suffixes = " or ".join(_FILMS)
        require(self, "video", self.video is None or self.video.suffix in _FILMS, f"a {suffixes} file")


@dataclass(frozen=True)
class Watched:
    """What happened in one episode.

    Attributes:
        steps: Steps that were shown.
        total: Sum of rewards.
        success: Whether it succeeded; None if the environment does not say, or it was not watched to the end.
    """

    steps: int
    total: float
    success: bool | None


def watch_command(config: WatchConfig, console: Console | None = None) -> list[Watched]:
    """Show a policy.

    Args:
        config: What to show.
        console: Where to print; the terminal by default.

    Returns:
        What happened in each episode.

    Raises:
        ValueError: If the run cannot be loaded or does not fit the environment, if the environment draws no
            pictures, or if there is no screen for a window.
    """
    console = console or Console()
    policy, env_id, trained_with = read_policy(
        config.policy, config.env_id, "watch", deterministic=not config.stochastic
    )
    env = _make_world(env_id, {**trained_with, **config.env_kwargs}, config.split)
    watched: list[Watched] = []
    try:
        fps = config.speed * float(env.metadata.get("render_fps") or 10)
        with _screen(config.video, f"{env_id}: {config.policy}", fps, env) as screen:
            for entry in _play(policy, env, config, screen):
                watched.append(entry)
                facts = [f"{entry.steps} steps", f"return {entry.total:.2f}"]
                if entry.success is not None:
                    facts.append("success" if entry.success else "no success")
                console.print(f"episode {config.scenario + len(watched) - 1}: {', '.join(facts)}")
    finally:
        env.close()
    if config.video is not None:
        console.print(f"film written to {config.video}")
    return watched


def _make_world(env_id: str, kwargs: dict[str, Any], split: str) -> VectorEnv[Any, Any, Any]:
    if find_spec(env_id).id in ENVIRONMENTS:
        kwargs["split"] = split
    # One world of a vector env: that is what every policy, the scripted expert too, knows how to play in.
    return make_vector(env_id, 1, AutoresetMode.DISABLED, {**kwargs, "render_mode": "rgb_array"})


def _play(
    policy: Policy, env: VectorEnv[Any, Any, Any], config: WatchConfig, screen: Screen
) -> Iterator[Watched]:
    act = policy_for(policy, env, seed=config.scenario, deterministic=not config.stochastic)
    for scenario in range(config.scenario, config.scenario + config.episodes):
        native = isinstance(env.unwrapped, WorldVectorEnv)
        options: dict[str, Any] | None = {"scenario": [scenario]} if native else None
        seeds: Any = [scenario]
        observations, _ = env.reset(seed=seeds, options=options)
        restart(act, np.ones(1, bool))
        steps, total = 0, 0.0
        success: bool | None = None
        going = screen.show(_picture(env))
        while going:
            observations, rewards, terminated, truncated, infos = env.step(act(observations))
            steps, total = steps + 1, total + float(rewards[0])
            going = screen.show(_picture(env))
            if terminated[0] or truncated[0]:
                success = bool(infos["success"][0]) if "success" in infos else None
                break
        yield Watched(steps, total, success)
        if screen.closed:
            return


def _picture(env: VectorEnv[Any, Any, Any]) -> Frame:
    frames: Any = env.render()
    frame: Frame | None = frames[0] if frames else None
    if frame is None:
        raise ValueError(f"{env.spec.id if env.spec else env} draws no pictures: it has no 'rgb_array' mode")
    return frame


class Screen(ABC):
    """Where frames go; a context manager.

    Attributes:
        closed: Whether whoever watches has seen enough.
    """

    closed = False

    @abstractmethod
    def show(self, frame: Frame) -> bool:
        """Show a frame of shape (height, width, 3), and say whether the episode shall go on."""

    def close(self) -> None:  # noqa: B027  (nothing to put away, unless overridden)
        """Put everything away."""

    def __enter__(self) -> Screen:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Put everything away."""
        self.close()


class WindowScreen(Screen):
    """A window with keys."""

    def __init__(self, title: str, fps: float, next_view: Callable[[], None]) -> None:
        """Prepare a window; it opens with the first frame.

        Raises:
            ValueError: If there is no screen.
        """
        import pygame

        from mmenvs.core.window import Window

        pygame.display.init()
        driver = pygame.display.get_driver()
        if driver in _NO_SCREEN:
            pygame.display.quit()
            raise ValueError(f"there is no screen to open a window on (SDL has {driver!r}): --video film.mp4")
        self._pygame, self._next_view = pygame, next_view
        self._window = Window(title, max(round(fps), 1))
        self._paused = False

    def show(self, frame: Frame) -> bool:
        """Show a frame, for as long as it is paused."""
        height, width = frame.shape[:2]
        factor = max(_LEAST_HEIGHT // height, 1)
        large = cv2.resize(frame, (width * factor, height * factor), interpolation=cv2.INTER_NEAREST)
        while True:
            if self._window.show(np.asarray(large, np.uint8)):
                self._next_view()
            for event in self._pygame.event.get():
                key = event.key if event.type == self._pygame.KEYDOWN else None
                if event.type == self._pygame.QUIT or key in (self._pygame.K_q, self._pygame.K_ESCAPE):
                    self.closed = True
                    return False
                if key == self._pygame.K_n:
                    return False
                if key == self._pygame.K_SPACE:
                    self._paused = not self._paused
            if not self._paused:
                return True

    def close(self) -> None:
        """Close the window."""
        self._window.close()


def fit(frame: Frame, height: int, width: int) -> Frame:
    """Scale a frame into another size, its proportions kept, on black: of a mix, each task has its own."""
    if frame.shape[:2] == (height, width):
        return frame
    scale = min(height / frame.shape[0], width / frame.shape[1])
    size = (max(round(frame.shape[1] * scale), 1), max(round(frame.shape[0] * scale), 1))
    fitted = np.zeros((height, width, 3), np.uint8)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    scaled = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    fitted[top : top + size[1], left : left + size[0]] = scaled
    return fitted


class FilmScreen(Screen):
    """An MP4 file, written frame by frame."""

    def __init__(self, path: Path, fps: float) -> None:
        """Prepare a film."""
        self._path, self._fps = path, fps
        self._writer: cv2.VideoWriter | None = None

    def show(self, frame: Frame) -> bool:
        """Add a frame.

        Raises:
            ValueError: If the file cannot be written.
        """
        if self._writer is None:
            # The codec wants even sides.
            self._size = (frame.shape[0] // 2 * 2, frame.shape[1] // 2 * 2)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            code = cv2.VideoWriter.fourcc(*"mp4v")
            self._writer = cv2.VideoWriter(str(self._path), code, self._fps, self._size[::-1])
            if not self._writer.isOpened():
                raise ValueError(f"cannot write a film to {self._path}")
        self._writer.write(cv2.cvtColor(fit(frame, *self._size), cv2.COLOR_RGB2BGR))
        return True

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.release()


class GifScreen(Screen):
    """An animated GIF, written at the end."""

    def __init__(self, path: Path, fps: float) -> None:
        """Prepare a film."""
        self._path, self._fps = path, fps
        self._frames: list[Frame] = []

    def show(self, frame: Frame) -> bool:
        """Add a frame."""
        self._frames.append(fit(frame, *(self._frames[0] if self._frames else frame).shape[:2]))
        return True

    def close(self) -> None:
        """Write the file."""
        from agents.film import write_gif

        if self._frames:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_gif(self._frames, self._path, max(round(self._fps), 1))


def _screen(video: Path | None, title: str, fps: float, env: VectorEnv[Any, Any, Any]) -> Screen:
    if video is None:
        native = env.unwrapped
        turn = native.simulator.next_view if isinstance(native, WorldVectorEnv) else lambda: None
        return WindowScreen(title, fps, turn)
    return FilmScreen(video, fps) if video.suffix == ".mp4" else GifScreen(video, fps)
