"""What the shop puts before its users and its agents: pages of candidates, and the history of events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inlined_function, inner_function
from mmenvs.core.random import integer_below
from mmenvs.recommender.arrays import Items, Output, Record, State

#: Draws for one place of a page before the catalogue is searched from there on.
_PATIENCE = 100


@inlined_function
def is_on_sale(item: int, day: float, items: Items, rules: Record) -> bool:
    """Say whether an item is on sale: items arrive in turn and stay while ``on_sale`` of a turnover lasts."""
    if rules.on_sale >= 1.0:
        return True
    age = rules.churn * day - items.facts[item].arrival
    return bool(age - float(int(age // 1.0)) < rules.on_sale)


@inner_function
def lay_out_page(world: int, items: Items, rules: Record, state: State, out: Output) -> None:
    """Draw different items that are on sale, in random order, and show them to the agent."""
    candidates = state.candidates
    for c in range(candidates.shape[1]):
        item, count = 0, items.facts.shape[0]
        for attempt in range(_PATIENCE + count):
            item = integer_below(state.layout, world, count) if attempt < _PATIENCE else (item + 1) % count
            fresh = is_on_sale(item, state.sessions[world].day, items, rules)
            for earlier in range(c):
                if candidates[world, earlier] == item:
                    fresh = False
            if fresh:
                break
        show_item(world, c, item, items, state, out)


@inner_function
def show_item(world: int, place: int, item: int, items: Items, state: State, out: Output) -> None:
    """Put an item on a place of the page."""
    state.candidates[world, place] = item
    _copy_row(items.text, item, out.text, world, place)
    _copy_row(items.attributes, item, out.attributes, world, place)
    _copy_row(items.features, items.facts[item].look, out.features, world, place)
    if out.image.shape[2] > 0:
        _copy_picture(items.pictures, items.facts[item].look, out.image, world, place)


@inner_function
def _copy_row(
    source: NDArray[np.float32], row: int, target: NDArray[np.float32], world: int, place: int
) -> None:
    for k in range(target.shape[2]):
        target[world, place, k] = source[row, k]


@inner_function
def _copy_picture(
    pictures: NDArray[np.uint64], look: int, sheets: NDArray[np.uint64], world: int, place: int
) -> None:
    """Copy one picture to its place on a contact sheet."""
    rows, words = pictures.shape[1], pictures.shape[2]
    columns = sheets.shape[2] // words
    top, left = place // columns * rows, place % columns * words
    for row in range(rows):
        for word in range(words):
            sheets[world, top + row, left + word] = pictures[look, row, word]


@inlined_function
def copy_row(target: NDArray[np.int64], source: NDArray[np.int64], row: int) -> None:
    """Copy one row of a matrix to another of the same shape."""
    for k in range(target.shape[1]):
        target[row, k] = source[row, k]


@inlined_function
def make_room(world: int, events: int, state: State, out: Output) -> None:
    """Move the history up by ``events`` places, dropping the oldest."""
    length = state.history.shape[1]
    for k in range(length - events):
        state.history[world, k] = state.history[world, k + events]
        for f in range(out.history_feedback.shape[2]):
            out.history_feedback[world, k, f] = out.history_feedback[world, k + events, f]
        for a in range(out.history_attributes.shape[2]):
            out.history_attributes[world, k, a] = out.history_attributes[world, k + events, a]


@inlined_function
def clear_history(world: int, state: State, out: Output) -> None:
    """Forget all events."""
    for k in range(state.history.shape[1]):
        state.history[world, k] = -1
        for f in range(out.history_feedback.shape[2]):
            out.history_feedback[world, k, f] = 0.0
        for a in range(out.history_attributes.shape[2]):
            out.history_attributes[world, k, a] = 0.0


@inner_function
def write_event(
    world: int,
    place: int,
    item: int,
    clicked: bool,
    dwell: float,
    rating: float,
    organic: bool,
    items: Items,
    state: State,
    out: Output,
) -> None:
    """Write one event into a place of the history; ``dwell`` and ``rating`` are in [0, 1]."""
    state.history[world, place] = item
    feedback = out.history_feedback
    feedback[world, place, 0] = 1.0
    feedback[world, place, 1] = 1.0 if clicked else 0.0
    feedback[world, place, 2] = dwell
    feedback[world, place, 3] = rating
    feedback[world, place, 4] = 1.0 if organic else 0.0
    for a in range(out.history_attributes.shape[2]):
        out.history_attributes[world, place, a] = items.attributes[item, a]
