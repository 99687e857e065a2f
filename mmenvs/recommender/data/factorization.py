"""Who likes what: matrix factorisation of ratings and of choices, with traits drawn towards what items show.

A score is ``intercept + user_bias + item_bias + taste . trait``.  Ratings are fitted by least squares (Koren,
Bell & Volinsky, "Matrix factorization techniques", IEEE Computer 2009); choices by the likelihood of the
multinomial logit over a slate and nothing, which for a slate of one item is logistic matrix factorisation
(Johnson, NIPS workshop 2014).  Every user and item has one normal prior, whatever the number of rows, so that
shrinkage vanishes where there are data.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import fast_function
from mmenvs.recommender.data.regression import Ridge, fit_ridge, logistic

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: What a target is: a standardised rating; a click on a slate under the multinomial logit; a click under the
#: position-based model, whose logarithm of examination stands in ``Observations.position``; a click on a
#: slate again, but there stands the known effect of the position on the logit.
SQUARES, CHOICES, EXAMINED, PLACED = 0, 1, 2, 3

#: Precisions of the factors' prior that :func:`choose_precision` tries, in units of the score's noise.
PRECISIONS = (0.7, 2.0, 5.0, 9.0, 14.0, 22.0)

_BIAS_PRECISION = 3.0
_START = 0.1  # standard deviation of the factors before the first pass
# A logit's curvature is at most a quarter of a square's.
_RATES = {SQUARES: 0.02, CHOICES: 0.08, EXAMINED: 0.08, PLACED: 0.08}


class Observations(NamedTuple):
    """Rows of a log to be fitted, slate after slate.

    Attributes:
        user: Shape (rows,).
        item: Shape (rows,).
        position: Place on the slate, as a number, or its known effect (see the links); shape (rows,).
        target: Standardised rating, or 1 for a click and 0 for none; shape (rows,).
        starts: Where each slate begins, and the number of rows; shape (slates + 1,).
    """

    user: Integers
    item: Integers
    position: Floats
    target: Floats
    starts: Integers

    def slates(self, chosen: Integers) -> Observations:
        """Return the chosen slates (indices)."""
        sizes = np.diff(self.starts)[chosen]
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        rows = np.repeat(self.starts[chosen] - starts[:-1], sizes) + np.arange(starts[-1])
        return Observations(self.user[rows], self.item[rows], self.position[rows], self.target[rows], starts)


class Factors(NamedTuple):
    """A factorisation.

    Attributes:
        tastes: Shape (users, factors).
        traits: Shape (items, factors).
        user_bias: Shape (users,).
        item_bias: Shape (items,).
        common: Intercept, and what each further position adds to a choice's logit; shape (2,).
    """

    tastes: Floats
    traits: Floats
    user_bias: Floats
    item_bias: Floats
    common: Floats

    def logits(self, user: Integers, item: Integers) -> Floats:
        """Return scores with the intercept and without positions, shape of ``user`` and ``item``."""
        own = np.einsum("...f,...f->...", self.tastes[user], self.traits[item])
        return np.asarray(own + self.user_bias[user] + self.item_bias[item] + self.common[0])


def fit_with_features(
    rows: Observations, users: int, features: Floats, factors: int, link: int, precision: float, seed: int,
    epochs: int,
) -> tuple[Factors, Ridge]:  # fmt: skip
    """Fit factors, regress the items' on what they show, and fit again around that.

    Items that the log never shows get what their features predict; the others get prediction plus residual.

    Args:
        rows: What to fit.
        users: Number of users.
        features: What is known of each item, shape (items, features).
        factors: Number of factors.
        link: :data:`SQUARES`, :data:`CHOICES`, :data:`EXAMINED` or :data:`PLACED`.
        precision: Of the prior on factors, above 0.
        seed: Of the start and of the order of rows.
        epochs: Passes over the rows.

    Returns:
        The factors, and the regression of traits and (its last target) item biases on features.
    """
    items = len(features)
    count = np.bincount(rows.item, minlength=items).astype(np.float64)
    seen = count > 0
    first = fit_factors(rows, users, items, factors, link, precision, seed, epochs)
    targets = np.concatenate([first.traits, first.item_bias[:, None]], axis=1)
    # An item seen n times carries about n / (n + precision) of what it could tell.
    ridge = fit_ridge(features[seen], targets[seen], count[seen] / (count[seen] + precision))
    expected = ridge.predict(features)
    start = first._replace(
        traits=np.where(seen[:, None], first.traits, expected[:, :-1]),
        item_bias=np.where(seen, first.item_bias, expected[:, -1]),
    )
    around = (np.ascontiguousarray(expected[:, :-1]), np.ascontiguousarray(expected[:, -1]))
    final = fit_factors(rows, users, items, factors, link, precision, seed, epochs, start, around)
    return final, ridge


def canonical(fit: Factors) -> Factors:
    """Turn factors so that tastes have unit second moments and no correlation, the strongest factor first.

    Scores stay the same.  The package's users have tastes of unit variance too.

    Returns:
        The factors, as many as there are, at most the number of users and of items.
    """
    users = len(fit.tastes)
    taste_axes, taste_scale = np.linalg.qr(fit.tastes)
    trait_axes, trait_scale = np.linalg.qr(fit.traits)
    left, strength, right = np.linalg.svd(taste_scale @ trait_scale.T, full_matrices=False)
    tastes = np.sqrt(users) * (taste_axes @ left)
    traits = (trait_axes @ right.T) * (strength / np.sqrt(users))
    if traits.shape[1]:
        largest = np.abs(traits).argmax(axis=0)
        sign = np.where(traits[largest, np.arange(traits.shape[1])] < 0.0, -1.0, 1.0)
        tastes, traits = tastes * sign, traits * sign
    return fit._replace(tastes=tastes, traits=traits)


def choose_precision(
    rows: Observations, users: int, items: int, factors: int, link: int, seed: int, epochs: int
) -> float:
    """Return the precision of :data:`PRECISIONS` that predicts a tenth of the slates best from the others."""
    slates = len(rows.starts) - 1
    order = np.random.default_rng(seed).permutation(slates)
    tenth = max(slates // 10, 1)
    rest, held_out = rows.slates(np.sort(order[tenth:])), rows.slates(np.sort(order[:tenth]))
    losses: dict[int, float] = {}

    def loss(index: int) -> float:
        if index not in losses:
            fit = fit_factors(rest, users, items, factors, link, PRECISIONS[index], seed, epochs)
            losses[index] = _loss(fit, held_out, link)
        return losses[index]

    best = len(PRECISIONS) // 2
    while True:  # downhill; the loss falls and rises once
        near = [index for index in (best - 1, best, best + 1) if 0 <= index < len(PRECISIONS)]
        lowest = min(near, key=loss)
        if lowest == best:
            return PRECISIONS[best]
        best = lowest


def _loss(fit: Factors, rows: Observations, link: int) -> float:
    logits = fit.logits(rows.user, rows.item)
    if link == SQUARES:
        return float(np.mean((rows.target - logits) ** 2))
    if link == EXAMINED:
        p = np.clip(np.exp(rows.position) * logistic(logits), 1e-12, 1.0 - 1e-12)
        return -float(np.mean(np.log(np.where(rows.target > 0.0, p, 1.0 - p))))
    logits = logits + fit.common[1] * rows.position
    starts = rows.starts[:-1]
    top = np.maximum(np.maximum.reduceat(logits, starts), 0.0)
    sizes = np.diff(rows.starts)
    total = np.exp(-top) + np.add.reduceat(np.exp(logits - np.repeat(top, sizes)), starts)
    choices = np.maximum(np.add.reduceat(rows.target, starts), 1.0)
    return float(np.mean(choices * (top + np.log(total)) - np.add.reduceat(rows.target * logits, starts)))


def fit_factors(
    rows: Observations, users: int, items: int, factors: int, link: int, precision: float, seed: int,
    epochs: int,
    start: Factors | None = None, around: tuple[Floats, Floats] | None = None,
) -> Factors:  # fmt: skip
    """Fit by stochastic gradient steps whose length falls linearly; the same seed gives the same factors.

    Args:
        rows: What to fit.
        users: Number of users.
        items: Number of items.
        factors: Number of factors; 0 fits biases only.
        link: :data:`SQUARES`, :data:`CHOICES`, :data:`EXAMINED` or :data:`PLACED`.
        precision: Of the prior on factors, above 0.
        seed: Of the start and of the order of rows.
        epochs: Passes over the rows.
        start: Where to start; small random factors by default.
        around: Means of the priors on traits, shape (items, factors), and item biases, shape (items,); 0 by
            default.
    """
    rng = np.random.default_rng(seed)
    if start is None:
        rate = float(np.clip(rows.target.mean(), 1e-4, 1.0 - 1e-4))
        common = np.array(
            [rows.target.mean() if link == SQUARES else math.log(rate / (1.0 - rate)), float(link == PLACED)]
        )
        fit = Factors(
            rng.normal(0.0, _START, (users, factors)), rng.normal(0.0, _START, (items, factors)),
            np.zeros(users), np.zeros(items), common,
        )  # fmt: skip
    else:
        fit = Factors(*(array.copy() for array in start))
    if around is None:
        around = np.zeros((items, factors)), np.zeros(items)
    by_user = 1.0 / np.maximum(np.bincount(rows.user, minlength=users), 1)
    by_item = 1.0 / np.maximum(np.bincount(rows.item, minlength=items), 1)
    slates = len(rows.starts) - 1
    scratch = np.empty(int(np.diff(rows.starts).max(initial=1)))
    for epoch in range(epochs):
        rate = _RATES[link] * (1.0 - epoch / epochs) + 0.02 * _RATES[link]
        _pass(
            rng.permutation(slates), rows, fit, around[0], around[1], by_user, by_item, link, precision,
            _BIAS_PRECISION, rate, scratch,
        )  # fmt: skip
    return fit


@fast_function
def _pass(
    order: Integers,
    rows: Observations,
    fit: Factors,
    mean_traits: Floats,
    mean_bias: Floats,
    by_user: Floats,
    by_item: Floats,
    link: int,
    precision: float,
    bias_precision: float,
    rate: float,
    residual: Floats,
) -> None:
    """Take one gradient step for every slate, in place.

    A prior's pull is divided over the rows of its user or item: ``by_user`` and ``by_item`` hold 1 / rows.
    ``residual`` is scratch of the longest slate's length.
    """
    factors = fit.tastes.shape[1]
    for turn in range(len(order)):
        slate = order[turn]
        begin, end = rows.starts[slate], rows.starts[slate + 1]
        for row in range(begin, end):
            user, item = rows.user[row], rows.item[row]
            score = fit.common[0] + fit.user_bias[user] + fit.item_bias[item]
            for f in range(factors):
                score += fit.tastes[user, f] * fit.traits[item, f]
            if link == SQUARES:
                residual[row - begin] = rows.target[row] - score
            elif link == EXAMINED:
                # What the place hid may have been relevant: the expectation of EM, taken as one goes.
                relevant = 1.0 / (1.0 + math.exp(-score))
                looked = math.exp(rows.position[row])
                hidden = (1.0 - looked) * relevant / (1.0 - looked * relevant + 1e-12)
                residual[row - begin] = max(rows.target[row], hidden) - relevant
            else:
                residual[row - begin] = score + fit.common[1] * rows.position[row]
        if link in (CHOICES, PLACED):
            top, choices = 0.0, 0.0
            for row in range(begin, end):
                top = max(top, residual[row - begin])
                choices += rows.target[row]
            choices = max(choices, 1.0)  # choosing nothing is a choice; two clicks are two
            total = math.exp(-top)
            for row in range(begin, end):
                total += math.exp(residual[row - begin] - top)
            for row in range(begin, end):
                share = math.exp(residual[row - begin] - top) / total
                residual[row - begin] = rows.target[row] - choices * share
        for row in range(begin, end):
            user, item, error = rows.user[row], rows.item[row], residual[row - begin]
            pull_user, pull_item = precision * by_user[user], precision * by_item[item]
            for f in range(factors):
                taste, trait = fit.tastes[user, f], fit.traits[item, f]
                fit.tastes[user, f] = taste + rate * (error * trait - pull_user * taste)
                fit.traits[item, f] = trait + rate * (
                    error * taste - pull_item * (trait - mean_traits[item, f])
                )
            bias = fit.user_bias[user]
            fit.user_bias[user] = bias + rate * (error - bias_precision * by_user[user] * bias)
            bias = fit.item_bias[item]
            fit.item_bias[item] = bias + rate * (
                error - bias_precision * by_item[item] * (bias - mean_bias[item])
            )
            if link != SQUARES:
                fit.common[0] += 0.1 * rate * error
            if link == CHOICES:
                fit.common[1] += 0.1 * rate * error * rows.position[row]
