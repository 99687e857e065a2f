"""Which impressions of a log belong to one session, and which of them were one slate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Silence after which a user's next impression begins a session [s]; half an hour is web analytics' custom.
SESSION_GAP = 1800.0


def derive_sessions(
    user: NDArray[np.int64], time: NDArray[np.float64] | None, gap: float = SESSION_GAP
) -> NDArray[np.int64]:
    """Number the sessions of a log that does not tell them.

    Args:
        user: Code of each row's user, shape (rows,).
        time: When each row happened [s], shape (rows,); None makes one session of all that a user did.
        gap: Silence after which a new session begins [s].

    Returns:
        int64 of shape (rows,), numbered from 0 by user and time.
    """
    if time is None:
        return np.unique(user, return_inverse=True)[1].reshape(-1).astype(np.int64)
    order = np.lexsort((time, user))
    begins = np.ones(len(user), bool)
    begins[1:] = (np.diff(user[order]) != 0) | (np.diff(time[order]) > gap)
    session = np.empty(len(user), np.int64)
    session[order] = np.cumsum(begins) - 1
    return session


def session_codes(user: NDArray[np.int64], session: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the different pairs of user and session, since many logs count sessions for each user anew."""
    pairs = np.stack([user, session], axis=1)
    return np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def derive_steps(
    session: NDArray[np.int64], time: NDArray[np.float64] | None, position: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Number the slates of each session.

    Rows are taken by time, those of equal time as they stand in the log.  Without positions each row is a
    slate of its own; with them a slate ends where the time changes or the position does not grow.

    Args:
        session: Shape (rows,).
        time: When each row happened [s], or None.
        position: Place of each row's item on its slate, or None.

    Returns:
        Step of each row within its session, int64 of shape (rows,), from 0.
    """
    order = np.lexsort((session,)) if time is None else np.lexsort((time, session))
    first = np.ones(len(session), bool)
    first[1:] = np.diff(session[order]) != 0
    begins = np.ones(len(session), bool)
    if position is not None:
        begins[1:] = first[1:] | (np.diff(position[order]) <= 0)
        if time is not None:
            begins[1:] |= np.diff(time[order]) != 0
    count = np.cumsum(begins) - 1
    step = np.empty(len(session), np.int64)
    # The slates counted before a session began are subtracted from all of its rows.
    step[order] = count - np.maximum.accumulate(np.where(first, count, 0))
    return step


def derive_positions(session: NDArray[np.int64], step: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the rows of each slate as they stand in the log, int64 of shape (rows,), from 0."""
    order = np.lexsort((step, session))
    first = np.ones(len(session), bool)
    first[1:] = (np.diff(session[order]) != 0) | (np.diff(step[order]) != 0)
    rows = np.arange(len(session))
    position = np.empty(len(session), np.int64)
    position[order] = rows - np.maximum.accumulate(np.where(first, rows, 0))
    return position
