"""From users that were fitted to logs to a user model that the simulator runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.catalogue import Catalogue
from mmenvs.recommender.users.choice import MultinomialLogit, PositionBased
from mmenvs.recommender.users.dwell import DwellMixture
from mmenvs.recommender.users.leaving import Leaving
from mmenvs.recommender.users.model import UserModel
from mmenvs.recommender.users.rating import Rating

if TYPE_CHECKING:
    from mmenvs.recommender.data import CalibratedUsers

Floats = NDArray[np.float64]

_FEWEST_USERS = 2  # one for each split


def adopt(given: Any, catalogue: Catalogue) -> tuple[UserModel, Floats, Floats, Floats, float]:
    """Take calibrated users for a catalogue.

    Parameters that the logs did not identify keep the priors with which calibration reports them.  Boredom
    and drift are off: logs show their effect on the next click, not their thresholds.

    Args:
        given: Calibrated users, or the path of a file that they were saved in.
        catalogue: The items; each must be among those that the users were calibrated on, by its id.

    Returns:
        The user model, traits [logit] of shape (items, factors), bias [logit] of shape (items,), tastes of
        shape (users, factors), and the taste that a profile's 1 stands for.

    Raises:
        ValueError: If items are unknown to the users, naming some, or there are too few users for two splits.
    """
    users = _loaded(given).with_unit_temperature()
    if len(users.user_ids) < _FEWEST_USERS:
        raise ValueError(f"users={len(users.user_ids)} calibrated users must be at least {_FEWEST_USERS}")
    row_of = {item: row for row, item in enumerate(users.item_ids)}
    unknown = [item for item in catalogue.ids if item not in row_of]
    if unknown:
        raise ValueError(
            f"users were not calibrated on {len(unknown)} of the catalogue's {len(catalogue)} items, "
            f"such as {unknown[:3]}"
        )
    rows = np.array([row_of[item] for item in catalogue.ids], np.int64)
    tastes = np.asarray(users.tastes, np.float64)
    span = float(max(np.abs(tastes).max(), 1e-6))
    return user_model(users), users.traits[rows], users.bias[rows], tastes, span


def user_model(users: CalibratedUsers) -> UserModel:
    """Return the laws with the parameters that were found; scores must have the temperature 1."""
    number = {name: parameter.value for name, parameter in users.parameters.items()}
    no_click, decay = number["no_click_score"], min(max(number["position_decay"], 0.0), 1.0)
    multinomial = users.choice == "multinomial"
    reference = number["dwell_reference"] if users.parameters["dwell_reference"].identified else no_click
    return UserModel(
        choice=(
            MultinomialLogit(no_click=no_click, decay=decay)
            if multinomial
            else PositionBased(offset=no_click, decay=decay)
        ),
        dwell=DwellMixture(
            limit=max(number["dwell_limit"], 1.0),
            reference=min(max(reference, -50.0), 50.0),
            spread=min(max(number["dwell_spread"], 0.01), 5.0),
            skip_mean=min(max(number["skip_dwell"], 0.01), max(number["dwell_limit"], 1.0)),
            skip_slope=max(number["skip_slope"], 0.0),
        ),
        boredom=None,
        rating=Rating(
            probability=1.0,
            extremity=0.0,
            middle=min(max(number["rating_mean"], 1.0), 5.0),
            slope=min(max(number["rating_scale"], 0.0), 10.0),
            noise=min(max(number["rating_noise"], 0.0), 10.0),
        )
        if users.parameters["rating_scale"].identified
        else None,
        leaving=Leaving(
            bias=min(max(number["leave_bias"], -50.0), 50.0),
            mood_weight=min(max(number["leave_mood_weight"], 0.0), 100.0),
            boredom_weight=0.0,
        ),
    )


def _loaded(given: Any) -> CalibratedUsers:
    if isinstance(given, str):
        from mmenvs.recommender.data import CalibratedUsers

        return CalibratedUsers.load(given)
    users: CalibratedUsers = given
    return users
