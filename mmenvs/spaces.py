"""Spaces that say what they carry.

Each class is a :class:`gymnasium.spaces.Box` that also knows its modality, its unit and the
structure behind its shape, so that an encoder can be chosen from the space alone.  They pickle,
batch with :func:`gymnasium.vector.utils.batch_space`, and are plain boxes to anyone who does not
care.

On the wire every array is either one-dimensional or a three-dimensional image, because those are
the two shapes that Stable-Baselines3 accepts without a warning.  Structured data (a set of objects,
a history) is therefore stored flat; :meth:`ModalBox.unflatten` gives it back its shape, for NumPy
arrays and for torch tensors alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from gymnasium.spaces import Box, Space
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, DTypeLike

ArrayOrTensor = TypeVar("ArrayOrTensor")

#: The modalities that a space can declare.
MODALITIES = ("image", "scan", "objects", "tokens", "vector", "history")


class ModalBox(Box):
    """A box with a modality, a unit and a structure; the base of the classes below.

    Attributes:
        modality: One of :data:`MODALITIES`.
        unit: What one number means, such as ``"m/s"``; empty for a dimensionless quantity.
        structure: The shape of one observation once :meth:`unflatten` has restored it.
        batch: Leading batch axes, empty for the space of a single world.
    """

    modality: ClassVar[str] = "vector"
    unit: str
    structure: tuple[int, ...]
    batch: tuple[int, ...]

    def __init__(
        self,
        low: ArrayLike,
        high: ArrayLike,
        shape: Sequence[int],
        dtype: DTypeLike,
        *,
        unit: str = "",
        structure: Sequence[int] | None = None,
    ) -> None:
        """Create the box.

        Args:
            low: Lower bound, broadcast to ``shape``.
            high: Upper bound, broadcast to ``shape``.
            shape: Shape of one observation on the wire.
            dtype: NumPy dtype of the observation.
            unit: Unit of one number.
            structure: Shape that :meth:`unflatten` restores; ``shape`` by default.

        Raises:
            ValueError: If a dimension of ``shape`` is not a positive integer.
        """
        dims = tuple(shape)
        if not dims or any(int(n) != n or n < 1 for n in dims):
            raise ValueError(f"{type(self).__name__}: shape={dims} must be positive integers")
        kind = np.dtype(dtype)
        super().__init__(
            np.broadcast_to(np.asarray(low, kind), dims).copy(),
            np.broadcast_to(np.asarray(high, kind), dims).copy(),
            dims,
            cast(Any, kind.type),
        )
        self.unit = unit
        self.structure = tuple(structure) if structure is not None else dims
        self.batch = ()

    def unflatten(self, array: ArrayOrTensor) -> ArrayOrTensor:
        """Return ``array`` with its last axes shaped as :attr:`structure`.

        Args:
            array: NumPy array or torch tensor of shape ``(..., *wire shape)``.

        Returns:
            A view of shape ``(..., *structure)`` where the layout allows one.
        """
        value: Any = array
        wire = len(self.shape) - len(self.batch)
        lead = tuple(value.shape[: value.ndim - wire])
        shaped: ArrayOrTensor = value.reshape(lead + self.structure)
        return shaped

    def batched(self, count: int) -> ModalBox:
        """Return the space of ``count`` such observations, stacked on a new first axis."""
        clone = deepcopy(self)
        clone._shape = (count, *self.shape)
        # Views: the bounds of a thousand pictures need no more memory than those of one.
        for name in ("low", "high", "bounded_below", "bounded_above"):
            setattr(clone, name, np.broadcast_to(getattr(self, name), clone._shape))
        clone.batch = (count, *self.batch)
        return clone

    def __repr__(self) -> str:
        """Name the modality, shape, range, dtype and unit."""
        unit = f", unit={self.unit!r}" if self.unit else ""
        low, high = self.low.min(), self.high.max()
        return f"{type(self).__name__}({self.shape}, [{low}, {high}], {self.dtype}{unit})"


class Image(ModalBox):
    """Pictures, or a contact sheet of several pictures of equal size.

    The wire shape is ``(rows * height, columns * width, channels)``, where ``tiles=(rows, columns)``;
    with ``channels_first`` it is ``(channels, rows * height, columns * width)``.
    """

    modality = "image"
    tiles: tuple[int, int]
    channels_first: bool

    def __init__(
        self,
        height: int,
        width: int,
        channels: int = 3,
        *,
        low: float = 0,
        high: float = 255,
        dtype: DTypeLike = np.uint8,
        unit: str = "intensity",
        tiles: tuple[int, int] = (1, 1),
        channels_first: bool = False,
    ) -> None:
        """Create the space of one picture, or of ``tiles`` pictures in rows and columns."""
        rows, columns = tiles
        sheet = (rows * height, columns * width)
        shape = (channels, *sheet) if channels_first else (*sheet, channels)
        structure: tuple[int, ...] = (height, width, channels)
        if rows * columns > 1:
            structure = (rows * columns, *structure)
        super().__init__(low, high, shape, dtype, unit=unit, structure=structure)
        self.tiles = (rows, columns)
        self.channels_first = channels_first
        self._size = (height, width, channels)

    @property
    def count(self) -> int:
        """Number of pictures in the sheet."""
        return self.tiles[0] * self.tiles[1]

    @property
    def size(self) -> tuple[int, int, int]:
        """Height, width and channels of one picture."""
        return self._size

    def unflatten(self, array: ArrayOrTensor) -> ArrayOrTensor:
        """Return ``(..., height, width, channels)``, or ``(..., count, height, width, channels)``.

        Args:
            array: NumPy array or torch tensor of shape ``(..., *wire shape)``.
        """
        value: Any = array
        lead = tuple(value.shape[: value.ndim - 3])
        n = len(lead)
        axes = tuple(range(n))
        height, width, channels = self._size
        rows, columns = self.tiles
        permute = value.permute if hasattr(value, "permute") else value.transpose
        if self.channels_first:
            value = permute(*axes, n + 1, n + 2, n)
            permute = value.permute if hasattr(value, "permute") else value.transpose
        if self.count == 1:
            single: ArrayOrTensor = value
            return single
        grid = value.reshape((*lead, rows, height, columns, width, channels))
        permute = grid.permute if hasattr(grid, "permute") else grid.transpose
        moved = permute(*axes, n, n + 2, n + 1, n + 3, n + 4)
        tiled: ArrayOrTensor = moved.reshape((*lead, rows * columns, height, width, channels))
        return tiled

    def to_channels_first(self) -> Image:
        """Return the same space in ``(channels, height, width)`` order."""
        height, width, channels = self._size
        return Image(
            height,
            width,
            channels,
            low=float(self.low.min()),
            high=float(self.high.max()),
            dtype=self.dtype,
            unit=self.unit,
            tiles=self.tiles,
            channels_first=True,
        )


class Scan(ModalBox):
    """A range scan: ``beams`` readings around a sensor, wire shape ``(beams,)``.

    ``circular`` says that the last beam is a neighbour of the first.
    """

    modality = "scan"
    circular: bool

    def __init__(
        self,
        beams: int,
        *,
        low: float = 0.0,
        high: float = 1.0,
        unit: str = "range",
        circular: bool = True,
    ) -> None:
        """Create the space of one scan of ``beams`` float32 readings."""
        super().__init__(low, high, (beams,), np.float32, unit=unit)
        self.circular = circular


class Objects(ModalBox):
    """A set of ``count`` objects with ``features`` numbers each, stored flat as ``(count * features,)``.

    :meth:`~ModalBox.unflatten` gives ``(..., count, features)``.
    """

    modality = "objects"
    names: tuple[str, ...]

    def __init__(
        self,
        count: int,
        features: int,
        *,
        low: ArrayLike = -1.0,
        high: ArrayLike = 1.0,
        unit: str = "",
        names: Sequence[str] = (),
    ) -> None:
        """Create the space; ``low`` and ``high`` may hold one bound per feature."""
        bounds = [np.broadcast_to(np.asarray(b, np.float32), (count, features)) for b in (low, high)]
        super().__init__(
            bounds[0].reshape(-1),
            bounds[1].reshape(-1),
            (count * features,),
            np.float32,
            unit=unit,
            structure=(count, features),
        )
        self.names = tuple(names)


class Tokens(ModalBox):
    """A sentence of ``length`` token ids in ``[0, vocabulary)``; 0 is padding. Wire shape ``(length,)``.

    ``words`` says what each id stands for, where that is known, so that a sentence can be read.
    """

    modality = "tokens"
    vocabulary: int
    words: tuple[str, ...] = ()  # also for spaces that were pickled before they had words

    def __init__(self, length: int, vocabulary: int, *, words: Sequence[str] = ()) -> None:
        """Create the space of int64 token ids.

        Args:
            length: Most words of a sentence.
            vocabulary: Number of ids, padding included.
            words: The word of each id; empty if unknown.

        Raises:
            ValueError: If there are words, but not one for each id.
        """
        if len(words) not in (0, vocabulary):
            raise ValueError(f"Tokens: words has {len(words)} words, but must have vocabulary={vocabulary}")
        super().__init__(0, vocabulary - 1, (length,), np.int64, unit="token")
        self.vocabulary = vocabulary
        self.words = tuple(words)


class Vector(ModalBox):
    """Plain numbers, wire shape ``(size,)``; ``names`` says what each one is."""

    modality = "vector"
    names: tuple[str, ...]

    def __init__(
        self,
        size: int,
        *,
        low: ArrayLike = -1.0,
        high: ArrayLike = 1.0,
        unit: str = "",
        names: Sequence[str] = (),
    ) -> None:
        """Create the space of ``size`` float32 numbers."""
        super().__init__(low, high, (size,), np.float32, unit=unit)
        self.names = tuple(names)


class History(ModalBox):
    """The last ``length`` events with ``features`` numbers each, oldest first, stored flat.

    :meth:`~ModalBox.unflatten` gives ``(..., length, features)``.
    """

    modality = "history"
    names: tuple[str, ...]

    def __init__(
        self,
        length: int,
        features: int,
        *,
        low: ArrayLike = -1.0,
        high: ArrayLike = 1.0,
        unit: str = "",
        names: Sequence[str] = (),
    ) -> None:
        """Create the space; ``low`` and ``high`` may hold one bound per feature."""
        bounds = [np.broadcast_to(np.asarray(b, np.float32), (length, features)) for b in (low, high)]
        super().__init__(
            bounds[0].reshape(-1),
            bounds[1].reshape(-1),
            (length * features,),
            np.float32,
            unit=unit,
            structure=(length, features),
        )
        self.names = tuple(names)


@batch_space.register(ModalBox)
def _batch_modal_box(space: ModalBox, n: int = 1) -> ModalBox:
    return space.batched(n)


def modality_of(space: Space[Any]) -> str:
    """Say which modality a space carries; for spaces of other packages, infer it.

    A uint8 box of three axes counts as ``"image"``, any other box or discrete space as ``"vector"``.

    Args:
        space: Any leaf space of a Dict observation space.

    Returns:
        One of :data:`MODALITIES`.
    """
    if isinstance(space, ModalBox):
        return space.modality
    if isinstance(space, Box) and len(space.shape) == 3 and space.dtype == np.uint8:
        return "image"
    return "vector"
