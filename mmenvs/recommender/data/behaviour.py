"""What users do with their scores: clicking, staying, rating, getting bored, leaving; each from the logs."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.data.choice import (
    choice_probabilities,
    fit_choice,
    fit_positions,
    position_probabilities,
    positions_look_random,
)
from mmenvs.recommender.data.dwell import fit_dwell
from mmenvs.recommender.data.features import moods, recent_clicks, satisfaction
from mmenvs.recommender.data.logs import Logs
from mmenvs.recommender.data.parameters import Parameter, assumed, estimated
from mmenvs.recommender.data.regression import Fit, fit_logistic
from mmenvs.recommender.data.scores import Scores, single

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: Rows that a parameter asks for.
_ENOUGH = 30


class Behaviour(NamedTuple):
    """Everything that was fitted on top of scores.

    Attributes:
        parameters: By the names of :data:`~mmenvs.recommender.data.parameters.PRIORS`.
        probability: Of a click on each row, shape (rows,); NaN where clicks were not modelled.
    """

    parameters: dict[str, Parameter]
    probability: Floats


def fit_behaviour(
    logs: Logs, scores: Scores, category: Integers, recent_steps: int, mood_rate: float
) -> Behaviour:
    """Fit every law of behaviour that the logs identify, on the rows that scores were trained on.

    Args:
        logs: Slate after slate.
        scores: Of the same rows.
        category: Of each item, shape (items,).
        recent_steps: How long a click is recent [steps].
        mood_rate: Weight of the latest step in the mood.
    """
    parameters, probability, margin = _clicking(logs, scores, category, recent_steps)
    clicking = parameters["no_click_score"].identified
    zero = parameters["no_click_score"].value if clicking else 0.0
    unit = parameters["temperature"].value if clicking else 1.0
    parameters |= _staying(logs, scores, margin, zero, unit)
    parameters |= _rating(logs, scores)
    limit = parameters["dwell_limit"]
    parameters |= _leaving(logs, scores.trained, limit.value if limit.identified else None, mood_rate)
    return Behaviour(parameters, probability)


def _clicking(
    logs: Logs, scores: Scores, category: Integers, recent_steps: int
) -> tuple[dict[str, Parameter], Floats, Floats]:
    """Return parameters, click probabilities, and how far scores exceed clicking nothing [logit]."""
    names = ("no_click_score", "temperature", "position_decay", "boredom_penalty")
    unknown = np.full(len(logs), np.nan)
    if scores.source != "clicks":
        why = "no impressions without click in the logs"
        return {name: assumed(name, why) for name in names}, unknown, scores.score
    slates = logs.slates.starts
    trained = scores.trained
    recent = recent_clicks(logs, category, recent_steps)
    position = logs.position.astype(np.float64)
    bored, placed = recent[trained].std() > 0.0, position[trained].std() > 0.0
    columns = [scores.score, recent] if bored else [scores.score]
    examination = scores.examination
    if scores.choice == "multinomial":
        # What was measured by propensities is not fitted again.
        free = placed and examination is None
        fixed = 0.0 if examination is None else examination.log_decay
        features = np.stack([*columns, position] if free else columns, axis=1)
        offset = fixed * position
        starts = _starts(slates, trained)
        fit = fit_choice(features[trained], starts, logs.clicked[trained], offset[trained])
        probability = choice_probabilities(fit.coefficients, features, slates, offset)
        if not free:
            fit = _with_decay(fit, fixed)
    else:
        features = np.stack(columns, axis=1)
        decay = examination.log_decay if placed and examination is not None else None
        fit = fit_positions(features[trained], position[trained], logs.clicked[trained], decay)
        probability = position_probabilities(fit.coefficients, features, position)
    c = fit.coefficients
    margin = np.stack(columns, axis=1) @ c[1:-1] - c[0]
    parameters = _named(fit, bored, f"{recent_steps} steps")
    if not placed:
        parameters["position_decay"] = assumed("position_decay", "every slate shows a single position")
    elif examination is not None and not np.isnan(logs.propensity[trained]).any():
        why = "click rates by position, weighed by inverse propensity"
        parameters["position_decay"] = _decay(examination.log_decay, examination.log_decay_stderr, why)
    else:
        found = _decay(float(c[-1]), float(fit.stderr[-1]), "likelihood of choices, given fitted scores")
        parameters["position_decay"] = _doubted(found, logs.rows(trained))
    return parameters, probability, margin


def _doubted(found: Parameter, logs: Logs) -> Parameter:
    """Say how far the effect of positions can be trusted: a good policy puts first what users like anyway."""
    if not found.identified:
        return found
    if not np.isnan(logs.propensity).any():
        return replace(found, why=f"{found.why}; positions were random, say the propensities")
    random = positions_look_random(logs.position, logs.user, logs.item)
    if random:
        return replace(found, why=f"{found.why}; no propensities, but positions look random")
    few = "too few items were shown to a user again"
    reason = few if random is None else "items keep their places"
    why = (
        f"no propensities, and {reason}: place and taste cannot be told apart; "
        f"{found.value:.3g} goes with the other estimates"
    )
    return replace(found, identified=False, why=why)


def _named(fit: Fit, bored: bool, window: str) -> dict[str, Parameter]:
    """Turn coefficients (c_0, of scores, perhaps of recent clicks, of positions) into parameters.

    With slope b: temperature 1/b, no-click score c_0 / b, penalty -c / b; errors by the delta method.
    """
    c, covariance = fit.coefficients, fit.covariance
    slope = float(c[1])
    if not slope > 0.0 or not fit.converged:
        why = "fitted scores do not predict what is clicked"
        names = ("temperature", "no_click_score", "boredom_penalty")
        return {name: assumed(name, why) for name in names}

    def ratio(index: int, sign: float) -> tuple[float, float]:
        value = sign * float(c[index]) / slope
        gradient = np.array([sign / slope, -value / slope])
        part = covariance[np.ix_([index, 1], [index, 1])]
        return value, float(np.sqrt(gradient @ part @ gradient))

    how = "likelihood of choices over slates"
    parameters = {
        "temperature": estimated("temperature", 1.0 / slope, float(fit.stderr[1]) / slope**2, how),
        "no_click_score": estimated("no_click_score", *ratio(0, 1.0), how),
    }
    if not bored:
        why = f"no category came twice within {window}"
        return parameters | {"boredom_penalty": assumed("boredom_penalty", why)}
    value, error = ratio(2, -1.0)
    z = value / error if error > 0.0 else 0.0
    why = f"clicks against clicks on the category within {window}, z = {z:.1f}"
    if z < 2.0:
        why += (
            ": no boredom beyond chance" if z > -2.0 else ": more of the same attracts (or taste is missed)"
        )
    return parameters | {"boredom_penalty": estimated("boredom_penalty", value, error, why)}


def _decay(log_decay: float, error: float, why: str) -> Parameter:
    value = float(np.exp(log_decay))
    return estimated("position_decay", value, value * error, why)


def _with_decay(fit: Fit, log_decay: float) -> Fit:
    """Append a coefficient of the position that was not fitted."""
    size = len(fit.coefficients)
    covariance = np.zeros((size + 1, size + 1))
    covariance[:size, :size], covariance[size, size] = fit.covariance, np.inf
    return fit._replace(coefficients=np.append(fit.coefficients, log_decay), covariance=covariance)


def _starts(slates: Integers, kept: NDArray[np.bool_]) -> Integers:
    """Return where the kept slates begin among the kept rows."""
    sizes = np.diff(slates)[kept[slates[:-1]]]
    return np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)


def _staying(logs: Logs, scores: Scores, margin: Floats, zero: float, unit: float) -> dict[str, Parameter]:
    """Fit dwell times; ``zero`` is the score of a margin of 0, ``unit`` that of a margin of 1, less zero."""
    names = ("skip_dwell", "skip_slope", "dwell_limit", "dwell_spread", "dwell_reference")
    rows = scores.trained & logs.clicked & ~np.isnan(logs.dwell)
    if rows.sum() < _ENOUGH:
        why = f"only {int(rows.sum())} dwell times" if rows.any() else "no dwell times"
        return {name: assumed(name, why) for name in names}
    fit = fit_dwell(logs.dwell[rows], margin[rows])
    if not fit.converged:
        return {name: assumed(name, "the mixture of skips and stays has no proper maximum") for name in names}
    how = "mixture of skips and stays"
    whys = dict.fromkeys(names, how)
    whys["dwell_limit"] = (
        "a pile of equal, longest dwell times" if fit.capped else "scale of the stays; none is cut"
    )
    parameters = {
        name: estimated(name, value, error, whys[name])
        for name, value, error in zip(names, fit.values, fit.stderr, strict=True)
    }
    reference = zero + unit * float(fit.values[4])
    if fit.capped:
        error = unit * float(fit.stderr[4])
        parameters["dwell_reference"] = estimated("dwell_reference", reference, error, how)
    else:
        why = "no dwell time is cut: the scale of the stays stands for it, and the no-click score is kept"
        parameters["dwell_reference"] = Parameter(reference, float("inf"), False, why)
    return parameters


def _rating(logs: Logs, scores: Scores) -> dict[str, Parameter]:
    names = ("rating_mean", "rating_scale", "rating_noise")
    known = ~np.isnan(logs.rating)
    if scores.source == "ratings":
        mean, scale = scores.unit
        count = int(scores.trained.sum())
        unseen = known & ~scores.trained
        noise = (
            float(np.std(logs.rating[unseen] - mean - scale * scores.score[unseen]))
            if unseen.any()
            else np.nan
        )
        return {
            "rating_mean": estimated("rating_mean", mean, scale / np.sqrt(count), "mean of the ratings"),
            "rating_scale": estimated(
                "rating_scale", scale, scale / np.sqrt(2 * count), "spread of the ratings, the unit of scores"
            ),
            "rating_noise": estimated(
                "rating_noise", noise, noise / np.sqrt(2 * max(int(unseen.sum()), 1)), "held-out residuals"
            ),
        }
    rows = known & scores.trained
    count = int(rows.sum())
    if count < _ENOUGH or scores.score[rows].std() == 0.0:
        why = f"only {count} ratings" if count else "no ratings"
        return {name: assumed(name, why) for name in names}
    x = np.stack([np.ones(count), scores.score[rows]], axis=1)
    inverse = np.linalg.inv(x.T @ x)
    c = inverse @ x.T @ logs.rating[rows]
    noise = float(np.sqrt(np.sum((logs.rating[rows] - x @ c) ** 2) / (count - 2)))
    error = noise * np.sqrt(np.diag(inverse))
    how = "least squares of ratings on scores"
    return {
        "rating_mean": estimated("rating_mean", float(c[0]), float(error[0]), how),
        "rating_scale": estimated("rating_scale", float(c[1]), float(error[1]), how),
        "rating_noise": estimated("rating_noise", noise, noise / np.sqrt(2 * count), how),
    }


def _leaving(
    logs: Logs, trained: NDArray[np.bool_], dwell_limit: float | None, mood_rate: float
) -> dict[str, Parameter]:
    names = ("leave_bias", "leave_mood_weight")
    starts = logs.slates.starts
    left = np.maximum.reduceat(logs.left, starts[:-1])
    # Whole sessions make the mood; only slates of which some row was for training are fitted.
    kept = np.logical_or.reduceat(trained, starts[:-1])
    if not left.any():
        return {name: assumed(name, "no row says that its user left") for name in names}
    mood = moods(logs, satisfaction(logs, dwell_limit), mood_rate)[kept]
    left = left[kept]
    if left.all() or not left.any() or mood.std() < 1e-6:
        return {name: assumed(name, "leaving or mood never varies") for name in names}
    x = np.stack([np.ones(len(mood)), 0.5 - mood], axis=1)
    fit = fit_logistic(x, left.astype(np.float64))
    how = f"{int(left.sum())} users left; mood from "
    how += "clicks, for want of dwell times" if dwell_limit is None else "dwell times"
    if not fit.converged:
        return {name: assumed(name, "mood separates the steps in which users left") for name in names}
    return {
        name: estimated(name, value, error, how)
        for name, value, error in zip(names, fit.coefficients, fit.stderr, strict=True)
    }


def biases_only(
    logs: Logs, trained: NDArray[np.bool_], users: int, items: int, seed: int, epochs: int
) -> Floats:
    """Predict ratings by the mean and the biases of users and items, shape (rows,); the usual baseline."""
    from mmenvs.recommender.data.factorization import SQUARES, fit_factors

    mean, spread = float(logs.rating[trained].mean()), float(logs.rating[trained].std()) or 1.0
    rows = single(logs.user[trained], logs.item[trained], (logs.rating[trained] - mean) / spread)
    fit = fit_factors(rows, users, items, 0, SQUARES, 1.0, seed, epochs)
    return np.asarray(mean + spread * fit.logits(logs.user, logs.item))
