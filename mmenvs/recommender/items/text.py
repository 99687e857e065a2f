"""Text encoders that need no download: hashed words, and hashed TF-IDF with a truncated SVD.

A text encoder is any callable that takes texts and returns float32 of shape (texts, size), one with
pretrained weights for example: :class:`~mmenvs.recommender.items.minilm.MiniLM`, or a model of the package
``sentence-transformers``::

    catalogue = Catalogue.from_table(
        items, text=["title"], text_encoder=lambda texts: model.encode(list(texts), normalize_embeddings=True)
    )
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Takes texts, returns float32 of shape (texts, size).
TextEncoder = Callable[[Sequence[str]], NDArray[np.float32]]

_CHUNK = 1 << 13  # words whose vectors are in memory at a time: few enough to stay in the cache
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class HashedText:
    """Embeds a text as the normalised sum of its words' random vectors, one per word, drawn from its hash.

    Feature hashing (Weinberger et al., ICML 2009) with dense Gaussian vectors in place of single signs, so
    that it works at small sizes too.  A text's vector depends on that text alone.

    Attributes:
        size: Length of a vector.
        bigrams: Whether pairs of neighbouring words count as words too, which tells word order.
    """

    size: int = 64
    bigrams: bool = False

    def __post_init__(self) -> None:
        """Check the size."""
        _check_size("HashedText.size", self.size)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; case and punctuation do not matter.

        Returns:
            float32 of shape (texts, size); rows have unit length, or are zero where there is no word.
        """
        words, rows, names = _words(texts, self.bigrams)
        table = np.stack([_word_vector(name, self.size) for name in names] or [np.zeros(self.size)])
        return unit_rows(_row_sums(table, words, np.ones(len(words)), rows, len(texts)))


@dataclass(frozen=True)
class TfidfSvd:
    """Embeds texts by their weighted words, reduced to the directions in which *these* texts differ most.

    Words are hashed to columns with a sign (Weinberger et al., ICML 2009), weighted by
    ``(1 + ln(count)) * (1 + ln((1 + texts) / (1 + texts with the word)))`` and scaled to unit length; the
    leading right singular vectors come from a randomised range finder with power iterations (Halko,
    Martinsson and Tropp, SIAM Review 53, 2011).  The same texts give the same vectors.

    Attributes:
        size: Length of a vector; numbers beyond the rank of the texts are zero.
        hash_size: Columns that words are hashed to.
        bigrams: Whether pairs of neighbouring words count as words too.
        seed: Seed of the range finder.
    """

    size: int = 64
    hash_size: int = 1 << 14
    bigrams: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the sizes."""
        _check_size("TfidfSvd.size", self.size)
        _check_size("TfidfSvd.hash_size", self.hash_size)

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Embed texts; case and punctuation do not matter.

        Returns:
            float32 of shape (texts, size); rows have unit length, or are zero where there is no word.
        """
        rows, columns, values = self._weights(texts)
        # Only columns in use are kept: the range finder then works on as few as there are.
        used, columns = np.unique(columns, return_inverse=True)
        shape = (len(texts), max(1, len(used)))
        rank = min(self.size, *shape)
        width = min(rank + 8, *shape) if min(shape) else 0
        by_column = np.argsort(columns, kind="stable")
        basis: NDArray[np.float64] = np.random.default_rng(self.seed).standard_normal((shape[1], width))
        for _ in range(4):
            image = _row_sums(basis, columns, values, rows, shape[0])
            image, _ = np.linalg.qr(image)
            basis = _row_sums(image, rows[by_column], values[by_column], columns[by_column], shape[1])
        # texts = image @ basis.T, so the singular vectors of the small basis.T are those of the texts.
        _, _, right = np.linalg.svd(basis.T, full_matrices=False)
        directions = right[:rank].T
        directions = directions * np.where(
            directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])] < 0, -1.0, 1.0
        )
        reduced = _row_sums(directions, columns, values, rows, shape[0])
        # Directions beyond the rank hold rounding errors, which unit length would blow up.
        reduced[np.abs(reduced) < 1e-9] = 0.0
        padded = np.zeros((len(texts), self.size))
        padded[:, : reduced.shape[1]] = reduced
        return unit_rows(padded)

    def _weights(
        self, texts: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return the TF-IDF matrix as rows (ascending), columns and values."""
        words, rows, names = _words(texts, self.bigrams)
        pairs, counts = np.unique(rows * max(1, len(names)) + words, return_counts=True)
        rows, words = np.divmod(pairs, max(1, len(names)))
        document_frequency = np.bincount(words, minlength=len(names))
        weight = 1.0 + np.log((1.0 + len(texts)) / (1.0 + document_frequency))
        values = (1.0 + np.log(counts)) * weight[words]
        length = np.sqrt(np.bincount(rows, values**2, minlength=len(texts)))
        hashes = np.array([_digest(name) for name in names], np.uint64)
        sign = np.where(hashes >> np.uint64(63), -1.0, 1.0)
        columns = (hashes % np.uint64(self.hash_size)).astype(np.int64)
        return rows, columns[words], values / length[rows] * sign[words]


def as_vectors(encoded: Any, count: int, what: str) -> NDArray[np.float32]:
    """Check what an encoder returned, or a file held.

    Args:
        encoded: Should be numbers of shape (count, size).
        count: Rows there should be.
        what: What to call it in a message.

    Raises:
        ValueError: If it is not finite numbers of that shape.
    """
    array = np.asarray(encoded)
    if array.ndim != 2 or len(array) != count or array.dtype.kind not in "fiu":
        raise ValueError(
            f"{what}={array.dtype} of shape {array.shape}: must be numbers of shape ({count}, size)"
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise ValueError(f"{what}: row {bad[0]} holds NaN or infinity ({len(bad)} such rows); must be finite")
    return array.astype(np.float32)


def _check_size(name: str, size: int) -> None:
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
        raise ValueError(f"{name}={size!r}: must be a whole number of at least 1")


def _words(texts: Sequence[str], bigrams: bool) -> tuple[NDArray[np.int64], NDArray[np.int64], list[str]]:
    """Return each word's number, its text (ascending), and the names that numbers stand for."""
    numbers: dict[str, int] = {}
    words: list[int] = []
    counts: list[int] = []
    known: dict[str, list[int]] = {}  # catalogues repeat themselves
    for text in texts:
        found = known.get(text)
        if found is None:
            plain = _WORD.findall(text.lower())
            if bigrams:
                plain += [f"{first} {second}" for first, second in pairwise(plain)]
            found = known[text] = [numbers.setdefault(word, len(numbers)) for word in plain]
        words += found
        counts.append(len(found))
    rows = np.repeat(np.arange(len(counts)), np.array(counts, np.int64))
    return np.array(words, np.int64), rows, list(numbers)


def _row_sums(
    table: NDArray[np.float64],
    index: NDArray[np.int64],
    weight: NDArray[np.float64],
    rows: NDArray[np.int64],
    count: int,
) -> NDArray[np.float64]:
    """Return for each of ``count`` rows the sum of ``weight * table[index]`` over its entries.

    That is a sparse matrix, given by its entries with rows in ascending order, times the table.
    """
    sums = np.zeros((count, table.shape[1]))
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        terms = table[index[part]] * weight[part, None]
        first = np.flatnonzero(np.diff(rows[part], prepend=-1))
        sums[rows[part][first]] += np.add.reduceat(terms, first, axis=0)
    return sums


def unit_rows(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    """Scale rows to unit length; rows of zeros stay."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(length > 0, length, 1.0)).astype(np.float32)


def _digest(word: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(word.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )


@lru_cache(maxsize=65536)
def _word_vector(word: str, size: int) -> NDArray[np.float64]:
    rng = np.random.default_rng(_digest(word))
    return np.asarray(rng.standard_normal(size) / np.sqrt(size), np.float64)
