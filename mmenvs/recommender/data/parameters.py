"""The numbers of a user model that logs may tell, and what is assumed where they do not."""

from __future__ import annotations

import math
from dataclasses import dataclass

#: Every parameter that calibration reports, with what is assumed of it where the logs cannot tell.
#:
#: - ``no_click_score``: utility of clicking nothing, in the unit of scores, whose mean over what was shown
#:   is 0;
#: - ``temperature``: a choice has the logits score / temperature;
#: - ``position_decay``: factor on a choice's odds (or on a click's probability, in the position-based model)
#:   for each place further down;
#: - ``boredom_penalty``: what each recent click on the same category takes from a score, in its unit;
#: - ``leave_bias``, ``leave_mood_weight``: a step ends the session with probability
#:   logistic(bias + weight (0.5 - mood));
#: - ``skip_dwell`` [s], ``skip_slope`` [1/logit], ``dwell_limit`` [s], ``dwell_spread``: see
#:   :func:`~mmenvs.recommender.data.dwell.fit_dwell`;
#: - ``dwell_reference``: score, in its unit, at which a user is as likely to skip as to stay; that of
#:   clicking nothing, but for what fitted scores miss;
#: - ``rating_mean``, ``rating_scale``, ``rating_noise``: a rating is mean + scale * score + noise * N(0, 1).
PRIORS = {
    "no_click_score": 0.25,
    "temperature": 1.0,
    "position_decay": 1.0,
    "leave_bias": -6.0,
    "leave_mood_weight": 8.0,
    "skip_dwell": 2.0,
    "skip_slope": 1.5,
    "dwell_limit": 60.0,
    "dwell_spread": 0.5,
    "dwell_reference": 0.25,
    "rating_mean": 3.0,
    "rating_scale": 1.0,
    "rating_noise": 0.9,
    "boredom_penalty": 0.0,
}


@dataclass(frozen=True)
class Parameter:
    """One number of the user model.

    Attributes:
        value: The estimate; the prior of :data:`PRIORS` where the logs cannot tell (but a confounded
            ``position_decay`` keeps the value with which the others were estimated).
        stderr: Its standard error, given the fitted scores, whose own error it does not know; infinite where
            the logs cannot tell.
        identified: Whether they can.
        why: How they tell it, or why they cannot.
    """

    value: float
    stderr: float
    identified: bool
    why: str

    @property
    def z(self) -> float:
        """The value in standard errors; 0 where the logs cannot tell, infinite where there is no error."""
        if not self.identified:
            return 0.0
        return self.value / self.stderr if self.stderr > 0.0 else math.copysign(math.inf, self.value)


def assumed(name: str, why: str) -> Parameter:
    """Return the prior of a parameter that the logs do not identify."""
    return Parameter(PRIORS[name], math.inf, False, why)


def estimated(name: str, value: float, stderr: float, why: str) -> Parameter:
    """Return an estimate; the prior if the likelihood has no proper maximum."""
    if not math.isfinite(value) or not math.isfinite(stderr):
        return assumed(name, "the likelihood is flat: the logs hold too few or too uniform rows")
    return Parameter(float(value), float(stderr), True, why)
