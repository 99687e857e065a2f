"""From an action to a slate: one candidate, several, weights that rank, or a point among the items."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import entry_point, fast_function, inner_function, kernel
from mmenvs.recommender.arrays import Items, Output, Record, Records, State
from mmenvs.recommender.showing import is_on_sale

EMPTY = -1
_BLOCK = 512  # items whose scores are computed together; the block's vectors stay in the first-level cache


def bind_slates(
    action: str,
    actions: NDArray[Any],
    active: NDArray[np.bool_],
    items: Items,
    rules: Records,
    state: State,
    out: Output,
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Compile the kernel that turns actions of a kind into slates.

    Args:
        action: One of the kinds of :class:`~mmenvs.recommender.config.RecommenderConfig`.
        actions: Buffer of the actions, shape (worlds, size of an action).
        active: Buffer of the worlds to advance, shape (worlds,).
        items: The catalogue.
        rules: The shop's rules.
        state: ``slate`` is written.
        out: Whose history is read.

    Returns:
        What to call as ``entry(begin, end, *arguments)``, and the arguments.
    """
    chosen = (actions, active, items)
    values = np.zeros(state.slate.shape, np.float32)
    kernel: Any = slates_of_choices
    arguments: tuple[Any, ...] = (*chosen, rules, state)
    if action == "weights":
        kernel, arguments = slates_of_weights, (*chosen, out, state, values)
    elif action == "proto":
        kernel, arguments = slates_of_protos, (*chosen, rules, state, values)
    return entry_point(kernel, 0, 0, *arguments), arguments


@kernel
def slates_of_choices(
    begin: int,
    end: int,
    actions: NDArray[np.int64],
    active: NDArray[np.bool_],
    items: Items,
    rules: Records,
    state: State,
) -> None:
    """Turn indices of candidates into slates.

    A candidate that stands on the slate already leaves its place empty, or is replaced by the next
    candidate, in the order of the page and from its start again, that does not.  Without a page, so does an
    item that is not on sale.

    Args:
        begin: First world.
        end: One past the last world.
        actions: Indices of candidates, shape (worlds, slate_size); of items, if there is no page.
        active: Worlds to advance, shape (worlds,).
        items: The catalogue.
        rules: The shop's rules.
        state: ``slate`` is written.
    """
    for world in range(begin, end):
        if not active[world]:
            continue
        page = state.candidates.shape[1]
        count = page if page > 0 else items.facts.shape[0]
        for k in range(actions.shape[1]):
            choice, item = actions[world, k], EMPTY
            for _ in range(count):
                item = state.candidates[world, choice] if page > 0 else choice
                offered = page > 0 or is_on_sale(item, state.sessions[world].day, items, rules[0])
                if offered and not is_on_slate(world, k, item, state):
                    break
                item = EMPTY
                if not rules[0].refill:
                    break
                choice = (choice + 1) % count
            state.slate[world, k].item = item


@kernel
def slates_of_weights(
    begin: int,
    end: int,
    actions: NDArray[np.float32],
    active: NDArray[np.bool_],
    items: Items,
    out: Output,
    state: State,
    values: NDArray[np.float32],
) -> None:
    """Rank the candidates by ``w . attributes + w_match match``, the best first.

    Match is the mean of the inner products with the clicked items of the history, as vectors of ``proto``.

    Args:
        begin: First world.
        end: One past the last world.
        actions: Weights, the match's last, shape (worlds, attributes + 1).
        active: Worlds to advance, shape (worlds,).
        items: The catalogue.
        out: Whose history is read.
        state: ``slate`` is written.
        values: Scratch, shape (worlds, slate_size).
    """
    for world in range(begin, end):
        if not active[world]:
            continue
        _empty_slate(world, state, values)
        last = actions.shape[1] - 1
        for c in range(state.candidates.shape[1]):
            item = state.candidates[world, c]
            value = np.float32(0.0)
            for a in range(last):
                value += actions[world, a] * items.attributes[item, a]
            matched, clicks = np.float32(0.0), 0
            for k in range(state.history.shape[1]):
                past = state.history[world, k]
                if past >= 0 and out.history_feedback[world, k, 1] > 0.0:
                    clicks += 1
                    for d in range(items.proto.shape[0]):
                        matched += items.proto[d, item] * items.proto[d, past]
            if clicks > 0:
                value += actions[world, last] * matched / np.float32(clicks)
            _insert(world, item, float(value), state, values)


@kernel
def slates_of_protos(
    begin: int,
    end: int,
    actions: NDArray[np.float32],
    active: NDArray[np.bool_],
    items: Items,
    rules: Records,
    state: State,
    values: NDArray[np.float32],
) -> None:
    """Fill slates with the items of largest inner product with a point, the best first.

    Exhaustive and exact.  Worlds take turns within a block of items, so that each block is read from
    memory once for all of them.

    Args:
        begin: First world.
        end: One past the last world.
        actions: Points, shape (worlds, proto_size).
        active: Worlds to advance, shape (worlds,).
        items: The catalogue.
        rules: The shop's rules.
        state: ``slate`` is written.
        values: Scratch, shape (worlds, slate_size).
    """
    scores = np.zeros(_BLOCK, np.float32)
    for world in range(begin, end):
        if active[world]:
            _empty_slate(world, state, values)
    # A block of its own, not a view: only of contiguous rows can items be taken several at a time.
    block = np.zeros((items.proto.shape[0], _BLOCK), np.float32)
    for first in range(0, items.proto.shape[1], _BLOCK):
        size = min(_BLOCK, items.proto.shape[1] - first)
        _copy_block(items.proto, first, size, block)
        for world in range(begin, end):
            if active[world]:
                _score_block(actions, world, block, scores)
                _take_best(world, first, size, scores, items, rules[0], state, values)


@fast_function
def _copy_block(proto: NDArray[np.float32], first: int, size: int, block: NDArray[np.float32]) -> None:
    for d in range(block.shape[0]):
        for j in range(size):
            block[d, j] = proto[d, first + j]


@fast_function
def _score_block(
    points: NDArray[np.float32], world: int, block: NDArray[np.float32], scores: NDArray[np.float32]
) -> None:
    """Write the inner products of one point with a block of items, four numbers of each at a time."""
    numbers = block.shape[0]
    for j in range(_BLOCK):
        scores[j] = 0.0
    whole = numbers - numbers % 4
    for d in range(0, whole, 4):
        a, b, c, e = points[world, d], points[world, d + 1], points[world, d + 2], points[world, d + 3]
        for j in range(_BLOCK):
            scores[j] += a * block[d, j] + b * block[d + 1, j] + c * block[d + 2, j] + e * block[d + 3, j]
    for d in range(whole, numbers):
        a = points[world, d]
        for j in range(_BLOCK):
            scores[j] += a * block[d, j]


@inner_function
def _take_best(
    world: int,
    first: int,
    size: int,
    scores: NDArray[np.float32],
    items: Items,
    rules: Record,
    state: State,
    values: NDArray[np.float32],
) -> None:
    """Put the items of a block into the slate that are better than what stands there."""
    last = values.shape[1] - 1
    worst, day = values[world, last], state.sessions[world].day
    for j in range(size):
        if scores[j] > worst and is_on_sale(first + j, day, items, rules):
            _insert(world, first + j, float(scores[j]), state, values)
            worst = values[world, last]


@inner_function
def is_on_slate(world: int, places: int, item: int, state: State) -> bool:
    """Say whether an item stands on one of the first ``places`` of a slate."""
    for k in range(places):  # noqa: SIM110 (kernels have no any())
        if state.slate[world, k].item == item:
            return True
    return False


@inner_function
def _empty_slate(world: int, state: State, values: NDArray[np.float32]) -> None:
    for k in range(values.shape[1]):
        state.slate[world, k].item = EMPTY
        values[world, k] = -np.inf


@inner_function
def _insert(world: int, item: int, value: float, state: State, values: NDArray[np.float32]) -> None:
    """Put an item into a slate that is sorted by value, if it is good enough; of equals the first stays."""
    places = values.shape[1]
    if not value > values[world, places - 1]:
        return
    k = places - 1
    while k > 0 and value > values[world, k - 1]:
        values[world, k] = values[world, k - 1]
        state.slate[world, k].item = state.slate[world, k - 1].item
        k -= 1
    values[world, k] = value
    state.slate[world, k].item = item
