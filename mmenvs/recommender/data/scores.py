"""How much each user likes each item, from ratings, from clicks, or from interactions alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.data.choice import (
    Examination,
    examination_by_regression,
    examination_from_propensities,
)
from mmenvs.recommender.data.factorization import (
    CHOICES,
    EXAMINED,
    PLACED,
    SQUARES,
    Factors,
    Observations,
    canonical,
    choose_precision,
    fit_factors,
    fit_with_features,
)
from mmenvs.recommender.data.logs import Logs
from mmenvs.recommender.data.regression import fit_ridge

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: What scores are fitted to: clicks beside items that were passed over; ratings; clicks beside random items.
SOURCES = ("clicks", "ratings", "interactions")

_NEGATIVES = 4  # random items beside each interaction


class Settings(NamedTuple):
    """How scores are fitted; see :func:`~mmenvs.recommender.data.calibration.calibrate`."""

    factors: int
    precision: float | None
    seed: int
    epochs: int
    folds: int


class Scores(NamedTuple):
    """Fitted scores of a log whose rows stand slate after slate.

    Attributes:
        source: One of :data:`SOURCES`.
        choice: ``"multinomial"`` or ``"position"``, whichever model of clicks was used.
        factors: Fitted on the training rows, in canonical position; their intercept is taken out of ``score``
            (clicks, interactions) or is 0 (ratings).
        score: Of each row, shape (rows,); of training rows in the log from fits that did not see them, if
            the source is clicks.
        trained: Rows used for fitting, bool of shape (rows,).
        unit: Mean and standard deviation of the training ratings; (0, 1) for logits.
        precision: Of the prior on factors.
        r_squared: How much of each factor, and of the item bias (last), features explain out of sample; shape
            (factors + 1,).
        examination: Of the positions, if it was fitted before the scores: by the position-based model, and
            where known propensities differ.
        negatives: Users and random items, for held-out rows of interactions; each of shape (negatives,).
    """

    source: str
    choice: str
    factors: Factors
    score: Floats
    trained: NDArray[np.bool_]
    unit: tuple[float, float]
    precision: float
    r_squared: Floats
    examination: Examination | None
    negatives: tuple[Integers, Integers]


def fit_scores(logs: Logs, held_out: NDArray[np.bool_], features: Floats, settings: Settings) -> Scores:
    """Fit scores to whatever the log tells.

    Args:
        logs: Slate after slate, their items rows of ``features``.
        held_out: Rows not to be fitted, whole slates, shape (rows,).
        features: What is known of each item, shape (items, features).
        settings: How.

    Raises:
        ValueError: If there is nothing to fit.
    """
    starts = logs.slates.starts
    if logs.clicked.any() and not logs.clicked.all():
        return _from_clicks(logs, held_out, features, settings, starts)
    if (~np.isnan(logs.rating) & ~held_out).sum() >= 2:
        return _from_ratings(logs, held_out, features, settings)
    if not logs.clicked.any():
        raise ValueError(
            "logs must hold clicks, ratings, or interactions, but hold impressions without clicks only"
        )
    return _from_interactions(logs, held_out, features, settings)


def _from_ratings(logs: Logs, held_out: NDArray[np.bool_], features: Floats, settings: Settings) -> Scores:
    trained = ~np.isnan(logs.rating) & ~held_out
    mean, spread = float(logs.rating[trained].mean()), float(logs.rating[trained].std())
    spread = spread if spread > 0.0 else 1.0
    rows = single(logs.user[trained], logs.item[trained], (logs.rating[trained] - mean) / spread)
    factors, precision, r_squared = _fit(rows, len(logs.user_ids), features, SQUARES, settings)
    # The intercept becomes part of the score, whose unit is then simply that of standardised ratings.
    factors = factors._replace(
        item_bias=factors.item_bias + factors.common[0], common=np.zeros_like(factors.common)
    )
    score = factors.logits(logs.user, logs.item)
    none = np.zeros(0, np.int64)
    return Scores(
        "ratings",
        "multinomial",
        factors,
        score,
        trained,
        (mean, spread),
        precision,
        r_squared,
        None,
        (none, none),
    )


def _from_interactions(
    logs: Logs, held_out: NDArray[np.bool_], features: Floats, settings: Settings
) -> Scores:
    rng = np.random.default_rng(settings.seed)
    random = rng.integers(0, len(features), (len(logs), _NEGATIVES))
    trained = ~held_out
    user = np.concatenate([logs.user[trained], np.repeat(logs.user[trained], _NEGATIVES)])
    item = np.concatenate([logs.item[trained], random[trained].reshape(-1)])
    target = np.repeat([1.0, 0.0], [int(trained.sum()), int(trained.sum()) * _NEGATIVES])
    factors, precision, r_squared = _fit(
        single(user, item, target), len(logs.user_ids), features, CHOICES, settings
    )
    factors, score = _centred(factors, factors.logits(logs.user, logs.item), user, item)
    negatives = np.repeat(logs.user[held_out], _NEGATIVES), random[held_out].reshape(-1)
    return Scores(
        "interactions",
        "multinomial",
        factors,
        score,
        trained,
        (0.0, 1.0),
        precision,
        r_squared,
        None,
        negatives,
    )


def _from_clicks(
    logs: Logs, held_out: NDArray[np.bool_], features: Floats, settings: Settings, starts: Integers
) -> Scores:
    users, trained = len(logs.user_ids), ~held_out
    clicks = np.add.reduceat(logs.clicked.astype(np.int64), starts[:-1])
    # One click a slate is what the multinomial logit allows; more than a few others are not its slips.
    multinomial = (clicks > 1).mean() <= 0.01
    rows = Observations(
        logs.user, logs.item, logs.position.astype(np.float64), logs.clicked.astype(np.float64), starts
    )
    kept = np.flatnonzero(trained[starts[:-1]])
    link, examination = CHOICES, None
    propensity = logs.propensity[trained]
    if multinomial and not np.isnan(propensity).any() and propensity.std() > 1e-6 * propensity.mean():
        # A policy with preferences: its propensities tell places from tastes, which clicks alone cannot.
        link = PLACED
        examination = examination_from_propensities(logs.position[trained], logs.clicked[trained], propensity)
        rows = rows._replace(position=rows.position * examination.log_decay)
    elif not multinomial:
        link = EXAMINED
        examination = _examination(logs, rows, trained, kept, users, len(features), settings)
        place = np.arange(len(examination.by_position))
        known = np.where(np.isnan(examination.by_position), 0.0, examination.by_position)
        log_examined = np.where(known > 0.0, np.log(np.maximum(known, 1e-12)), place * examination.log_decay)
        rows = single(logs.user, logs.item, rows.target, np.minimum(log_examined, 0.0)[logs.position])
        kept = np.flatnonzero(trained)
    factors, precision, r_squared = _fit(rows.slates(kept), users, features, link, settings)
    logit = factors.logits(logs.user, logs.item)
    fold = np.random.default_rng(settings.seed).permutation(len(kept)) % settings.folds
    for part in range(settings.folds):
        others, own = rows.slates(kept[fold != part]), kept[fold == part]
        partial, _ = fit_with_features(
            others, users, features, settings.factors, link, precision, settings.seed, settings.epochs
        )
        sizes = np.diff(rows.starts)[own]
        mine = np.repeat(rows.starts[own], sizes) + _within(sizes)
        logit[mine] = partial.logits(logs.user[mine], logs.item[mine])
    factors, score = _centred(factors, logit, logs.user[trained], logs.item[trained])
    choice = "multinomial" if multinomial else "position"
    none = np.zeros(0, np.int64)
    return Scores(
        "clicks", choice, factors, score, trained, (0.0, 1.0), precision, r_squared, examination, (none, none)
    )


def _examination(
    logs: Logs, rows: Observations, trained: NDArray[np.bool_], kept: Integers, users: int, items: int,
    settings: Settings,
) -> Examination:  # fmt: skip
    position, clicked = logs.position[trained], logs.clicked[trained]
    if not np.isnan(logs.propensity[trained]).any():
        return examination_from_propensities(position, clicked, logs.propensity[trained])
    precision = settings.precision or 5.0  # a first look, whose scale regression-EM sets anyway
    first = fit_factors(
        rows.slates(kept), users, items, settings.factors, CHOICES, precision, settings.seed, settings.epochs
    )
    logit = first.logits(logs.user[trained], logs.item[trained])
    return examination_by_regression(position, clicked, np.stack([np.ones_like(logit), logit], axis=1))


def _fit(
    rows: Observations, users: int, features: Floats, link: int, settings: Settings
) -> tuple[Factors, float, Floats]:
    """Return canonical factors, their precision, and the features' share in the items'."""
    precision = settings.precision
    if precision is None:
        precision = choose_precision(
            rows, users, len(features), settings.factors, link, settings.seed, settings.epochs
        )
    factors, _ = fit_with_features(
        rows, users, features, settings.factors, link, precision, settings.seed, settings.epochs
    )
    factors = canonical(factors)
    count = np.bincount(rows.item, minlength=len(features)).astype(np.float64)
    seen = count > 0
    targets = np.concatenate([factors.traits, factors.item_bias[:, None]], axis=1)[seen]
    ridge = fit_ridge(features[seen], targets, count[seen] / (count[seen] + precision))
    return factors, precision, ridge.r_squared


def _centred(factors: Factors, logit: Floats, user: Integers, item: Integers) -> tuple[Factors, Floats]:
    """Give scores the mean 0 over the given pairs; what they lose becomes the intercept."""
    mean = float(factors.logits(user, item).mean())
    moved = factors._replace(
        item_bias=factors.item_bias + factors.common[0] - mean,
        common=np.array([mean, factors.common[1]]),
    )
    return moved, logit - mean


def single(user: Integers, item: Integers, target: Floats, position: Floats | None = None) -> Observations:
    """Make each row a slate of its own."""
    place = np.zeros(len(user)) if position is None else position
    return Observations(user, item, place, target, np.arange(len(user) + 1, dtype=np.int64))


def _within(sizes: Integers) -> Integers:
    """Return 0, 1, ... for each group of the given sizes, one after the other."""
    ends = np.cumsum(sizes)
    return np.asarray(np.arange(int(sizes.sum())) - np.repeat(ends - sizes, sizes))
