"""Attention (Vaswani et al., "Attention is all you need", 2017), small enough to show its weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from agents.config import EncoderConfig


class Attention(nn.Module):
    """``softmax(Q K^T / sqrt(d)) V`` in several heads."""

    def __init__(self, size: int, config: EncoderConfig) -> None:
        """Build the projections.

        Args:
            size: Numbers of a token.
            config: Its field ``attention`` says how many heads there are.

        Raises:
            ValueError: If the heads do not divide ``size``.
        """
        super().__init__()
        heads = config.attention.heads
        if size % heads:
            raise ValueError(f"AttentionConfig: heads={heads} must divide {size}, the size of its tokens")
        self._heads = heads
        self.query = nn.Linear(size, size)
        self.key_value = nn.Linear(size, 2 * size)
        self.out = nn.Linear(size, size)

    def forward(self, asking: Tensor, asked: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor]:
        """Let each token ask all others.

        Args:
            asking: Shape ``(batch, m, size)``.
            asked: Shape ``(batch, n, size)``.
            present: Which of those asked are there, bool of shape ``(batch, n)``; None for all.

        Returns:
            Answers of shape ``(batch, m, size)``, and the weights, their mean over heads, of shape
            ``(batch, m, n)``.  Each row of weights sums to 1, or is zero where nothing is present.
        """
        query, key, value = (
            part.reshape(*part.shape[:2], self._heads, -1).transpose(1, 2)
            for part in (self.query(asking), *self.key_value(asked).chunk(2, -1))
        )
        scores = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
        if present is None:
            weights = scores.softmax(-1)
        else:
            mask = present[:, None, None, :]
            # The least float, not minus infinity: a row without anything present must not become NaN.
            weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1) * mask
        answers: Tensor = self.out((weights @ value).transpose(1, 2).flatten(2))
        return answers, weights.mean(1)


class Block(nn.Module):
    """Attention and an MLP, each after a LayerNorm and beside a residual connection (Xiong et al., 2020)."""

    def __init__(self, size: int, config: EncoderConfig) -> None:
        """Build it for tokens of ``size`` numbers; ``config`` gives heads and dropout."""
        super().__init__()
        self.norm_asking, self.norm_mlp = nn.LayerNorm(size), nn.LayerNorm(size)
        self.attention = Attention(size, config)
        self.mlp = nn.Sequential(nn.Linear(size, 2 * size), nn.ReLU(), nn.Linear(2 * size, size))
        self.drop = nn.Dropout(config.dropout)

    def forward(
        self, tokens: Tensor, present: Tensor | None = None, first: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return new tokens and the weights with which they looked at the old ones.

        Args:
            tokens: Shape ``(batch, n, size)``.
            present: Which are there, bool of shape ``(batch, n)``; None for all.
            first: How many of the tokens are asked for, the first ones; all by default.
        """
        normed = self.norm_asking(tokens)
        answers, weights = self.attention(normed[:, :first], normed, present)
        tokens = tokens[:, :first] + self.drop(answers)
        return tokens + self.drop(self.mlp(self.norm_mlp(tokens))), weights


class CrossBlock(nn.Module):
    """As :class:`Block`, but one set of tokens asks another."""

    def __init__(self, size: int, config: EncoderConfig) -> None:
        """Build it for tokens of ``size`` numbers; ``config`` gives heads and dropout."""
        super().__init__()
        self.norm_asking, self.norm_asked, self.norm_mlp = (nn.LayerNorm(size) for _ in range(3))
        self.attention = Attention(size, config)
        self.mlp = nn.Sequential(nn.Linear(size, 2 * size), nn.ReLU(), nn.Linear(2 * size, size))
        self.drop = nn.Dropout(config.dropout)

    def forward(self, asking: Tensor, asked: Tensor, present: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what became of those asking, shape ``(batch, m, size)``, and the weights.

        Args:
            asking: Shape ``(batch, m, size)``.
            asked: Shape ``(batch, n, size)``.
            present: Which of those asked are there, bool of shape ``(batch, n)``; None for all.
        """
        answers, weights = self.attention(self.norm_asking(asking), self.norm_asked(asked), present)
        tokens = asking + self.drop(answers)
        return tokens + self.drop(self.mlp(self.norm_mlp(tokens))), weights


class Transformer(nn.Module):
    """Blocks over a sequence whose places are told apart by learned embeddings."""

    def __init__(self, length: int, size: int, config: EncoderConfig) -> None:
        """Build it for at most ``length`` tokens of ``size`` numbers; ``config`` gives blocks and heads."""
        super().__init__()
        self.places = nn.Parameter(torch.randn(length, size) * 0.02)
        self.blocks = nn.ModuleList(Block(size, config) for _ in range(config.attention.layers))
        self.norm = nn.LayerNorm(size)

    def forward(self, tokens: Tensor, present: Tensor | None = None) -> Tensor:
        """Return states of shape ``(batch, n, size)`` for tokens of that shape."""
        tokens = tokens + self.places[: tokens.shape[1]]
        for block in self.blocks:
            tokens, _ = block(tokens, present)
        states: Tensor = self.norm(tokens)
        return states


def masked_mean(values: Tensor, present: Tensor | None) -> Tensor:
    """Return the mean over the second axis of ``(batch, n, size)``, of what is present; else zero."""
    if present is None:
        return values.mean(1)
    mask = present.unsqueeze(-1)
    return values.masked_fill(~mask, 0.0).sum(1) / mask.sum(1).clamp(min=1)
