"""How unlike real logs simulated ones are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.data.logs import Logs
from mmenvs.recommender.data.metrics import kl_divergence, ks_distance, two_sample_auc

Floats = NDArray[np.float64]

#: Levels up to which ratings are a histogram of values; beyond, of equal intervals.
_LEVELS = 20


def compare_logs(real: Logs, simulated: Logs, *, seed: int = 0) -> dict[str, float]:
    """Measure the distance between two logs, in what sessions look like.

    Args:
        real: The logs that users were calibrated on.
        simulated: Logs of the same recommender with the calibrated users.
        seed: Of the two-sample test's parts.

    Returns:
        By name, each 0 (or 0.5, for an AUC) where the logs are alike; NaN where one log lacks what is
        compared:

        - ``click rate, difference``;
        - ``click rate by position, largest difference``, over positions that both show;
        - ``session length, KS``, in steps; ``dwell time, KS``, of clicks; ``rating, KS`` and ``rating, KL``;
        - ``popularity, total variation`` of the shares of clicks by item, matched by id: in [0, 1], and
        never quite
          0 in finite logs;
        - ``two-sample AUC of sessions`` and ``two-sample AUC of impressions``: how well a logistic
        classifier tells
          real from simulated ones.
    """
    known = {name: _known(getattr(real, name), getattr(simulated, name)) for name in ("dwell", "rating")}
    result = {
        "click rate, difference": _rate(simulated) - _rate(real),
        "click rate by position, largest difference": _position_gap(real, simulated),
        "session length, KS": ks_distance(session_lengths(real), session_lengths(simulated)),
    }
    dwell = [logs.dwell[logs.clicked & ~np.isnan(logs.dwell)] for logs in (real, simulated)]
    result["dwell time, KS"] = ks_distance(*dwell)
    ratings = [logs.rating[~np.isnan(logs.rating)] for logs in (real, simulated)]
    result["rating, KS"], result["rating, KL"] = rating_distances(*ratings)
    result["popularity, total variation"] = _popularity_gap(real, simulated)
    sessions = [_session_features(logs, known) for logs in (real, simulated)]
    result["two-sample AUC of sessions"] = two_sample_auc(*sessions, seed=seed)
    rows = [_row_features(logs, known) for logs in (real, simulated)]
    result["two-sample AUC of impressions"] = two_sample_auc(*rows, seed=seed)
    return result


def session_lengths(logs: Logs) -> Floats:
    """Return the number of slates of each session, shape (sessions,)."""
    order, starts = logs.slates
    return np.unique(logs.session[order[starts[:-1]]], return_counts=True)[1].astype(np.float64)


def click_rates(logs: Logs) -> Floats:
    """Return the click-through rate by position, shape (positions,); NaN where nothing was shown."""
    shown = np.bincount(logs.position).astype(np.float64)
    clicked = np.bincount(logs.position, logs.clicked.astype(np.float64))
    return np.asarray(np.divide(clicked, shown, out=np.full(len(shown), np.nan), where=shown > 0))


def rating_distances(real: Floats, simulated: Floats) -> tuple[float, float]:
    """Return the KS distance and the KL divergence [nat] of two samples of ratings; NaN if one is empty."""
    if not len(real) or not len(simulated):
        return float("nan"), float("nan")
    levels = np.unique(np.concatenate([real, simulated]))
    if len(levels) <= _LEVELS:
        edges = np.append(levels, np.inf)
    else:
        edges = np.linspace(levels[0], levels[-1], _LEVELS + 1)
    one, other = np.histogram(real, edges)[0], np.histogram(simulated, edges)[0]
    return ks_distance(real, simulated), kl_divergence(one, other)


def _rate(logs: Logs) -> float:
    return float(logs.clicked.mean()) if len(logs) else float("nan")


def _position_gap(real: Logs, simulated: Logs) -> float:
    one, other = click_rates(real), click_rates(simulated)
    places = min(len(one), len(other))
    gaps = np.abs(one[:places] - other[:places])
    return float(np.nanmax(gaps)) if places and not np.isnan(gaps).all() else float("nan")


def _popularity_gap(real: Logs, simulated: Logs) -> float:
    row_of = {name: row for row, name in enumerate(dict.fromkeys((*real.item_ids, *simulated.item_ids)))}
    shares = []
    for logs in (real, simulated):
        rows = np.array([row_of[name] for name in logs.item_ids], np.int64)
        clicks = np.bincount(rows[logs.item[logs.clicked]], minlength=len(row_of)).astype(np.float64)
        if clicks.sum() == 0.0:
            return float("nan")
        shares.append(clicks / clicks.sum())
    return float(0.5 * np.abs(shares[0] - shares[1]).sum())


def _known(one: Floats, other: Floats) -> bool:
    """Say whether both logs know some of a column: only then can it be compared."""
    return not (np.isnan(one).all() or np.isnan(other).all())


def _session_features(logs: Logs, known: dict[str, bool]) -> Floats:
    """Return log-length, click rate and, where known, mean dwell and rating of each session."""
    session = np.unique(logs.session, return_inverse=True)[1].reshape(-1)
    rows = np.bincount(session).astype(np.float64)
    features = [np.log(session_lengths(logs)), np.bincount(session, logs.clicked.astype(np.float64)) / rows]
    for name in ("dwell", "rating"):
        if known[name]:
            values = getattr(logs, name)
            there = ~np.isnan(values)
            total = np.bincount(session, np.where(there, values, 0.0))
            count = np.bincount(session, there.astype(np.float64))
            features += [total / np.maximum(count, 1.0), count / rows]
    return np.stack(features, axis=1)


def _row_features(logs: Logs, known: dict[str, bool]) -> Floats:
    """Return click, position, step, click at the position and, where known, dwell and rating of each row."""
    clicked = logs.clicked.astype(np.float64)
    features = [
        clicked,
        logs.position * 1.0,
        np.log1p(logs.step),
        clicked * logs.position,
        clicked * np.log1p(logs.step),
    ]
    for name in ("dwell", "rating"):
        if known[name]:
            values = getattr(logs, name)
            features += [np.nan_to_num(values), (~np.isnan(values)).astype(np.float64)]
    return np.stack(features, axis=1)
