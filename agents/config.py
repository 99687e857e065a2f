"""The knobs of the networks: frozen dataclasses that refuse what makes no sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mmenvs.spaces import MODALITIES


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
    """A compact CNN: one coarse convolution, then 3x3 convolutions that halve the picture.

    Attributes:
        channels: Channels of each convolution.
        features: Size of the embedding of a picture that comes alone.
        tile_features: Size of the embedding of each picture of a contact sheet.
    """

    channels: tuple[int, ...] = (16, 32, 32)
    features: int = 128
    tile_features: int = 32

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "channels", "features", "tile_features")


@dataclass(frozen=True)
class ScanConfig:
    """Strided one-dimensional convolutions around a scan.

    Attributes:
        channels: Channels of each convolution; each halves the number of beams.
        kernel: Beams that a convolution sees, odd.
        features: Size of the embedding.
    """

    channels: tuple[int, ...] = (16, 32)
    kernel: int = 5
    features: int = 64

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "channels", "kernel", "features")
        require(self, "kernel", self.kernel % 2 == 1, "odd, so that a beam stays in the middle")


@dataclass(frozen=True)
class ObjectsConfig:
    """An MLP shared by all objects.

    Attributes:
        hidden: Sizes of the hidden layers.
        features: Size of the embedding of each object.
    """

    hidden: tuple[int, ...] = (64,)
    features: int = 16

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "hidden", "features")


@dataclass(frozen=True)
class VectorConfig:
    """An MLP.

    Attributes:
        hidden: Sizes of the layers; the last one is the size of the embedding.
    """

    hidden: tuple[int, ...] = (64, 64)

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "hidden")


@dataclass(frozen=True)
class HistoryConfig:
    """Convolutions along time.

    Attributes:
        channels: Channels of each convolution.
        features: Size of the embedding.
    """

    channels: tuple[int, ...] = (32, 16)
    features: int = 64

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "channels", "features")


@dataclass(frozen=True)
class TokensConfig:
    """A GRU over embedded words.

    Attributes:
        embedding: Size of the embedding of a word.
        features: Size of the embedding of the sentence.
    """

    embedding: int = 32
    features: int = 64

    def __post_init__(self) -> None:
        """Check the fields."""
        require_positive(self, "embedding", "features")


@dataclass(frozen=True)
class EncoderConfig:
    """Everything about a :class:`~agents.multimodal.MultimodalEncoder`.

    Attributes:
        fusion: How the modalities are joined.
        width: Size to which each key of the observation is projected before it is joined to the others.
        modalities: Key of the observation to modality, where the one inferred from the space is not wanted.
        image: Pictures.
        scan: Range scans.
        objects: Sets of objects.
        vector: Plain numbers, discrete values.
        history: Past events.
        tokens: Sentences.
    """

    fusion: Literal["concat"] = "concat"
    width: int = 64
    modalities: Mapping[str, str] = field(default_factory=dict)
    image: ImageConfig = ImageConfig()
    scan: ScanConfig = ScanConfig()
    objects: ObjectsConfig = ObjectsConfig()
    vector: VectorConfig = VectorConfig()
    history: HistoryConfig = HistoryConfig()
    tokens: TokensConfig = TokensConfig()

    def __post_init__(self) -> None:
        """Check the fields."""
        from agents.encoders import ENCODERS
        from agents.fusion import FUSIONS

        require_positive(self, "width")
        require(self, "fusion", self.fusion in FUSIONS, f"one of {sorted(FUSIONS)}")
        known = {*MODALITIES, *ENCODERS}
        valid = all(modality in known for modality in self.modalities.values())
        require(self, "modalities", valid, f"a mapping from keys to any of {sorted(known)}")
