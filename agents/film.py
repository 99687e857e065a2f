"""A short film of a policy at work: what a person sees, and beside it what the policy sees."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm

from agents.vec_env import ChannelsFirst, find_spec
from mmenvs import ENVIRONMENTS
from mmenvs.spaces import Image, Scan

Frame = NDArray[np.uint8]

_INK = (235, 235, 235)
_PAPER = (24, 24, 28)


def film_gif(
    model: BaseAlgorithm,
    env_id: str,
    path: Path,
    *,
    scenario: int = 0,
    split: str = "test",
    env_kwargs: Mapping[str, Any] | None = None,
    height: int = 270,
    fps: int | None = None,
    longest: int = 200,
) -> bool:
    """Play one episode and write it as an animated GIF.

    Args:
        model: Who acts, always by its most likely action.
        env_id: Where; the environment must render ``"rgb_array"``.
        path: Where to write the film.
        scenario: Which scenario of the split, in environments of this package; elsewhere the seed.
        split: ``"train"`` or ``"test"``, in environments of this package.
        env_kwargs: Further keyword arguments of the environment.
        height: Height of the film [pixels].
        fps: Frames per second; by default those of the environment, which is real time.
        longest: Most steps to film.

    Returns:
        Whether it was written; without Pillow it is not.
    """
    if importlib.util.find_spec("PIL") is None:
        return False
    native = find_spec(env_id).id in ENVIRONMENTS
    kwargs = {**(env_kwargs or {}), **({"split": split} if native else {})}
    env = gym.make(env_id, render_mode="rgb_array", **kwargs)
    try:
        speed = fps or int(env.metadata.get("render_fps") or 10)
        frames = _play(model, env, scenario, native, height, longest)
    finally:
        env.close()
    write_gif(frames, path, speed)
    return True


def compose(view: Frame, observation: Any, space: spaces.Space[Any], height: int) -> Frame:
    """Lay what a person sees beside the sensors: the first picture and the first scan of the observation.

    Args:
        view: What a person sees, shape (h, w, 3).
        observation: Of one world.
        space: Space of the observation.
        height: Height of the result [pixels].

    Returns:
        Picture of shape (height, width, 3).
    """
    width = round(view.shape[1] * height / view.shape[0])
    parts = [cv2.resize(view, (width, height), interpolation=cv2.INTER_AREA)]
    if isinstance(space, spaces.Dict):
        side = height // 2
        pictures = [k for k, leaf in space.items() if isinstance(leaf, Image) and leaf.size[2] == 3]
        scans = [(k, leaf) for k, leaf in space.items() if isinstance(leaf, Scan)]
        column: list[Frame] = []
        if pictures:
            column.append(_titled(_fit(observation[pictures[0]], side), pictures[0]))
        if scans:
            key, leaf = scans[0]
            column.append(_titled(draw_scan(observation[key], leaf, side), key))
        if column:
            stack = np.full((height, side, 3), _PAPER, np.uint8)
            stack[: side * len(column)] = np.concatenate(column)
            parts.append(stack)
    return np.concatenate(parts, 1)


def draw_scan(scan: NDArray[np.floating[Any]], space: spaces.Box, side: int) -> Frame:
    """Draw a range scan around the sensor, which looks up: first beam ahead, the next ones to its left.

    Args:
        scan: Readings, shape (beams,).
        space: Their space, for its bounds.
        side: Size of the square picture [pixels].

    Returns:
        Picture of shape (side, side, 3).
    """
    frame = np.full((side, side, 3), _PAPER, np.uint8)
    middle, radius = side / 2, side / 2 - 4
    share = (scan - space.low) / np.maximum(space.high - space.low, 1e-9)
    angles = np.arange(scan.size) * (2 * np.pi / scan.size)
    ends = np.stack((middle - np.sin(angles) * share * radius, middle - np.cos(angles) * share * radius), 1)
    shift = 4  # sub-pixel bits of OpenCV's coordinates, for smooth edges
    points = np.round(ends * 2**shift).astype(np.int32)
    cv2.fillPoly(frame, [points], (52, 70, 84), cv2.LINE_AA, shift)
    for point, reading in zip(points, share, strict=True):
        if reading < 1.0:
            cv2.circle(frame, point.tolist(), 2 << shift, (255, 170, 60), -1, cv2.LINE_AA, shift)
    centre = [round(middle * 2**shift)] * 2
    cv2.circle(frame, centre, round(radius * 2**shift), (80, 80, 88), 1, cv2.LINE_AA, shift)
    cv2.circle(frame, centre, 3 << shift, _INK, -1, cv2.LINE_AA, shift)
    return frame


def _play(
    model: BaseAlgorithm, env: gym.Env[Any, Any], scenario: int, native: bool, height: int, longest: int
) -> list[Frame]:
    layout = ChannelsFirst(env.observation_space)
    observation, _ = env.reset(seed=scenario, options={"scenario": scenario} if native else None)
    frames = []
    for _ in range(longest):
        view: Any = env.render()
        frames.append(compose(view, observation, env.observation_space, height))
        action, _ = model.predict(layout.view(observation), deterministic=True)
        observation, _, terminated, truncated, _ = env.step(action)
        if terminated or truncated:
            break
    view = env.render()
    return [*frames, compose(view, observation, env.observation_space, height)]


def write_gif(frames: list[Frame], path: Path, fps: int) -> None:
    """Write frames of one shape as an animated GIF; needs Pillow."""
    from PIL import Image as Picture

    # One palette for the whole film keeps it small and keeps colours from flickering.
    sample = np.concatenate([frames[0], frames[len(frames) // 2], frames[-1]])
    palette = Picture.fromarray(sample).quantize(256)
    film = [
        Picture.fromarray(frame).quantize(palette=palette, dither=Picture.Dither.NONE) for frame in frames
    ]
    film[0].save(path, save_all=True, append_images=film[1:], duration=1000 // fps, loop=0, optimize=True)


def _fit(picture: Frame, side: int) -> Frame:
    """Enlarge a picture into a square, its pixels left sharp, its proportions kept."""
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    frame = np.full((side, side, 3), _PAPER, np.uint8)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    frame[top : top + size[1], left : left + size[0]] = cv2.resize(
        picture, size, interpolation=cv2.INTER_NEAREST
    )
    return frame


def _titled(frame: Frame, title: str) -> Frame:
    cv2.putText(frame, title, (5, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(frame, title, (5, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.4, _INK, 1, cv2.LINE_AA)
    return frame
