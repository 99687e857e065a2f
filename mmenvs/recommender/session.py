"""One user's session, step by step: the arrays it lives in and the kernels that advance it.

A step, in this order:

1. the recommended item is scored: taste, less boredom with its department;
2. the user clicks it or walks past (:mod:`~mmenvs.recommender.users.choice`);
3. a click lasts for some time (:mod:`~mmenvs.recommender.users.dwell`); the share of the item that was
   seen is the satisfaction of the step;
4. exposure and boredom grow or fade (:mod:`~mmenvs.recommender.users.boredom`);
5. the mood follows the satisfaction (:mod:`~mmenvs.recommender.users.mood`);
6. the user may leave (:mod:`~mmenvs.recommender.users.leaving`);
7. the event enters the history and the next page is laid out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function, kernel
from mmenvs.core.random import derive, integer_below, uniform
from mmenvs.recommender.users.boredom import bored_score, grow_bored
from mmenvs.recommender.users.choice import NO_CLICK, choose
from mmenvs.recommender.users.dwell import draw_dwell
from mmenvs.recommender.users.leaving import leave_probability
from mmenvs.recommender.users.mood import INITIAL_MOOD, next_mood
from mmenvs.recommender.users.taste import draw_profile, draw_taste, utility

#: What each number of an event in ``history_feedback`` means; all lie in [0, 1].
FEEDBACK = ("valid", "clicked", "dwell")


class Items(NamedTuple):
    """The catalogue as kernels see it; the arrays are read only.

    Attributes:
        traits: Weighted traits [logit], shape (items, traits).
        department: Department of each item, shape (items,).
        attributes: float32, shape (items, attributes).
        text: float32, shape (items, text_size).
        pictures: Eight bytes a word, shape (items, rows, words a row); no rows if not observed.
    """

    traits: NDArray[np.float64]
    department: NDArray[np.int64]
    attributes: NDArray[np.float32]
    text: NDArray[np.float32]
    pictures: NDArray[np.uint64]


class Users(NamedTuple):
    """The user model's numbers; :class:`~mmenvs.recommender.config.RecommenderConfig` explains each."""

    profile_noise: float
    no_click_score: float
    boredom_decay: float
    boredom_threshold: float
    boredom_steps: int
    boredom_penalty: float
    dwell_limit: float
    dwell_spread: float
    skip_dwell: float
    skip_slope: float
    mood_rate: float
    content_mood: float
    leave_bias: float
    leave_mood_weight: float
    leave_boredom_weight: float
    leave_penalty: float


class State(NamedTuple):
    """What a session is in: one row a world.

    Attributes:
        behaviour: Random stream of the user, shape (worlds,).
        layout: Random stream of the pages, shape (worlds,), its own so that no choice disturbs another.
        taste: Tastes, shape (worlds, traits).
        exposure: Fading count of clicks [clicks], shape (worlds, departments).
        bored: Steps of boredom left, shape (worlds, departments).
        mood: In [0, 1], shape (worlds,).
        candidates: Items of the page to act on, shape (worlds, candidates).
        last_page: Items of the page that was acted on last, shape (worlds, candidates).
        last_choice: Which of them was recommended, -1 before the first step, shape (worlds,).
        history: Items recommended, oldest first, -1 for none, shape (worlds, history_length).
        scores: Scores of the slate [logit], shape (worlds, 1).
        steps: Steps taken, shape (worlds,).
        total: Sum of the rewards, shape (worlds,).
    """

    behaviour: NDArray[np.uint64]
    layout: NDArray[np.uint64]
    taste: NDArray[np.float64]
    exposure: NDArray[np.float64]
    bored: NDArray[np.int64]
    mood: NDArray[np.float64]
    candidates: NDArray[np.int64]
    last_page: NDArray[np.int64]
    last_choice: NDArray[np.int64]
    history: NDArray[np.int64]
    scores: NDArray[np.float64]
    steps: NDArray[np.int64]
    total: NDArray[np.float64]


class Output(NamedTuple):
    """What a step writes for its readers; a modality that is not observed has an empty last axis.

    Attributes:
        image: Contact sheets, eight bytes a word, shape (worlds, rows, words a row).
        text: float32, shape (worlds, candidates, text_size).
        attributes: float32, shape (worlds, candidates, attributes).
        history_attributes: float32, shape (worlds, history_length, attributes).
        history_feedback: float32, shape (worlds, history_length, len(FEEDBACK)); always kept.
        user: What users say of their taste, float32, shape (worlds, traits); always kept.
        rewards: shape (worlds,).
        terminated: bool, shape (worlds,).
        clicked: bool, shape (worlds,).
        dwell: Time spent with the item [s], shape (worlds,).
        satisfaction: Share of the item that was seen, in [0, 1], shape (worlds,).
        leaving: The reward's term for leaving, shape (worlds,).
        mood: In [0, 1], shape (worlds,).
        bored: How many departments bore the user, shape (worlds,).
        item: Catalogue index of the recommended item, -1 after a reset, shape (worlds,).
        success: bool, shape (worlds,).
        scenario: shape (worlds,).
    """

    image: NDArray[np.uint64]
    text: NDArray[np.float32]
    attributes: NDArray[np.float32]
    history_attributes: NDArray[np.float32]
    history_feedback: NDArray[np.float32]
    user: NDArray[np.float32]
    rewards: NDArray[np.float64]
    terminated: NDArray[np.bool_]
    clicked: NDArray[np.bool_]
    dwell: NDArray[np.float64]
    satisfaction: NDArray[np.float64]
    leaving: NDArray[np.float64]
    mood: NDArray[np.float64]
    bored: NDArray[np.int64]
    item: NDArray[np.int64]
    success: NDArray[np.bool_]
    scenario: NDArray[np.int64]


@kernel
def step_sessions(
    begin: int,
    end: int,
    actions: NDArray[np.int64],
    active: NDArray[np.bool_],
    items: Items,
    users: Users,
    state: State,
    out: Output,
) -> None:
    """Advance the active worlds of ``[begin, end)`` by one step.

    Args:
        begin: First world.
        end: One past the last world.
        actions: Which candidate to recommend, shape (worlds,).
        active: Worlds to advance, shape (worlds,).
        items: The catalogue.
        users: The user model.
        state: Read and written.
        out: Written.
    """
    for world in range(begin, end):
        if not active[world]:
            continue
        choice = actions[world]
        item = state.candidates[world, choice]
        department = items.department[item]
        score = bored_score(
            utility(state.taste, world, items.traits, item),
            state.bored[world, department],
            users.boredom_penalty,
        )
        state.scores[world, 0] = score
        draw = uniform(state.behaviour, world)
        clicked = choose(state.scores, world, 1, users.no_click_score, draw) != NO_CLICK
        dwell = draw_dwell(
            state.behaviour,
            world,
            score,
            users.no_click_score,
            users.dwell_limit,
            users.dwell_spread,
            users.skip_dwell,
            users.skip_slope,
        )
        if not clicked:
            dwell = 0.0
        satisfaction = dwell / users.dwell_limit
        bored = grow_bored(
            state.exposure,
            state.bored,
            world,
            department,
            1.0 if clicked else 0.0,
            users.boredom_decay,
            users.boredom_threshold,
            users.boredom_steps,
        )
        mood = next_mood(state.mood[world], satisfaction, users.mood_rate)
        hazard = leave_probability(
            mood, bored, users.leave_bias, users.leave_mood_weight, users.leave_boredom_weight
        )
        left = uniform(state.behaviour, world) < hazard
        state.mood[world] = mood
        state.steps[world] += 1
        state.last_choice[world] = choice
        state.last_page[world] = state.candidates[world]

        out.item[world] = item
        out.clicked[world] = clicked
        out.dwell[world] = dwell
        out.satisfaction[world] = satisfaction
        out.leaving[world] = -users.leave_penalty if left else 0.0
        out.rewards[world] = satisfaction + out.leaving[world]
        out.mood[world] = mood
        out.bored[world] = bored
        out.terminated[world] = left
        out.success[world] = not left and mood >= users.content_mood
        state.total[world] += out.rewards[world]
        _remember(world, item, clicked, satisfaction, items, state, out)
        _lay_out_page(world, items, state, out)


@kernel
def reset_sessions(
    begin: int,
    end: int,
    chosen: NDArray[np.bool_],
    seeds: NDArray[np.uint64],
    scenario_seeds: NDArray[np.uint64],
    taste_mean: NDArray[np.float64],
    items: Items,
    users: Users,
    state: State,
    out: Output,
) -> None:
    """Start new sessions in the chosen worlds of ``[begin, end)``.

    The scenario decides the user, what they say of themselves and the first page; the episode's seed
    decides all that follows.

    Args:
        begin: First world.
        end: One past the last world.
        chosen: Worlds to reset, shape (worlds,).
        seeds: Seed of each episode, shape (worlds,).
        scenario_seeds: Seed of each scenario, shape (worlds,).
        taste_mean: Mean taste of the population, shape (traits,).
        items: The catalogue.
        users: The user model.
        state: Written.
        out: Written.
    """
    for world in range(begin, end):
        if not chosen[world]:
            continue
        state.layout[world] = derive(scenario_seeds[world], 0)
        draw_taste(state.taste, state.layout, world, taste_mean)
        draw_profile(out.user, state.taste, state.layout, world, users.profile_noise)
        state.exposure[world] = 0.0
        state.bored[world] = 0
        state.mood[world] = INITIAL_MOOD
        state.history[world] = -1
        state.steps[world] = 0
        state.total[world] = 0.0
        state.last_choice[world] = -1
        out.history_attributes[world] = 0.0
        out.history_feedback[world] = 0.0
        out.rewards[world] = 0.0
        out.terminated[world] = False
        out.clicked[world] = False
        out.dwell[world] = 0.0
        out.satisfaction[world] = 0.0
        out.leaving[world] = 0.0
        out.mood[world] = INITIAL_MOOD
        out.bored[world] = 0
        out.item[world] = -1
        out.success[world] = users.content_mood <= INITIAL_MOOD
        _lay_out_page(world, items, state, out)
        state.last_page[world] = state.candidates[world]
        state.behaviour[world] = derive(seeds[world], 0)
        state.layout[world] = derive(seeds[world], 1)


@device_function
def _remember(
    world: int, item: int, clicked: bool, satisfaction: float, items: Items, state: State, out: Output
) -> None:
    """Append an event to the history, dropping the oldest."""
    length = state.history.shape[1]
    for k in range(length - 1):
        state.history[world, k] = state.history[world, k + 1]
        for f in range(out.history_feedback.shape[2]):
            out.history_feedback[world, k, f] = out.history_feedback[world, k + 1, f]
        for a in range(out.history_attributes.shape[2]):
            out.history_attributes[world, k, a] = out.history_attributes[world, k + 1, a]
    state.history[world, length - 1] = item
    out.history_feedback[world, length - 1, 0] = 1.0
    out.history_feedback[world, length - 1, 1] = 1.0 if clicked else 0.0
    out.history_feedback[world, length - 1, 2] = satisfaction
    for a in range(out.history_attributes.shape[2]):
        out.history_attributes[world, length - 1, a] = items.attributes[item, a]


@device_function
def _lay_out_page(world: int, items: Items, state: State, out: Output) -> None:
    """Draw different items uniformly, in random order, and show them to the agent."""
    candidates = state.candidates
    for c in range(candidates.shape[1]):
        fresh = False
        while not fresh:
            item = integer_below(state.layout, world, items.department.shape[0])
            fresh = True
            for earlier in range(c):
                if candidates[world, earlier] == item:
                    fresh = False
        candidates[world, c] = item
        for d in range(out.text.shape[2]):
            out.text[world, c, d] = items.text[item, d]
        for a in range(out.attributes.shape[2]):
            out.attributes[world, c, a] = items.attributes[item, a]
    if out.image.shape[2] > 0:
        rows, words = items.pictures.shape[1], items.pictures.shape[2]
        columns = out.image.shape[2] // words
        for c in range(candidates.shape[1]):
            item, top, left = candidates[world, c], c // columns * rows, c % columns * words
            for row in range(rows):
                for word in range(words):
                    out.image[world, top + row, left + word] = items.pictures[item, row, word]
