"""The knobs of the networks: frozen dataclasses that refuse what makes no sense.

Every modality has a field ``encoder``, the name of a network in :data:`agents.encoders.ENCODERS`.  New fields
have plain defaults, so that a config that was pickled before them still has a value for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from mmenvs.spaces import MODALITIES

#: Ways of reading the candidates of a recommendation.
Candidates = Literal["separate", "shared", "attention"]


def require(config: object, name: str, valid: bool, allowed: str) -> None:
    """Raise if a field of a config is not valid.

    Args:
        config: The dataclass that is being checked.
        name: Name of the field.
        valid: Whether its value is allowed.
        allowed: What would be, in words.

    Raises:
        ValueError: Naming the class, the field, its value and what is allowed.
    """
    if not valid:
        value: Any = getattr(config, name)
        raise ValueError(f"{type(config).__name__}: {name}={value!r} must be {allowed}")


def require_positive(config: object, *names: str) -> None:
    """Raise a ValueError unless the named fields are integers, or tuples of integers, of at least 1."""
    for name in names:
        value = getattr(config, name)
        numbers = value if isinstance(value, tuple) else (value,)
        valid = bool(numbers) and all(isinstance(n, int) and n >= 1 for n in numbers)
        require(config, name, valid, "at least 1" if numbers == (value,) else "a tuple of integers >= 1")


@dataclass(frozen=True)
class ImageConfig:
    """Pictures.

    Attributes:
        encoder: ``compact``, ``nature``, ``impala``, or ``efficientnet``, which is pretrained and frozen.
        channels: Channels of each convolution of ``compact``, of each stage of ``impala``.
        features: Size of the embedding of a picture that comes alone.  Mnih et al. (2015) have 512, Espeholt
            et al. (2018) 256.
        tile_features: Size of the embedding of each picture of a contact sheet.
    """

    channels: tuple[int, ...] = (16, 32, 32)
    features: int = 128
    tile_features: int = 32
    encoder: str = "compact"

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "channels", "features", "tile_features")


@dataclass(frozen=True)
class ScanConfig:
    """Strided one-dimensional convolutions around a scan.

    Attributes:
        encoder: ``circular``.
        channels: Channels of each convolution; each halves the number of beams.
        kernel: Beams that a convolution sees, odd.
        features: Size of the embedding.
    """

    channels: tuple[int, ...] = (16, 32)
    kernel: int = 5
    features: int = 64
    encoder: str = "circular"

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "channels", "kernel", "features")
        require(self, "kernel", self.kernel % 2 == 1, "odd, so that a beam stays in the middle")


@dataclass(frozen=True)
class ObjectsConfig:
    """Sets of objects.

    Attributes:
        encoder: ``ordered`` keeps each object at its place, which an action that picks the k-th needs;
            ``pointnet``, ``attention`` and ``graph`` pool the set and do not depend on its order.
        hidden: Sizes of the hidden layers of the MLP that all objects share; the last one is also the size of
            an object in the sets that are pooled.
        features: Size of the embedding of each object of ``ordered``, and of each candidate.
        pooled: Size of the embedding of a set that is pooled.
        rounds: Rounds of messages of ``graph``, blocks of ``attention``.
    """

    hidden: tuple[int, ...] = (64,)
    features: int = 16
    encoder: str = "ordered"
    pooled: int = 64
    rounds: int = 1

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "hidden", "features", "pooled", "rounds")


@dataclass(frozen=True)
class VectorConfig:
    """An MLP.

    Attributes:
        encoder: ``mlp``.
        hidden: Sizes of the layers; the last one is the size of the embedding.
    """

    hidden: tuple[int, ...] = (64, 64)
    encoder: str = "mlp"

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "hidden")


@dataclass(frozen=True)
class HistoryConfig:
    """Past events.

    Attributes:
        encoder: ``convolutional`` along time, ``gru``, ``transformer``, or ``newest``: the last event alone.
        channels: Channels of each convolution of ``convolutional``.
        features: Size of the embedding, and of each event in the others.
    """

    channels: tuple[int, ...] = (32, 16)
    features: int = 64
    encoder: str = "convolutional"

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "channels", "features")


@dataclass(frozen=True)
class TokensConfig:
    """Sentences.

    Attributes:
        encoder: ``gru`` or ``transformer`` over embedded words, or ``minilm``, pretrained and frozen.
        embedding: Size of the embedding of a word.
        features: Size of the embedding of the sentence.
    """

    embedding: int = 32
    features: int = 64
    encoder: str = "gru"

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "embedding", "features")


@dataclass(frozen=True)
class AttentionConfig:
    """Every attention: that of fusions, of candidates and inside of encoders.

    Attributes:
        heads: Heads, which must divide the size of what they attend to.
        layers: Blocks of the fusions ``attention`` and ``hybrid``, and of the ``transformer`` encoders.
    """

    heads: int = 4
    layers: int = 1

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "heads", "layers")


@dataclass(frozen=True)
class EncoderConfig:
    """Everything about a :class:`~agents.multimodal.MultimodalEncoder`.

    Dropout of both kinds is at work in training mode alone.  PPO and A2C act without it and learn with it, so
    that their probability ratios start apart from 1: keep the rates small there, or drop modalities in the
    world itself (:class:`mmenvs.wrappers.ModalityDropout`), which is exactly on-policy.

    Attributes:
        fusion: How the modalities are joined, a name in :data:`agents.fusion.FUSIONS`: ``concat``, ``sum``,
            ``gated``, ``film``, ``attention`` or ``hybrid``.
        width: Size to which each key of the observation is projected before it is joined to the others.
        modalities: Key of the observation to modality, where the one inferred from the space is not wanted;
            ``"image:impala"`` chooses the encoder of that key, too.
        candidates: ``separate`` reads each key on its own.  ``shared`` joins, candidate by candidate, all
            keys that hold equally many objects or pictures; with ``attention`` the candidates then attend to
            each other.  Their order is kept.
        modality_dropout: Chance that a key is hidden from a sample in training, in [0, 1); one always stays.
            The networks are told by validity bits.
        dropout: Dropout of projected features and inside of attention blocks, in [0, 1).
        film_conditions: Keys that modulate the others in ``film``; those of vectors and tokens by default.
        attention: Attention wherever it is used.
        image: Pictures.
        scan: Range scans.
        objects: Sets of objects.
        vector: Plain numbers, discrete values.
        history: Past events.
        tokens: Sentences.
    """

    fusion: str = "concat"
    width: int = 64
    modalities: Mapping[str, str] = field(default_factory=dict)
    image: ImageConfig = ImageConfig()
    scan: ScanConfig = ScanConfig()
    objects: ObjectsConfig = ObjectsConfig()
    vector: VectorConfig = VectorConfig()
    history: HistoryConfig = HistoryConfig()
    tokens: TokensConfig = TokensConfig()
    candidates: Candidates = "separate"
    modality_dropout: float = 0.0
    dropout: float = 0.0
    film_conditions: tuple[str, ...] = ()
    attention: AttentionConfig = AttentionConfig()

    def __post_init__(self) -> None:
        """Check the fields."""
        from agents.encoders import ENCODERS
        from agents.fusion import FUSIONS

        require_positive(self, "width")
        require(self, "fusion", self.fusion in FUSIONS, f"one of {sorted(FUSIONS)}")
        for modality in MODALITIES:
            options, known = getattr(self, modality), ENCODERS[modality]
            require(options, "encoder", options.encoder in known, f"one of {sorted(known)}")
        choices = {*ENCODERS, *(f"{kind}:{name}" for kind, names in ENCODERS.items() for name in names)}
        valid = all(choice in choices for choice in self.modalities.values())
        require(self, "modalities", valid, f"a mapping from keys to any of {sorted(choices)}")
        require(self, "candidates", self.candidates in get_args(Candidates), f"one of {get_args(Candidates)}")
        for name in ("modality_dropout", "dropout"):
            require(self, name, 0.0 <= getattr(self, name) < 1.0, "in [0, 1)")
