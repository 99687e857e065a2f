"""How long a user stays with what was clicked.

Dwell times are a mixture of quick skips and a skewed bulk (as in EGMN, arXiv:2508.12665): with
probability ``logistic(-slope * (v - v_0))`` the item disappoints and the user turns away after an
exponential time of mean ``skip``; otherwise the time is log-normal with the median
``skip + (limit - skip) * logistic(v - v_0)``, so that staying lasts longer than skipping and a better item
longer than a worse one.  Both are censored at ``limit``, where the item has been seen in full.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function
from mmenvs.core.random import normal, uniform
from mmenvs.recommender.users.choice import logistic


@device_function
def _median_stay(score: float, no_click: float, limit: float, skip_mean: float) -> float:
    return skip_mean + (limit - skip_mean) * logistic(score - no_click)


@device_function
def draw_dwell(
    streams: NDArray[np.uint64],
    world: int,
    score: float,
    no_click: float,
    limit: float,
    spread: float,
    skip_mean: float,
    skip_slope: float,
) -> float:
    """Draw the dwell time of one clicked item [s], in [0, limit].

    Always consumes four random numbers, so that later draws do not depend on which case occurred.

    Args:
        streams: Random streams, shape (worlds,).
        world: Whose stream to use.
        score: Utility v of the item [logit].
        no_click: Utility v_0 of clicking nothing [logit].
        limit: Time after which an item has been seen in full [s].
        spread: Standard deviation of the logarithm of the bulk.
        skip_mean: Mean of a skip [s].
        skip_slope: Slope of the skip's log-odds [1/logit].
    """
    skips = uniform(streams, world) < logistic(-skip_slope * (score - no_click))
    skipped = -skip_mean * math.log(1.0 - uniform(streams, world))
    stayed = _median_stay(score, no_click, limit, skip_mean) * math.exp(spread * normal(streams, world))
    return min(skipped if skips else stayed, limit)


@device_function
def expected_dwell(
    score: float, no_click: float, limit: float, spread: float, skip_mean: float, skip_slope: float
) -> float:
    """Return the mean of :func:`draw_dwell` in closed form [s]; the arguments are the same."""
    skip = logistic(-skip_slope * (score - no_click))
    skipped = skip_mean * (1.0 - math.exp(-limit / skip_mean))
    mu = math.log(_median_stay(score, no_click, limit, skip_mean))
    gap = (math.log(limit) - mu) / spread
    below = 0.5 * (1.0 + math.erf((gap - spread) / math.sqrt(2.0)))
    beyond = 0.5 * (1.0 - math.erf(gap / math.sqrt(2.0)))
    stayed = math.exp(mu + 0.5 * spread * spread) * below + limit * beyond
    return skip * skipped + (1.0 - skip) * stayed
