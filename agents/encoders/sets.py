"""Sets of objects whose order means nothing: PointNet, set attention, message passing.

All three give the same embedding for the same objects in another order, and leave out those that are absent.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from gymnasium.spaces import Space
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.attention import Block, masked_mean
from agents.encoders.base import Encoded, mlp
from agents.encoders.objects import SetReader, pool


class PooledSetEncoder(SetReader):
    """The base: embeds objects, lets them know of each other, pools them.

    The parts are the objects, in the order in which they came.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the embedding and the head.

        Args:
            space: An :class:`mmenvs.spaces.Objects`.
            config: Its field ``objects`` says how large the network is.

        Raises:
            ValueError: If the space is of another kind.
        """
        super().__init__(space)
        count, features = self._space.structure
        options = config.objects
        self.size = options.hidden[-1]
        self.embed = mlp((features, *options.hidden))
        self.head = mlp((2 * self.size, options.pooled))
        self.features_dim = options.pooled
        self.parts_shape = (count, self.size)

    @abstractmethod
    def relate(self, objects: Tensor, rows: Tensor, present: Tensor | None) -> Tensor:
        """Let objects know of each other.

        Args:
            objects: Embedded, shape ``(batch, count, size)``.
            rows: What they were embedded from, shape ``(batch, count, features)``.
            present: Which are there, bool of shape ``(batch, count)``; None for all.

        Returns:
            Shape ``(batch, count, size)``.
        """

    def forward(self, observation: Tensor) -> Tensor:
        """Encode objects of wire shape ``(batch, count * features)``."""
        return self.encode(observation).summary

    def encode(self, observation: Tensor) -> Encoded:
        """Encode objects as a whole and one by one."""
        rows, present = self.rows(observation)
        objects = self.relate(self.embed(rows), rows, present)
        return Encoded(self.head(pool(objects, present)), objects, present)


class PointNetEncoder(PooledSetEncoder):
    """``pointnet``: an MLP for each object, then a pooling (Qi et al., "PointNet", 2017)."""

    def relate(self, objects: Tensor, rows: Tensor, present: Tensor | None) -> Tensor:
        """Return the objects as they are."""
        return objects


class SetAttentionEncoder(PooledSetEncoder):
    """``attention``: objects attend to each other (Lee et al., "Set Transformer", 2019)."""

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`PooledSetEncoder`."""
        super().__init__(space, config)
        self.blocks = nn.ModuleList(Block(self.size, config) for _ in range(config.objects.rounds))

    def relate(self, objects: Tensor, rows: Tensor, present: Tensor | None) -> Tensor:
        """Pass the objects through the blocks."""
        for block in self.blocks:
            objects, _ = block(objects, present)
        return objects


class GraphEncoder(PooledSetEncoder):
    """``graph``: rounds of messages between all pairs (Gilmer et al., "Neural message passing", 2017).

    What object i hears is the mean over the objects j of ``relu(A h_i + B h_j + C (x_j - x_i))``, with
    embeddings h and raw features x, so that relative position and speed count from the first round.
    """

    def __init__(self, space: Space[Any], config: EncoderConfig) -> None:
        """Build the network; see :class:`PooledSetEncoder`."""
        super().__init__(space, config)
        features = self._space.structure[1]
        self.rounds = nn.ModuleList(_Messages(self.size, features) for _ in range(config.objects.rounds))

    def relate(self, objects: Tensor, rows: Tensor, present: Tensor | None) -> Tensor:
        """Exchange messages."""
        for exchange in self.rounds:
            objects = exchange(objects, rows, present)
        return objects


class _Messages(nn.Module):
    """One round of messages."""

    def __init__(self, size: int, features: int) -> None:
        super().__init__()
        self.receiver, self.sender = nn.Linear(size, size), nn.Linear(size, size, bias=False)
        self.relation = nn.Linear(features, size, bias=False)
        self.update = mlp((2 * size, size))
        self.norm = nn.LayerNorm(size)

    def forward(self, objects: Tensor, rows: Tensor, present: Tensor | None) -> Tensor:
        # C (x_j - x_i) = C x_j - C x_i, so that only sums of two are formed per pair.
        relation = self.relation(rows)
        heard = self.receiver(objects) - relation
        said = self.sender(objects) + relation
        messages = (heard.unsqueeze(2) + said.unsqueeze(1)).relu()
        batch, count = objects.shape[:2]
        flat = messages.flatten(0, 1)
        senders = None if present is None else present.repeat_interleave(count, 0)
        mean = masked_mean(flat, senders).reshape(batch, count, -1)
        normed: Tensor = self.norm(objects + self.update(torch.cat([objects, mean], -1)))
        return normed
