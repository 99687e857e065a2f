"""The spaces of the recommender world, and its arrays before the first episode."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from gymnasium import spaces as gym_spaces
from numpy.typing import NDArray

from mmenvs.recommender.arrays import CLICK, FEEDBACK, PLACE, REPORT, SESSION, Output, State
from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.stock import Stock
from mmenvs.recommender.users.taste import PROFILE_HEAD
from mmenvs.spaces import History, Image, Objects, Vector

_SMALLEST_SIDE = 36  # Stable-Baselines3 warns about smaller images


def action_space(config: RecommenderConfig, stock: Stock) -> gym_spaces.Space[Any]:
    """Return the action space of one world."""
    choices = config.candidates or len(stock.catalogue)
    if config.action == "item":
        return gym_spaces.Discrete(choices)
    if config.action == "slate":
        return gym_spaces.MultiDiscrete([choices] * config.slate_size)
    size = config.proto_size if config.action == "proto" else stock.items.attributes.shape[1] + 1
    return gym_spaces.Box(-1.0, 1.0, (size,), np.float32)


def observation_space(config: RecommenderConfig, stock: Stock) -> gym_spaces.Dict:
    """Return the observation space of one world; without a page there is nothing to see of candidates."""
    items, names = stock.items, stock.catalogue.attribute_names
    numbers, length, count = items.attributes.shape[1], config.history_length, config.candidates
    by_modality: dict[str, dict[str, gym_spaces.Space[Any]]] = {
        "user": {
            "user": Vector(len(PROFILE_HEAD) + len(stock.taste_names), names=PROFILE_HEAD + stock.taste_names)
        },
        "recent": {
            "recent_clicks": Vector(
                len(stock.catalogue.category_names), low=0.0, names=stock.catalogue.category_names
            )
        },
    }
    if numbers:
        by_modality["history"] = {
            "history_attributes": History(length, numbers, low=0.0, names=names),
            "history_feedback": History(length, len(FEEDBACK), low=0.0, names=FEEDBACK),
        }
    if count is not None:
        size, words, features = config.picture_size, items.text.shape[1], items.features.shape[1]
        image = Image(size, size, tiles=tiles_for(count, size))
        by_modality["image"] = {"candidate_image": image}
        if numbers:
            by_modality["attributes"] = {
                "candidate_attributes": Objects(count, numbers, low=0.0, names=names)
            }
        if words:
            by_modality["text"] = {"candidate_text": Objects(count, words)}
        if features:
            by_modality["image_features"] = {"candidate_image_features": Objects(count, features)}
    leaves: dict[str, gym_spaces.Space[Any]] = {}
    for name in config.modalities:
        leaves |= by_modality.get(name, {})
    if not leaves:
        raise ValueError(
            f"modalities={config.modalities!r} with candidates=None leave nothing to observe; "
            "add 'history', 'user' or 'recent'"
        )
    return gym_spaces.Dict(leaves)


def tiles_for(count: int, size: int) -> tuple[int, int]:
    """Return rows and columns of a contact sheet that fits ``count`` pictures, both sides large enough.

    A grid without empty places if there is one, and the squarest of those that waste least.
    """
    least = math.ceil(_SMALLEST_SIDE / size)
    grids = [(rows, max(least, math.ceil(count / rows))) for rows in range(least, count + least)]
    exact = [grid for grid in grids if grid[0] * grid[1] == count]
    return min(exact or grids, key=lambda g: (g[0] * g[1] if not exact else 0, abs(g[1] - g[0]), g[0] > g[1]))


def new_state(worlds: int, config: RecommenderConfig, stock: Stock) -> State:
    """Return the arrays of sessions that have not begun."""
    count, places = config.candidates or 0, config.slate_size
    categories = len(stock.catalogue.category_names)
    traits = stock.items.traits.shape[1]
    memory = getattr(stock.model.boredom, "memory", 1)
    return State(
        behaviour=np.zeros(worlds, np.uint64),
        layout=np.zeros(worlds, np.uint64),
        sessions=np.zeros(worlds, SESSION),
        taste=np.zeros((worlds, traits)),
        pull=np.zeros((worlds, traits)),
        exposure=np.zeros((worlds, categories)),
        bored=np.zeros((worlds, categories), np.int64),
        clicks=np.zeros((worlds, memory), CLICK),
        candidates=np.zeros((worlds, count), np.int64),
        last_page=np.zeros((worlds, count), np.int64),
        slate=np.zeros((worlds, places), PLACE),
        history=np.full((worlds, config.history_length), -1, np.int64),
    )


def new_output(worlds: int, config: RecommenderConfig, stock: Stock) -> Output:
    """Return the buffers of sessions that have not begun; what is not observed has no columns."""
    items, length, count = stock.items, config.history_length, config.candidates or 0

    def width(modality: str, numbers: int) -> int:
        return numbers if modality in config.modalities else 0

    size = config.picture_size
    rows, columns = tiles_for(count, size) if count and "image" in config.modalities else (0, 0)
    numbers = items.attributes.shape[1]
    return Output(
        image=np.zeros((worlds, rows * size, columns * size * 3 // 8), np.uint64),
        features=np.zeros((worlds, count, width("image_features", items.features.shape[1])), np.float32),
        text=np.zeros((worlds, count, width("text", items.text.shape[1])), np.float32),
        attributes=np.zeros((worlds, count, width("attributes", numbers)), np.float32),
        history_attributes=np.zeros((worlds, length, width("history", numbers)), np.float32),
        history_feedback=np.zeros((worlds, length, len(FEEDBACK)), np.float32),
        user=np.zeros((worlds, len(PROFILE_HEAD) + len(stock.taste_names)), np.float32),
        recent=np.zeros((worlds, len(stock.catalogue.category_names)), np.float32),
        reports=np.zeros(worlds, REPORT),
    )


def new_actions(worlds: int, config: RecommenderConfig, space: gym_spaces.Space[Any]) -> NDArray[Any]:
    """Return the buffer of actions, in the type that :mod:`~mmenvs.recommender.slates` takes."""
    exact = config.action in ("item", "slate")
    return np.zeros((worlds, (space.shape or (1,))[0]), np.int64 if exact else np.float32)


def published(out: Output, space: gym_spaces.Dict) -> dict[str, NDArray[Any]]:
    """Return the buffers as observations: views of shape (worlds, *wire shape), by the keys of ``space``."""
    arrays: dict[str, NDArray[Any]] = {
        "candidate_image": out.image.view(np.uint8),
        "candidate_image_features": out.features,
        "candidate_text": out.text,
        "candidate_attributes": out.attributes,
        "history_attributes": out.history_attributes,
        "history_feedback": out.history_feedback,
        "user": out.user,
        "recent_clicks": out.recent,
    }
    worlds = len(out.user)
    return {key: arrays[key].reshape(worlds, *(leaf.shape or ())) for key, leaf in space.spaces.items()}


def fresh_values(state: State, out: Output) -> list[tuple[NDArray[Any], Any]]:
    """Return the arrays that every episode begins with the same values in, and these."""
    zeros = (*(state.sessions, state.slate, out.reports, out.history_attributes, out.history_feedback),)
    places: NDArray[Any] = state.slate["item"]
    return [*((array, 0) for array in zeros), (state.history, -1), (places, -1), (out.reports["item"], -1)]
