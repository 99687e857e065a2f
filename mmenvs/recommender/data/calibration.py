"""Users of the simulator out of logs: who likes what, and how that shows in what they do.

The recipe, each step in a file of its own:

1. tastes and traits by matrix factorisation of clicks, or else of ratings, or else of interactions against
random
   items (:mod:`~mmenvs.recommender.data.factorization`);
2. ridge regression of the items' factors on what the catalogue shows, so that new items get preferences, and
   pictures, text and attributes cause behaviour;
3. choice temperature, no-click score and position bias by maximum likelihood over slates
   (:mod:`~mmenvs.recommender.data.choice`), on scores of fits that did not see the slates;
4. dwell times as a mixture of skips and stays (:mod:`~mmenvs.recommender.data.dwell`), ratings by least
squares; 5. leaving as a logistic hazard on mood, boredom as the effect of recent clicks on the same category
   (:mod:`~mmenvs.recommender.data.behaviour`);
6. a report card that says what the logs could not tell (:mod:`~mmenvs.recommender.data.report_card`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mmenvs.recommender.data.behaviour import Behaviour, biases_only, fit_behaviour
from mmenvs.recommender.data.comparison import click_rates, rating_distances
from mmenvs.recommender.data.logs import Logs
from mmenvs.recommender.data.metrics import auc, expected_calibration_error, log_likelihood, rmse
from mmenvs.recommender.data.parameters import PRIORS, Parameter
from mmenvs.recommender.data.report_card import ReportCard
from mmenvs.recommender.data.scores import Scores, Settings, fit_scores
from mmenvs.recommender.items.catalogue import Catalogue, frozen

Floats = NDArray[np.float64]

#: Slates without which there is nothing to hold out, to tune on, and to cross-fit.
_FEWEST = 50

_ARRAYS = ("tastes", "traits", "bias", "user_bias")


@dataclass(frozen=True, eq=False, kw_only=True)
class CalibratedUsers:
    """Users as the simulator takes them: ``score[u, i] = tastes[u] . traits[i] + bias[i]``.

    Scores are logits where the logs hold clicks (a choice among slate and nothing has the logits
    ``score / temperature`` and ``no_click_score / temperature``), else standardised ratings
    (``rating = rating_mean + rating_scale * score``).

    Attributes:
        tastes: shape (users, factors + 1); of unit second moment, but for the last, which is the user's bias.
        traits: shape (items, factors + 1), rows of the catalogue; the last is 1.
        bias: Of each item, shape (items,).
        user_bias: ``tastes[:, -1]``, shape (users,).
        user_ids: Names of the users.
        item_ids: Names of the items, those of the catalogue.
        choice: Model of clicks: ``"multinomial"`` or ``"position"``; see
            :mod:`~mmenvs.recommender.data.choice`.
        rating_range: Least and largest rating in the logs; NaN without ratings.
        parameters: By the names of :data:`~mmenvs.recommender.data.parameters.PRIORS`, where they are
            explained.
        report: What was found, and how well it predicts.
    """

    tastes: Floats
    traits: Floats
    bias: Floats
    user_bias: Floats
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]
    choice: str
    rating_range: tuple[float, float]
    parameters: Mapping[str, Parameter]
    report: ReportCard

    def score(self, user: ArrayLike, item: ArrayLike) -> Floats:
        """Return scores of users (rows of ``tastes``) for items (rows of ``traits``), broadcast."""
        u, i = np.asarray(user, np.int64), np.asarray(item, np.int64)
        own = np.einsum("...f,...f->...", self.tastes[u], self.traits[i])
        return np.asarray(own + self.bias[i])

    def predict_rating(self, user: ArrayLike, item: ArrayLike) -> Floats:
        """Return expected ratings, within the range of the logs' ratings.

        Raises:
            ValueError: If the logs held no ratings.
        """
        if not self.parameters["rating_scale"].identified:
            raise ValueError(f"ratings cannot be predicted: {self.parameters['rating_scale'].why}")
        mean, scale = self.parameters["rating_mean"].value, self.parameters["rating_scale"].value
        return np.clip(mean + scale * self.score(user, item), *self.rating_range)

    def with_unit_temperature(self) -> CalibratedUsers:
        """Return the same users with scores divided by the temperature, which is then 1.

        What is in units of scores changes with them: ``no_click_score``, ``boredom_penalty``,
        ``dwell_reference``, ``rating_scale``.
        """
        unit = self.parameters["temperature"].value
        changed = dict(self.parameters)
        for name, factor in (
            ("temperature", 1.0 / unit), ("no_click_score", 1.0 / unit), ("boredom_penalty", 1.0 / unit),
            ("dwell_reference", 1.0 / unit), ("rating_scale", unit),
        ):  # fmt: skip
            old = changed[name]
            if old.identified:
                changed[name] = replace(old, value=old.value * factor, stderr=old.stderr * factor)
        traits = self.traits / unit
        traits[:, -1] = 1.0
        tastes = self.tastes.copy()
        tastes[:, -1] /= unit
        return replace(
            self, tastes=frozen(tastes), traits=frozen(traits), bias=frozen(self.bias / unit),
            user_bias=frozen(self.user_bias / unit), parameters=changed,
            report=replace(self.report, parameters=changed),
        )  # fmt: skip

    def save(self, path: str | Path) -> Path:
        """Write an ``.npz`` file without pickled objects."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        for name in ("user_ids", "item_ids"):
            arrays[name] = np.array(getattr(self, name), np.str_)
        arrays["rating_range"] = np.array(self.rating_range)
        arrays["report"] = np.array(json.dumps(self.report.to_dict() | {"choice": self.choice}))
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)
        return path

    @classmethod
    def load(cls, path: str | Path) -> CalibratedUsers:
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: If the file was not written by :meth:`save`.
        """
        with np.load(path, allow_pickle=False) as file:
            missing = {*_ARRAYS, "user_ids", "item_ids", "rating_range", "report"} - set(file.files)
            if missing:
                raise ValueError(
                    f"path={str(path)!r} must be written by CalibratedUsers.save, but lacks {sorted(missing)}"
                )
            kept = json.loads(str(file["report"]))
            report = ReportCard.from_dict(kept)
            return cls(
                **{name: frozen(file[name]) for name in _ARRAYS},
                user_ids=tuple(file["user_ids"].tolist()),
                item_ids=tuple(file["item_ids"].tolist()),
                choice=kept["choice"],
                rating_range=(float(file["rating_range"][0]), float(file["rating_range"][1])),
                parameters=report.parameters,
                report=report,
            )


def calibrate(
    logs: Logs,
    catalogue: Catalogue,
    *,
    factors: int = 16,
    seed: int = 0,
    holdout: float = 0.2,
    regularisation: float | None = None,
    epochs: int = 40,
    folds: int = 4,
    mood_rate: float = 0.15,
    recent_steps: int = 10,
    unseen: str = "error",
    simulated: Logs | None = None,
) -> CalibratedUsers:
    """Turn logs into users of the simulator, and say how far they can be trusted.

    Args:
        logs: What users were shown and did.
        catalogue: The items; its ``embedding`` is what their traits are regressed on.
        factors: Traits that users differ in their taste of; at least 1.
        seed: Of everything random; the same seed gives the same users.
        holdout: Share of slates that are kept for judging the result, between 0 and 1.
        regularisation: Precision of the normal prior on factors; None chooses it on a tenth of the training
            rows.
        epochs: Passes over the logs for each fit; at least 1.
        folds: Parts of the logs for scores that have not seen what they predict; at least 2.
        mood_rate: Weight of the latest step in a user's mood, in (0, 1]; not estimated.
        recent_steps: How many steps back a click may have bored the user; at least 1.
        unseen: What to do about items that the catalogue lacks; see :meth:`Logs.with_catalogue`.
        simulated: Logs of a recommender with calibrated users, to be compared with the real ones.

    Returns:
        The users.

    Raises:
        ValueError: Naming the argument, the value and what is allowed.
    """
    least = {"factors": 1, "epochs": 1, "folds": 2, "recent_steps": 1}
    given = {"factors": factors, "epochs": epochs, "folds": folds, "recent_steps": recent_steps}
    for name, value in given.items():
        if not isinstance(value, int | np.integer) or value < least[name]:
            raise ValueError(f"{name}={value!r} must be an integer from {least[name]}")
    if not 0.0 < holdout < 1.0:
        raise ValueError(f"holdout={holdout!r} must be between 0 and 1")
    if not 0.0 < mood_rate <= 1.0:
        raise ValueError(f"mood_rate={mood_rate!r} must be above 0 and at most 1")
    if regularisation is not None and not regularisation > 0.0:
        raise ValueError(f"regularisation={regularisation!r} must be above 0, or None")
    logs = logs.with_catalogue(catalogue, unseen=unseen)
    if len(logs.slates.starts) <= _FEWEST:
        slates = len(logs.slates.starts) - 1
        raise ValueError(
            f"logs of {slates} slates are too short: at least {_FEWEST} must be there to be split"
        )
    logs = logs.rows(logs.slates.order)
    held_out = logs.held_out(holdout, seed, by="slate")
    settings = Settings(factors, regularisation, seed, epochs, folds)
    scores = fit_scores(logs, held_out, catalogue.embedding.astype(np.float64), settings)
    behaviour = fit_behaviour(logs, scores, catalogue.category, recent_steps, mood_rate)
    known = logs.rating[~np.isnan(logs.rating)]
    fit = scores.factors
    report = ReportCard(
        source=scores.source,
        logs=logs.summary(),
        parameters={name: behaviour.parameters[name] for name in PRIORS},
        held_out=_held_out(logs, held_out, scores, behaviour, settings),
        modality=tuple(float(value) for value in scores.r_squared),
        click_rates=tuple(float(value) for value in click_rates(logs)),
        notes=_notes(logs, scores, mood_rate),
    )
    if simulated is not None:
        report = report.with_simulated(logs, simulated, seed=seed)
    return CalibratedUsers(
        tastes=frozen(np.concatenate([fit.tastes, fit.user_bias[:, None]], axis=1)),
        traits=frozen(np.concatenate([fit.traits, np.ones((len(catalogue), 1))], axis=1)),
        bias=frozen(fit.item_bias),
        user_bias=frozen(fit.user_bias),
        user_ids=logs.user_ids,
        item_ids=logs.item_ids,
        choice=scores.choice,
        rating_range=(float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan),
        parameters=report.parameters,
        report=report,
    )


def _held_out(
    logs: Logs, held_out: NDArray[np.bool_], scores: Scores, behaviour: Behaviour, settings: Settings
) -> dict[str, float]:
    """Judge predictions of what was not fitted."""
    result: dict[str, float] = {}
    if scores.source == "clicks":
        y, p = logs.clicked[held_out], behaviour.probability[held_out]
        rate = float(logs.clicked[~held_out].mean())
        result["clicks: log-likelihood [nat per impression]"] = log_likelihood(y, p)
        result["clicks: log-likelihood of a constant rate"] = log_likelihood(y, np.full(len(y), rate))
        result["clicks: AUC"] = auc(y, p)
        result["clicks: expected calibration error"] = expected_calibration_error(y, p)
    elif scores.source == "interactions":
        logit = scores.factors.logits(*scores.negatives) - scores.factors.common[0]
        label = np.repeat([1, 0], [int(held_out.sum()), len(logit)])
        result["interactions against random items: AUC"] = auc(
            label, np.concatenate([scores.score[held_out], logit])
        )
    known = ~np.isnan(logs.rating)
    trained, unseen = known & ~held_out, known & held_out
    if behaviour.parameters["rating_scale"].identified and unseen.any() and trained.any():
        result |= _rating_metrics(logs, trained, unseen, scores, behaviour, settings)
    return result


def _rating_metrics(
    logs: Logs, trained: NDArray[np.bool_], unseen: NDArray[np.bool_], scores: Scores, behaviour: Behaviour,
    settings: Settings,
) -> dict[str, float]:  # fmt: skip
    truth, seen = logs.rating[unseen], logs.rating[trained]
    low, high = float(np.nanmin(logs.rating)), float(np.nanmax(logs.rating))
    number = {name: each.value for name, each in behaviour.parameters.items()}
    expected = np.clip(number["rating_mean"] + number["rating_scale"] * scores.score[unseen], low, high)
    users, items = len(logs.user_ids), len(logs.item_ids)
    plain = biases_only(logs, trained, users, items, settings.seed, settings.epochs)[unseen]
    # What the users would say: their expectation, with noise, on the scale that the logs use.
    noise = number["rating_noise"] * np.random.default_rng(settings.seed).normal(size=len(truth))
    said = np.clip(expected + noise, low, high)
    levels = np.unique(seen)
    if len(levels) <= 20:
        said = levels[np.abs(said[:, None] - levels).argmin(axis=1)]
    distance, divergence = rating_distances(truth, said)
    return {
        "ratings: RMSE": rmse(truth, expected),
        "ratings: RMSE of biases only": rmse(truth, np.clip(plain, low, high)),
        "ratings: RMSE of the mean": rmse(truth, np.full(len(truth), float(seen.mean()))),
        "ratings: histogram, KS": distance,
        "ratings: histogram, KL [nat]": divergence,
    }


def _notes(logs: Logs, scores: Scores, mood_rate: float) -> tuple[str, ...]:
    shown = len(np.unique(logs.item[scores.trained]))
    users = len(np.unique(logs.user[scores.trained]))
    notes = [
        f"prior precision of factors: {scores.precision:g}",
        "not fitted: boredom's threshold and duration, drift of tastes, the mood's rate "
        f"(assumed {mood_rate:g})",
    ]
    if scores.source == "clicks":
        notes.append(f"model of clicks: {scores.choice}")
    if shown < len(logs.item_ids):
        notes.append(
            f"{len(logs.item_ids) - shown} of {len(logs.item_ids)} items have no training rows: "
            "their traits are what their features predict"
        )
    if users < len(logs.user_ids):
        missing = f"{len(logs.user_ids) - users} of {len(logs.user_ids)} users"
        notes.append(f"{missing} have no training rows: their taste is the prior's mean")
    notes += [f"{reason}: {count}" for reason, count in logs.report.items()]
    return tuple(notes)
