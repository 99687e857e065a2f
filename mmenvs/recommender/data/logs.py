"""What users were shown and what they did about it, as arrays: one row an impression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.data.columns import booleans, codes, column, integers, numbers
from mmenvs.recommender.data.sessions import (
    SESSION_GAP,
    derive_positions,
    derive_sessions,
    derive_steps,
    session_codes,
)
from mmenvs.recommender.items.catalogue import Catalogue, frozen

SPLITS = ("row", "slate", "session", "user", "time")

_INTEGERS = ("user", "item", "session", "step", "position")
_NUMBERS: dict[str, tuple[float, float]] = {
    "time": (-np.inf, np.inf),
    "dwell": (0.0, np.inf),
    "rating": (-np.inf, np.inf),
    "propensity": (np.nextafter(0.0, 1.0), 1.0),
}

#: Names of the fields of :class:`Logs` that hold one number a row.
COLUMNS = (*_INTEGERS, *_NUMBERS, "clicked", "reward", "left")


class Slates(NamedTuple):
    """The rows of a log by slate.

    Attributes:
        order: Rows by session, step and position, int64 of shape (rows,).
        starts: Where in ``order`` each slate begins, and the number of rows, int64 of shape (slates + 1,).
    """

    order: NDArray[np.int64]
    starts: NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class Logs:
    """Impressions as arrays, one row an item shown at a place of a slate; nothing in it is written to.

    Rows of equal ``session`` and ``step`` are one slate: they were seen together.

    Attributes:
        user: Row of ``user_ids``, int64 of shape (rows,).
        user_ids: Names of the users.
        item: Row of ``item_ids``, int64 of shape (rows,).
        item_ids: Names of the items; those of the catalogue after :meth:`with_catalogue`.
        session: Number of the session, int64 of shape (rows,); no two users share one.
        step: Number of the slate within its session, int64 of shape (rows,).
        position: Place on the slate, 0 for the first, int64 of shape (rows,).
        time: When it was shown [s], float64 of shape (rows,); NaN where unknown.
        clicked: Whether it was clicked, bool of shape (rows,); all true where a log tells interactions only.
        dwell: Time spent with it [s], float64 of shape (rows,); NaN where unknown.
        rating: What the user said of it, float64 of shape (rows,); NaN where unknown.
        propensity: Probability, in (0, 1], with which the logging policy showed this item at this place,
            float64 of shape (rows,); NaN where unknown.
        reward: What the impression was worth, float64 of shape (rows,); by default the click.
        left: True in the last step of a session that its user ended, bool of shape (rows,).
        report: Counted losses, such as ``{"rows of items that the catalogue lacks": 3}``.

    Raises:
        ValueError: Naming the field, the value and what is allowed.
    """

    user: NDArray[np.int64]
    user_ids: tuple[str, ...]
    item: NDArray[np.int64]
    item_ids: tuple[str, ...]
    session: NDArray[np.int64]
    step: NDArray[np.int64]
    position: NDArray[np.int64]
    time: NDArray[np.float64]
    clicked: NDArray[np.bool_]
    dwell: NDArray[np.float64]
    rating: NDArray[np.float64]
    propensity: NDArray[np.float64]
    reward: NDArray[np.float64]
    left: NDArray[np.bool_]
    report: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check every column."""
        checked: dict[str, NDArray[Any]] = {}
        for name in COLUMNS:
            values = column(None, name, getattr(self, name))
            if len(values) != len(self.user):
                raise ValueError(f"{name} has {len(values)} rows, but user has {len(self.user)}")
            if name in _INTEGERS:
                checked[name] = integers(name, values)
            elif name in _NUMBERS:
                low, high = _NUMBERS[name]
                checked[name] = numbers(name, values, low=low, high=high, unknown=True)
            elif name == "reward":
                checked[name] = numbers(name, values)
            else:
                checked[name] = booleans(name, values)
        for name, values in checked.items():
            object.__setattr__(self, name, frozen(values))
        for name, ids in (("user", self.user_ids), ("item", self.item_ids)):
            highest = int(checked[name].max(initial=-1))
            if highest >= len(ids):
                raise ValueError(f"{name}={highest} must be below the number of {name}_ids, {len(ids)}")
        self._check_sessions()

    def _check_sessions(self) -> None:
        order = self.slates.order
        session, step, position = self.session[order], self.step[order], self.position[order]
        together = np.diff(session) == 0
        mixed = together & (np.diff(self.user[order]) != 0)
        if mixed.any():
            raise ValueError(f"session={session[:-1][mixed][0]} must have one user, but has several")
        twice = together & (np.diff(step) == 0) & (np.diff(position) == 0)
        if twice.any():
            where = int(np.argmax(twice))
            raise ValueError(
                f"position={position[where]} must be taken once in a slate, but is taken twice in "
                f"session {session[where]}, step {step[where]} (row {order[where + 1]})"
            )

    @classmethod
    def from_table(
        cls,
        table: Any = None,
        *,
        user: Any,
        item: Any,
        time: Any = None,
        rating: Any = None,
        click: Any = None,
        dwell: Any = None,
        position: Any = None,
        propensity: Any = None,
        session: Any = None,
        step: Any = None,
        reward: Any = None,
        left: Any = None,
        catalogue: Catalogue | None = None,
        unseen: str = "error",
        session_gap: float = SESSION_GAP,
    ) -> Logs:
        """Make logs of a table.

        Each argument is a column, or the name of one in ``table``.

        Args:
            table: A mapping of columns, a data frame, a structured array or a list of mappings, one a row.
            user: Ids of the users, strings or whole numbers.
            item: Ids of the items.
            time: [s].
            rating: In any unit; NaN where unknown.
            click: 0 or 1; without it every row counts as an interaction, that is, as clicked.
            dwell: [s], at least 0; NaN where unknown.
            position: Place on the slate, from 0.
            propensity: In (0, 1]; NaN where unknown.
            session: Names of sessions, which may be counted for each user anew.  Without it, a user's session
                ends with a silence of ``session_gap``, or never where times are unknown.
            step: Number of the slate within its session.  Slates of several items need it or a position; see
                :func:`~mmenvs.recommender.data.sessions.derive_steps`.
            reward: The click by default.
            left: Whether the user ended the session here.
            catalogue: See :meth:`with_catalogue`.
            unseen: See :meth:`with_catalogue`.
            session_gap: [s], above 0.

        Returns:
            The rows in the table's order.

        Raises:
            ValueError: Naming the field, the value and what is allowed.
        """
        if not session_gap > 0.0:
            raise ValueError(f"session_gap={session_gap!r} must be above 0 s")
        given = {
            "user": user, "item": item, "time": time, "rating": rating, "click": click, "dwell": dwell,
            "position": position, "propensity": propensity, "session": session, "step": step,
            "reward": reward, "left": left,
        }  # fmt: skip
        columns = {name: column(table, name, source) for name, source in given.items() if source is not None}
        for name in ("user", "item"):
            if name not in columns:
                raise ValueError(f"{name}=None must be a column or the name of one")
        rows = len(columns["user"])
        for name, values in columns.items():
            if len(values) != rows:
                raise ValueError(f"{name} has {len(values)} rows, but user has {rows}")
        user_code, user_ids = codes("user", columns["user"])
        item_code, item_ids = codes("item", columns["item"])
        at = numbers("time", columns["time"]) if "time" in columns else None
        place = integers("position", columns["position"]) if "position" in columns else None
        if "session" in columns:
            sessions = session_codes(user_code, codes("session", columns["session"])[0])
        else:
            sessions = derive_sessions(user_code, at, session_gap)
        known_steps = integers("step", columns["step"]) if "step" in columns else None
        steps = derive_steps(sessions, at, place) if known_steps is None else known_steps
        unknown = np.full(rows, np.nan)
        clicked = booleans("click", columns["click"]) if "click" in columns else np.ones(rows, bool)
        logs = cls(
            user=user_code,
            user_ids=user_ids,
            item=item_code,
            item_ids=item_ids,
            session=sessions,
            step=steps,
            position=derive_positions(sessions, steps) if place is None else place,
            time=unknown if at is None else at,
            clicked=clicked,
            dwell=columns.get("dwell", unknown),
            rating=columns.get("rating", unknown),
            propensity=columns.get("propensity", unknown),
            reward=columns.get("reward", clicked.astype(np.float64)),
            left=columns.get("left", np.zeros(rows, bool)),
        )
        return logs if catalogue is None else logs.with_catalogue(catalogue, unseen=unseen)

    def __len__(self) -> int:
        """Return the number of impressions."""
        return len(self.user)

    @cached_property
    def slates(self) -> Slates:
        """The rows by slate."""
        order = np.lexsort((self.position, self.step, self.session))
        begins = np.ones(len(self), bool)
        begins[1:] = (np.diff(self.session[order]) != 0) | (np.diff(self.step[order]) != 0)
        starts = np.append(np.flatnonzero(begins), len(self))
        return Slates(frozen(order), frozen(starts.astype(np.int64)))

    def rows(self, chosen: NDArray[Any]) -> Self:
        """Return the chosen rows (indices, or bool of shape (rows,)) as logs of the same users and items."""
        taken = {name: getattr(self, name)[chosen] for name in COLUMNS}
        return replace(self, **taken)

    def split(self, fraction: float, seed: int = 0, by: str = "row") -> tuple[Self, Self]:
        """Hold out a part of the log.

        Args:
            fraction: Share that is held out, between 0 and 1.
            seed: Of the random choice; the same seed holds out the same rows.
            by: What stays together: ``"row"``, ``"slate"``, ``"session"`` or ``"user"``, chosen at random, or
                ``"time"``, which holds out the latest rows.

        Returns:
            The rest and what is held out, both of the same users and items.

        Raises:
            ValueError: If an argument is not allowed, or one part would be empty.
        """
        held_out = self.held_out(fraction, seed, by)
        return self.rows(~held_out), self.rows(held_out)

    def held_out(self, fraction: float, seed: int = 0, by: str = "row") -> NDArray[np.bool_]:
        """Return which rows :meth:`split` holds out, bool of shape (rows,)."""
        if not 0.0 < fraction < 1.0:
            raise ValueError(f"fraction={fraction!r} must be between 0 and 1")
        if by not in SPLITS:
            raise ValueError(f"by={by!r} must be one of {SPLITS}")
        if by == "time":
            if np.isnan(self.time).any():
                raise ValueError("by='time' must have the time of every row, but some are unknown")
            group = np.empty(len(self), np.int64)
            group[np.argsort(self.time, kind="stable")] = np.arange(len(self))
        elif by == "row":
            group = np.arange(len(self))
        elif by == "slate":
            group = np.empty(len(self), np.int64)
            order, starts = self.slates
            group[order] = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        else:
            kept: NDArray[np.int64] = getattr(self, by)
            group = np.unique(kept, return_inverse=True)[1].reshape(-1)
        groups = int(group.max(initial=-1)) + 1
        count = round(fraction * groups)
        if not 0 < count < groups:
            raise ValueError(f"fraction={fraction!r} of {groups} {by}s leaves one part empty")
        if by == "time":
            return np.asarray(group >= groups - count)
        chosen = np.zeros(groups, bool)
        chosen[np.random.default_rng(seed).permutation(groups)[:count]] = True
        return np.asarray(chosen[group])

    def with_catalogue(self, catalogue: Catalogue, *, unseen: str = "error") -> Self:
        """Return the logs with item codes that are rows of the catalogue.

        Args:
            catalogue: Its ids are looked up.
            unseen: ``"error"``, or ``"drop"`` to drop and count the rows of items that the catalogue lacks.

        Raises:
            ValueError: If items are unseen and that is an error, naming the first.
        """
        if unseen not in ("error", "drop"):
            raise ValueError(f"unseen={unseen!r} must be 'error' or 'drop'")
        row_of = {name: row for row, name in enumerate(catalogue.ids)}
        table = np.array([row_of.get(name, -1) for name in self.item_ids], np.int64)
        item = table[self.item] if len(table) else self.item
        lost = item < 0
        if not lost.any():
            return replace(self, item=item, item_ids=catalogue.ids)
        row = int(np.argmax(lost))
        if unseen == "error":
            raise ValueError(
                f"item[{row}]={self.item_ids[self.item[row]]!r} must be in the catalogue of "
                f"{len(catalogue)} items; {int(lost.sum())} rows are not (unseen='drop' drops them)"
            )
        reason = "rows of items that the catalogue lacks"
        report = {**self.report, reason: self.report.get(reason, 0) + int(lost.sum())}
        keep = ~lost
        taken = {name: getattr(self, name)[keep] for name in COLUMNS if name != "item"}
        return replace(self, **taken, item=item[keep], item_ids=catalogue.ids, report=report)

    @classmethod
    def concat(cls, parts: Sequence[Logs]) -> Logs:
        """Put logs under each other; their users and items are matched by id, their sessions are kept apart.

        Raises:
            ValueError: If there are no parts.
        """
        if not parts:
            raise ValueError("parts=[] must hold at least one log")
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in COLUMNS
        }
        for name in ("user", "item"):
            known: dict[str, int] = {}
            tables = [
                np.array(
                    [known.setdefault(text, len(known)) for text in getattr(part, f"{name}_ids")], np.int64
                )
                for part in parts
            ]
            columns[name] = np.concatenate(
                [table[getattr(part, name)] for table, part in zip(tables, parts, strict=True)]
            )
            columns[f"{name}_ids"] = tuple(known)
        part_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        columns["session"] = session_codes(part_of, columns["session"])
        report: dict[str, int] = {}
        for part in parts:
            for reason, count in part.report.items():
                report[reason] = report.get(reason, 0) + count
        return cls(**columns, report=report)

    def summary(self) -> dict[str, float]:
        """Return what the log holds: counts, the click-through rate, and the counted losses."""
        starts = self.slates.starts
        sessions = len(np.unique(self.session))
        counts: dict[str, float] = {
            "impressions": len(self),
            "users": len(np.unique(self.user)),
            "items": len(np.unique(self.item)),
            "sessions": sessions,
            "slates": len(starts) - 1,
            "clicks": int(self.clicked.sum()),
            "click-through rate": float(self.clicked.mean()) if len(self) else float("nan"),
            "steps per session": (len(starts) - 1) / sessions if sessions else float("nan"),
            "ratings": int((~np.isnan(self.rating)).sum()),
            "dwell times": int((~np.isnan(self.dwell)).sum()),
            "propensities": int((~np.isnan(self.propensity)).sum()),
            "sessions that users ended": len(np.unique(self.session[self.left])),
        }
        return {**counts, **self.report}

    def to_recbole(self, folder: str | Path, name: str) -> Path:
        """Write ``folder/name/name.inter``; see :func:`~mmenvs.recommender.data.files.write_recbole`."""
        from mmenvs.recommender.data.files import write_recbole

        return write_recbole(self, folder, name)

    @classmethod
    def from_recbole(cls, path: str | Path, **options: Any) -> Logs:
        """Read an ``.inter`` file; see :func:`~mmenvs.recommender.data.files.read_recbole`."""
        from mmenvs.recommender.data.files import read_recbole

        return read_recbole(path, **options)

    def to_parquet(self, path: str | Path) -> Path:
        """Write a Parquet file; see :func:`~mmenvs.recommender.data.files.write_parquet`."""
        from mmenvs.recommender.data.files import write_parquet

        return write_parquet(self, path)

    @classmethod
    def from_parquet(cls, path: str | Path) -> Logs:
        """Read what :meth:`to_parquet` wrote."""
        from mmenvs.recommender.data.files import read_parquet

        return read_parquet(path)

    def to_npz(self, path: str | Path) -> Path:
        """Write an ``.npz`` file; see :func:`~mmenvs.recommender.data.files.write_npz`."""
        from mmenvs.recommender.data.files import write_npz

        return write_npz(self, path)

    @classmethod
    def from_npz(cls, path: str | Path) -> Logs:
        """Read what :meth:`to_npz` wrote."""
        from mmenvs.recommender.data.files import read_npz

        return read_npz(path)
