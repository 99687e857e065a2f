"""Users whose every parameter is known, in a few lines of NumPy, for the tests of this folder."""

from dataclasses import dataclass

import numpy as np
from small_catalogue import small_catalogue

from mmenvs.recommender.data.logs import Logs


@dataclass(frozen=True)
class Truth:
    """What the synthetic users are; see ``mmenvs.recommender.data.calibration.PARAMETERS`` for the names."""

    users: int = 250
    items: int = 80
    sessions: int = 4
    steps: int = 40
    slate: int = 3
    factors: int = 3
    score_spread: float = 1.5
    shown_share: float = 0.8
    no_click_score: float = 1.0
    position_decay: float = 0.7
    boredom_penalty: float = 0.0
    boredom_steps: int = 5
    skip_dwell: float = 2.0
    skip_slope: float = 1.5
    dwell_limit: float = 60.0
    dwell_spread: float = 0.5
    mood_rate: float = 0.15
    leave_bias: float = -5.0
    leave_mood_weight: float = 6.0
    rating_mean: float = 3.0
    rating_scale: float = 0.7
    rating_noise: float = 0.5
    choice: str = "multinomial"


def logistic(x):
    return 1.0 / (1.0 + np.exp(-x))


def scores_of(truth, rng):
    """Draw users and items; returns scores of shape (users, items), features, and categories."""
    features = rng.normal(size=(truth.items, truth.factors + 2))
    shown = features[:, : truth.factors]
    hidden = rng.normal(size=shown.shape)
    traits = np.sqrt(truth.shown_share) * shown + np.sqrt(1.0 - truth.shown_share) * hidden
    tastes = rng.normal(size=(truth.users, truth.factors))
    scores = truth.score_spread * tastes @ traits.T / np.sqrt(truth.factors)
    return scores - scores.mean(), features, rng.integers(0, 6, truth.items)


def simulate(truth, seed=0):
    """Let the users walk past random slates; returns logs, a catalogue and scores."""
    rng = np.random.default_rng(seed)
    scores, features, category = scores_of(truth, rng)
    worlds = truth.users * truth.sessions
    user = np.tile(np.arange(truth.users), truth.sessions)
    mood, alive = np.full(worlds, 0.5), np.ones(worlds, bool)
    recent = np.zeros((truth.boredom_steps, worlds, 6))
    names = ("user", "item", "session", "step", "position", "click", "dwell", "rating", "propensity", "left")
    rows = {name: [] for name in names}
    for step in range(truth.steps):
        item = np.argsort(rng.random((worlds, truth.items)), axis=1)[:, : truth.slate]
        counts = recent.sum(axis=0)[np.arange(worlds)[:, None], category[item]]
        v = scores[user[:, None], item] - truth.boredom_penalty * counts
        place = np.arange(truth.slate)
        if truth.choice == "multinomial":
            weight = np.exp(v) * truth.position_decay**place
            edges = np.cumsum(weight / (np.exp(truth.no_click_score) + weight.sum(1))[:, None], axis=1)
            chosen = (rng.random(worlds)[:, None] > edges).sum(axis=1)
            clicked = chosen[:, None] == place
        else:
            examined = truth.position_decay**place
            clicked = rng.random(v.shape) < examined * logistic(v - truth.no_click_score)
        margin = v - truth.no_click_score
        stay = truth.skip_dwell + (truth.dwell_limit - truth.skip_dwell) * logistic(margin)
        skips = rng.random(v.shape) < logistic(-truth.skip_slope * margin)
        dwell = np.where(
            skips,
            rng.exponential(truth.skip_dwell, v.shape),
            stay * np.exp(truth.dwell_spread * rng.normal(size=v.shape)),
        )
        dwell = np.where(clicked, np.minimum(dwell, truth.dwell_limit), np.nan)
        rating = truth.rating_mean + truth.rating_scale * v + truth.rating_noise * rng.normal(size=v.shape)
        gave = np.minimum(np.nansum(dwell, axis=1) / truth.dwell_limit, 1.0)
        mood = mood + truth.mood_rate * (gave - mood)
        left = rng.random(worlds) < logistic(truth.leave_bias + truth.leave_mood_weight * (0.5 - mood))
        recent[step % truth.boredom_steps] = 0.0
        for k in range(truth.slate):
            np.add.at(
                recent[step % truth.boredom_steps], (np.arange(worlds), category[item[:, k]]), clicked[:, k]
            )
        shape, on = v.shape, alive
        columns = (
            np.broadcast_to(user[:, None], shape), item, np.broadcast_to(np.arange(worlds)[:, None], shape),
            np.full(shape, step), np.broadcast_to(place, shape), clicked, dwell,
            np.where(clicked, rating, np.nan), np.full(shape, 1.0 / truth.items),
            np.broadcast_to(left[:, None], shape),
        )  # fmt: skip
        for name, values in zip(names, columns, strict=True):
            rows[name].append(values[on].reshape(-1))
        alive = alive & ~left
    table = {name: np.concatenate(parts) for name, parts in rows.items()}
    table["item"] = [f"item{code}" for code in table["item"]]
    catalogue = small_catalogue(features, category)
    return Logs.from_table(**table), catalogue, scores
