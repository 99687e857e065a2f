"""One user's session, step by step: the kernels that advance it.

A step, in this order:

1. the items of the slate are scored: taste, less boredom with their category;
2. the user clicks some of them or none, going by what they promise
   (:mod:`~mmenvs.recommender.users.choice`);
3. a click lasts for some time (:mod:`~mmenvs.recommender.users.dwell`), may be rated
   (:mod:`~mmenvs.recommender.users.rating`) and costs budget (:mod:`~mmenvs.recommender.users.budget`), all
   by what the item is truly worth; the share of the item that was seen is its satisfaction;
4. boredom (:mod:`~mmenvs.recommender.users.boredom`), tastes (:mod:`~mmenvs.recommender.users.drift`) and
   mood (:mod:`~mmenvs.recommender.users.mood`) follow;
5. the user may leave, and may come back on another day (:mod:`~mmenvs.recommender.users.leaving`), or
   browse by themselves (:mod:`~mmenvs.recommender.users.organic`);
6. the events enter the history and the next page is laid out.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import inlined_function, inner_function, kernel
from mmenvs.core.random import derive, integer_below, uniform
from mmenvs.recommender.arrays import Items, Output, Record, Records, State
from mmenvs.recommender.showing import (
    clear_history,
    copy_row,
    is_on_sale,
    lay_out_page,
    make_room,
    write_event,
)
from mmenvs.recommender.slates import EMPTY, is_on_slate
from mmenvs.recommender.users.boredom import (
    boredom_penalty,
    count_click,
    count_window,
    fade,
    grow_bored,
    tell_exposure,
)
from mmenvs.recommender.users.budget import spend
from mmenvs.recommender.users.choice import NOTHING, click_chances, crowding, draw_clicks, logistic
from mmenvs.recommender.users.drift import ATTRACT, attract, reinforce, walk
from mmenvs.recommender.users.dwell import draw_dwell
from mmenvs.recommender.users.leaving import draw_absence, leave_probability
from mmenvs.recommender.users.mood import AVERAGE, INITIAL_MOOD, first_mood, next_level, next_mood
from mmenvs.recommender.users.organic import BROWSING, GONE, OPEN_TO_OFFERS, draw_view, next_phase
from mmenvs.recommender.users.rating import MOST_STARS, draw_rating
from mmenvs.recommender.users.taste import (
    draw_profile,
    draw_taste,
    follow_taste,
    set_date,
    set_season,
    utility,
)

SATISFACTION, CLICKS, DWELL, RATING = range(4)


@kernel
def step_sessions(
    begin: int,
    end: int,
    active: NDArray[np.bool_],
    items: Items,
    users: Records,
    rules: Records,
    state: State,
    out: Output,
) -> None:
    """Show its slate to the user of each active world of ``[begin, end)``.

    Args:
        begin: First world.
        end: One past the last world.
        active: Worlds to advance, shape (worlds,).
        items: The catalogue.
        users: The user model.
        rules: The shop's rules.
        state: Read and written.
        out: Written.
    """
    for world in range(begin, end):
        if active[world]:
            _step_session(world, items, users[0], rules[0], state, out)


@kernel
def reset_sessions(
    begin: int,
    end: int,
    chosen: NDArray[np.bool_],
    seeds: NDArray[np.uint64],
    scenario_seeds: NDArray[np.uint64],
    items: Items,
    users: Records,
    rules: Records,
    state: State,
    out: Output,
) -> None:
    """Start new episodes in the chosen worlds of ``[begin, end)``.

    The scenario decides the user, what they say of themselves, the day and the first page; the episode's
    seed decides all that follows.

    Args:
        begin: First world.
        end: One past the last world.
        chosen: Worlds to reset, shape (worlds,).
        seeds: Seed of each episode, shape (worlds,).
        scenario_seeds: Seed of each scenario, shape (worlds,).
        items: The catalogue.
        users: The user model.
        rules: The shop's rules.
        state: Written.
        out: Written.
    """
    for world in range(begin, end):
        if chosen[world]:
            _reset_session(world, seeds[world], scenario_seeds[world], items, users[0], rules[0], state, out)


@inner_function
def _step_session(world: int, items: Items, users: Record, rules: Record, state: State, out: Output) -> None:
    session, report = state.sessions[world], out.reports[world]
    _show_slate(world, items, users, rules, state, out)
    _decide_to_stay(world, items, users, state, out)
    session.steps += 1

    report.engagement = _engagement(rules, report)
    report.reward = report.engagement + report.leaving + report.absence
    report.mood = session.mood
    report.day = session.day
    report.session = session.number
    report.success = not report.terminated and session.mood >= rules.content_mood
    session.total += report.reward
    _tell(world, users, state, out)
    copy_row(state.last_page, state.candidates, world)
    lay_out_page(world, items, rules, state, out)


@inner_function
def _reset_session(
    world: int,
    seed: int,
    scenario_seed: int,
    items: Items,
    users: Record,
    rules: Record,
    state: State,
    out: Output,
) -> None:
    session, report = state.sessions[world], out.reports[world]
    state.layout[world] = derive(scenario_seed, 0)
    population = users.population
    session.type = draw_taste(population, state.taste, state.layout, world, items.table, rules.parity)
    session.day = float(int(uniform(state.layout, world) * population.period))
    session.first_day = session.day
    set_season(population, state.taste, world, session.day)
    draw_profile(population, out.user, state.taste, state.layout, world, session.day)
    first_mood(users.mood, session, state.layout, world)
    _start_session(world, users, state)
    report.mood = session.mood
    report.day = session.day
    report.success = session.mood >= rules.content_mood
    if users.organic.on:
        _browse_first(world, items, users, state, out)
    if rules.greeting:
        _greet(world, items, users, rules, state, out)
    _tell(world, users, state, out)
    lay_out_page(world, items, rules, state, out)
    copy_row(state.last_page, state.candidates, world)
    state.behaviour[world] = derive(seed, 0)
    state.layout[world] = derive(seed, 1)


@inner_function
def _show_slate(world: int, items: Items, users: Record, rules: Record, state: State, out: Output) -> None:
    """Let the user click, look, change and be remembered."""
    report = out.reports[world]
    score_slate(world, items, users, state)
    report.clicks = draw_clicks(users.choice, state.slate, world, state.behaviour, world)
    report.clicked = report.clicks > 0
    fade(users.boredom, state.exposure, world)
    _consume(world, items, users, state, report)
    _change_user(world, users, rules, state, report)
    _remember_slate(world, users, items, state, out)


@inlined_function
def _greet(world: int, items: Items, users: Record, rules: Record, state: State, out: Output) -> None:
    """Show a random slate before the first action, so that it is acted on with a history."""
    session, report = state.sessions[world], out.reports[world]
    state.behaviour[world] = state.layout[world]
    session.steps = -1
    for k in range(state.slate.shape[1]):
        item = integer_below(state.behaviour, world, items.facts.shape[0])
        while is_on_slate(world, k, item, state) or not is_on_sale(item, session.day, items, rules):
            item = integer_below(state.behaviour, world, items.facts.shape[0])
        state.slate[world, k].item = item
    _show_slate(world, items, users, rules, state, out)
    # It belongs to no step: only the history and the user keep it.
    session.steps = 0
    for k in range(state.slate.shape[1]):
        state.slate[world, k].item = EMPTY
        state.slate[world, k].clicked = False
    report.item = EMPTY
    report.clicks = 0
    report.clicked = False
    report.dwell = 0.0
    report.rating = 0.0
    report.satisfaction = 0.0
    report.mood = session.mood
    state.layout[world] = state.behaviour[world]


@inner_function
def true_score(world: int, item: int, items: Items, users: Record, state: State) -> float:
    """Return what an item is worth to a user now: taste and bias, less boredom [logit]."""
    fact = items.facts[item]
    score = utility(state.taste, world, items.traits, item) + fact.bias
    return float(score) - boredom_penalty(users.boredom, state.bored, world, fact.category)


@inlined_function
def score_slate(world: int, items: Items, users: Record, state: State) -> None:
    """Write the true scores, the promises and the click probabilities of a slate."""
    slate, most = state.slate, 0
    for k in range(slate.shape[1]):
        place = slate[world, k]
        if place.item == EMPTY:
            place.score = NOTHING
            place.promise = NOTHING
            continue
        place.score = true_score(world, place.item, items, users, state)
        place.promise = place.score + users.gullibility * items.facts[place.item].bait
        if users.choice.crowd > 0:
            same = 0
            for j in range(slate.shape[1]):
                other = slate[world, j].item
                if other != EMPTY and items.facts[other].category == items.facts[place.item].category:
                    same += 1
            most = max(most, same)
    click_chances(users.choice, slate, world, crowding(users.choice, most))


@inlined_function
def _consume(world: int, items: Items, users: Record, state: State, report: Record) -> None:
    """Let the user look at what was clicked, from the top down."""
    session = state.sessions[world]
    report.dwell = 0.0
    report.rating = 0.0
    report.item = state.slate[world, 0].item
    satisfaction, size, seen = 0.0, users.population.size, 0
    for f in range(size):
        state.pull[world, f] = 0.0
    for k in range(state.slate.shape[1]):
        place = state.slate[world, k]
        place.dwell = 0.0
        place.stars = 0.0
        if not place.clicked:
            continue
        fact = items.facts[place.item]
        dwell = draw_dwell(
            users.dwell, state.behaviour, world, place.score, fact.bait, session.mood, session.budget
        )
        place.dwell = dwell
        place.stars = draw_rating(users.rating, place.score, state.behaviour, world)
        report.dwell += dwell
        satisfaction += min(dwell / users.dwell.limit, 1.0)
        if place.stars > 0.0:
            report.rating = place.stars
        if seen == 0:
            report.item = place.item
        seen += 1
        session.budget = spend(users.budget, session.budget, dwell, fact.quality)
        count_click(users.boredom, state.clicks, state.exposure, world, fact.category, session.steps)
        reinforce(users.drift, state.taste, items.traits, place.item, size, state.behaviour, world)
        for f in range(size):
            state.pull[world, f] += items.traits[place.item, f]
        if users.mood.kind != AVERAGE:
            session.level = next_level(users.mood, session.level, fact.bait, state.behaviour, world)
            session.mood = logistic(users.mood.sensitivity * session.level)
    report.satisfaction = min(satisfaction, 1.0)


@inlined_function
def _change_user(world: int, users: Record, rules: Record, state: State, report: Record) -> None:
    """Let the step change the user's budget, tastes, boredom and mood."""
    session, size, clicks = state.sessions[world], users.population.size, report.clicks
    if users.budget.on and clicks == 0:
        session.budget -= users.budget.idle
    if users.drift.kind == ATTRACT and clicks > 0:
        attract(users.drift, state.taste, state.pull, clicks * rules.longest, size, world)
    if not users.organic.on:
        walk(users.drift, state.taste, size, state.behaviour, world)
    count_window(users.boredom, state.clicks, state.exposure, world, session.steps)
    report.bored = grow_bored(users.boredom, state.exposure, state.bored, world)
    if users.mood.kind == AVERAGE:
        session.mood = next_mood(session.mood, report.satisfaction, users.mood.rate)


@inlined_function
def _engagement(rules: Record, report: Record) -> float:
    """Return the reward's main term."""
    if rules.reward == SATISFACTION:
        return float(report.satisfaction)
    if rules.reward == CLICKS:
        return float(report.clicks)
    if rules.reward == DWELL:
        return float(report.dwell)
    return float(report.rating) / MOST_STARS


@inlined_function
def _decide_to_stay(world: int, items: Items, users: Record, state: State, out: Output) -> None:
    """End the session or the episode where the user's laws say so."""
    session, report = state.sessions[world], out.reports[world]
    report.leaving = 0.0
    report.absence = 0.0
    left = users.budget.on and session.budget <= 0.0
    if users.leaving.on and uniform(state.behaviour, world) < leave_probability(
        users.leaving, session.mood, report.bored
    ):
        report.leaving = -users.leaving.penalty
        left = True
    if users.organic.on and not left:
        phase = next_phase(users.organic, OPEN_TO_OFFERS, state.behaviour, world)
        if phase == BROWSING:
            walk(users.drift, state.taste, users.population.size, state.behaviour, world)
        session.phase = BROWSING if report.clicked else phase
        _browse(world, items, users, state, out)
        left = session.phase == GONE
    if left and users.returning.on:
        left = not _come_back(world, users, state, out)
    report.terminated = left


@inlined_function
def _come_back(world: int, users: Record, state: State, out: Output) -> bool:
    """Let who has left return on another day; say whether that day is still of this episode."""
    session, report = state.sessions[world], out.reports[world]
    absence = draw_absence(users.returning, session.mood, state.behaviour, world)
    report.absence = -users.returning.penalty * absence
    session.day += absence
    if session.day - session.first_day >= users.returning.horizon:
        return False
    session.number += 1
    _start_session(world, users, state)
    report.bored = 0
    if users.mood.kind == AVERAGE:
        # A new visit begins half-way between how the last one ended and no opinion.
        session.mood = 0.5 * (session.mood + INITIAL_MOOD)
    set_season(users.population, state.taste, world, session.day)
    set_date(users.population, out.user, world, session.day)
    return True


@inlined_function
def _start_session(world: int, users: Record, state: State) -> None:
    """Forget what belongs to one session: boredom and the budget spent."""
    session = state.sessions[world]
    session.budget = users.budget.start
    session.phase = OPEN_TO_OFFERS
    for c in range(state.exposure.shape[1]):
        state.exposure[world, c] = 0.0
        state.bored[world, c] = 0
    for k in range(state.clicks.shape[1]):
        state.clicks[world, k].category = EMPTY


@inlined_function
def _browse_first(world: int, items: Items, users: Record, state: State, out: Output) -> None:
    """Let a new user browse until the first offer; whoever would leave before it never came."""
    session = state.sessions[world]
    state.behaviour[world] = state.layout[world]
    session.phase = GONE
    while session.phase == GONE:
        clear_history(world, state, out)
        session.phase = BROWSING
        _browse(world, items, users, state, out)
    state.layout[world] = state.behaviour[world]


@inlined_function
def _browse(world: int, items: Items, users: Record, state: State, out: Output) -> None:
    """Let the user view items until they are open to offers again, or gone."""
    session = state.sessions[world]
    while session.phase == BROWSING:
        item = draw_view(state.taste, items.traits, items.facts, state.behaviour, world)
        make_room(world, 1, state, out)
        write_event(world, state.history.shape[1] - 1, item, False, 0.0, 0.0, True, items, state, out)
        session.phase = next_phase(users.organic, BROWSING, state.behaviour, world)
        if session.phase == BROWSING:
            walk(users.drift, state.taste, users.population.size, state.behaviour, world)


@inlined_function
def _remember_slate(world: int, users: Record, items: Items, state: State, out: Output) -> None:
    """Append what was shown to the history; of a slate that is longer than it, the top."""
    length, shown = state.history.shape[1], 0
    for k in range(state.slate.shape[1]):
        if state.slate[world, k].item != EMPTY:
            shown += 1
    shown = min(shown, length)
    make_room(world, shown, state, out)
    event = length - shown
    for k in range(state.slate.shape[1]):
        place = state.slate[world, k]
        if place.item != EMPTY and event < length:
            share, stars = min(place.dwell / users.dwell.limit, 1.0), place.stars / MOST_STARS
            write_event(world, event, place.item, place.clicked, share, stars, False, items, state, out)
            event += 1


@inlined_function
def _tell(world: int, users: Record, state: State, out: Output) -> None:
    """Write what agents see of the user: a live profile, and the clicks that count towards boredom."""
    follow_taste(users.population, out.user, state.taste, world)
    tell_exposure(users.boredom, state.exposure, out.recent, world)
