"""Item-item neighbours: who clicked this also clicked that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.policies.base import Actions, Values, choose
from mmenvs.recommender.policies.visible import Visible, item_vectors, look
from mmenvs.recommender.simulator import RecommenderSimulator

if TYPE_CHECKING:
    from mmenvs.recommender.data.logs import Logs

#: Items up to which co-clicks are counted, in a matrix of items x items; beyond, content alone decides.
MOST_ITEMS = 5_000


class ItemKNN:
    """Recommends what is most similar to what the user clicked, and least to what the user passed over.

    The value of item i is the mean over the history of ``s_ij (clicked_j - rate)``, with the click-through
    rate of all (the adjusted weighted sum of Sarwar et al., WWW 2001), plus its own click-through rate.
    Two items are alike as far as the same users click them, as a cosine, and
    before enough is known as far as they look and read alike: ``s_ij = (n_ij + shrinkage content_ij) /
    (sqrt(n_i n_j) + shrinkage)`` with n the clicks and co-clicks.  It learns from logs, or while it acts.
    """

    def __init__(
        self, logs: Logs | None = None, *, shrinkage: float = 5.0, popularity: float = 2.0, size: int = 32
    ) -> None:
        """Know what the logs tell.

        Args:
            logs: Impressions with clicks; items that the catalogue lacks are ignored.
            shrinkage: Co-clicks that content similarity is worth.
            popularity: Weight of the click-through rate beside the similarity.
            size: Principal components by which content is compared.

        Raises:
            ValueError: If a number is not allowed.
        """
        for name, value in (("shrinkage", shrinkage), ("popularity", popularity)):
            if not value >= 0.0:
                raise ValueError(f"{name}={value!r} must be at least 0")
        if size < 1:
            raise ValueError(f"size={size!r} must be at least 1")
        self.shrinkage, self.popularity, self.size = float(shrinkage), float(popularity), int(size)
        self._logs = logs
        self._vectors: Values | None = None
        self._together = np.zeros((0, 0), np.float32)
        self._clicks, self._shown = np.zeros(0), np.zeros(0)
        self._seen: Visible | None = None

    def actions(self, simulator: RecommenderSimulator) -> Actions:
        """Return the nearest neighbours.

        Raises:
            ValueError: If the action space does not name candidates.
        """
        if self._vectors is None or len(self._vectors) != len(simulator.catalogue):
            self._begin(simulator)
        assert self._vectors is not None
        self._seen = seen = look(simulator, self._vectors)
        total = float(self._clicks.sum()) / max(float(self._shown.sum()), 1.0)
        rate = (self._clicks + 10.0 * total) / (self._shown + 10.0)
        near = self._similarity(seen.page, seen.clicked) * (1.0 - total)
        near -= self._similarity(seen.page, seen.passed) * total
        events = (seen.clicked >= 0).sum(axis=1) + (seen.passed >= 0).sum(axis=1)
        return choose(simulator, near / np.maximum(events, 1)[:, None] + self.popularity * rate[seen.page])

    def _similarity(self, page: NDArray[np.int64], history: NDArray[np.int64]) -> Values:
        """Return the summed similarity of each candidate to the items of a history, -1 for none."""
        assert self._vectors is not None
        past, there = np.maximum(history, 0), history >= 0
        alike = np.matmul(self._vectors[page], self._vectors[past].transpose(0, 2, 1))
        if self._together.size:
            pairs = self._together[page[:, :, None], past[:, None, :]]
            length = np.sqrt(self._clicks[page][:, :, None] * self._clicks[past][:, None, :])
            alike = (pairs + self.shrinkage * alike) / np.maximum(length + self.shrinkage, 1e-12)
        return np.asarray((alike * there[:, None, :]).sum(axis=2))

    def observe(self, simulator: RecommenderSimulator, active: NDArray[np.bool_] | None = None) -> None:
        """Count clicks, and what their users had clicked before.

        Args:
            simulator: The worlds after the step.
            active: Worlds that were advanced, shape (num_worlds,); all if None.

        Raises:
            RuntimeError: If :meth:`actions` was not called for this step.
        """
        if self._seen is None:
            raise RuntimeError("observe() must follow actions() and the step")
        before, self._seen = self._seen.clicked, None
        shown: NDArray[np.int64] = simulator.state.slate["item"]
        rows = (shown >= 0) if active is None else (shown >= 0) & active[:, None]
        np.add.at(self._shown, shown[rows], 1.0)
        rows = rows & simulator.state.slate["clicked"]
        np.add.at(self._clicks, shown[rows], 1.0)
        new = np.where(rows, shown, -1)
        self._count(new[:, :, None], before[:, None, :])
        later, earlier = np.tril_indices(new.shape[1], -1)
        self._count(new[:, later], new[:, earlier])

    def _begin(self, simulator: RecommenderSimulator) -> None:
        vectors = item_vectors(simulator, self.size)
        self._vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
        items = len(vectors)
        self._clicks, self._shown = np.zeros(items), np.zeros(items)
        size = items if items <= MOST_ITEMS else 0
        self._together = np.zeros((size, size), np.float32)
        if self._logs is not None:
            self._read(self._logs.with_catalogue(simulator.catalogue, unseen="drop"))

    def _read(self, logs: Logs) -> None:
        np.add.at(self._shown, logs.item, 1.0)
        np.add.at(self._clicks, logs.item[logs.clicked], 1.0)
        order = np.argsort(logs.user[logs.clicked], kind="stable")
        user, item = logs.user[logs.clicked][order], logs.item[logs.clicked][order]
        for liked in np.split(item, np.flatnonzero(np.diff(user)) + 1):
            kept = np.unique(liked)
            later, earlier = np.tril_indices(len(kept), -1)
            self._count(kept[later], kept[earlier])

    def _count(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> None:
        """Count pairs of clicked items, -1 for none, both ways."""
        if not self._together.size:
            return
        one, other = (part.reshape(-1) for part in np.broadcast_arrays(one, other))
        real = (one >= 0) & (other >= 0) & (one != other)
        np.add.at(self._together, (one[real], other[real]), np.float32(1.0))
        np.add.at(self._together, (other[real], one[real]), np.float32(1.0))
