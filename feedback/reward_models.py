r"""Rewards learned from what people said.

A :class:`RewardModel` is a small ensemble of networks that share nothing.  Each gives a reward
:math:`r(o, a)` to what was seen and done in one step, and four numbers to how an episode may end: what it is
worth to fail, :math:`c_-`, and to arrive, :math:`c_+`, and the reward of every step that is missing after
that, :math:`r_-` and :math:`r_+`.  A segment of which H steps were asked for scores

    sum of r over its steps + c_- + (missing steps) x r_-    if its episode failed (or just ended) with it,
    sum of r over its steps + c_+ + (missing steps) x r_+    if its episode ended at the goal with it,
    mean of r over its steps x H                             if it was cut short.

So a short segment is neither good nor bad for being short: *how* bad it is to have ended, and how good to
have arrived, is itself learned from what people say; a key about the last step of an episode speaks of
:math:`r + c`.  That goes on from the absorbing state of Kostrikov et al. (2019, arXiv:1809.02925), which they
use against the survival bias of learned rewards.

An agent gets :math:`r - r_-` for every step and :math:`c_-` or
:math:`c_+ + \gamma (r_+ - r_-) / (1 - \gamma)` at an end, averaged over the ensemble, each member divided by
the root mean square of :math:`r - r_-` over the data.  Subtracting a constant per step and stopping at the
end of the episode is the same task as going on for ever and receiving :math:`r_-` after a failure and
:math:`r_+` after an arrival; so the offset is not a free choice but a part of what was learned.

All kinds of labels are learned from together, as likelihoods of one reward; see :mod:`feedback.evidence` and
:mod:`feedback.likelihood`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor, nn

from agents.train_config import decode_config
from feedback.clips import Segment
from feedback.evidence import Evidence, Stars
from feedback.fitting import (
    FitReport,
    best_temperature,
    decided_pairs,
    fit_ends,
    holds_out,
    is_scored,
    require_learnable,
    split_held_out,
)
from feedback.likelihood import Likelihood
from feedback.reward_config import RewardConfig, Sees
from feedback.reward_network import Batch, RewardNetwork, part_of
from feedback.semi_supervised import Guesses, cropped
from mmenvs.space_json import space_from_json, space_to_json

__all__ = ["Endings", "RewardConfig", "RewardModel"]

_FORMAT = "mmenvs reward model 1"


@dataclass(frozen=True)
class Endings:
    """What an agent gets for an end of an episode, beside the reward of its last step.

    Attributes:
        failure: Where it ended badly.
        arrival: Where it ended at its goal.
    """

    failure: float = 0.0
    arrival: float = 0.0


class RewardModel(nn.Module):
    """An ensemble of :class:`~feedback.reward_network.RewardNetwork`, fitted to evidence."""

    temperature: Tensor

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: RewardConfig | None = None,
        *,
        seed: int = 0,
        device: str | torch.device = "cpu",
    ) -> None:
        """Build the ensemble.

        Args:
            observation_space: Dict space of a single world, or a Box.
            action_space: Discrete, MultiDiscrete or Box.
            config: Sizes and choices.
            seed: Seed of the weights, the bootstrap and the order of learning.
            device: Where it lives.

        Raises:
            ValueError: If a space is of another kind.
        """
        super().__init__()
        self.config = config or RewardConfig()
        if not isinstance(observation_space, spaces.Dict):
            observation_space = spaces.Dict({"observation": observation_space})
        self.observation_space, self.action_space = observation_space, action_space
        self._read = part_of(observation_space, self.config.keys)
        self._rng = np.random.default_rng(seed)
        # The weights come from this model's seed and leave torch's global stream as it was.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.members = nn.ModuleList(
                RewardNetwork(
                    self._read,
                    action_space,
                    self.config.encoder,
                    self.config.hidden,
                    Likelihood(self.config.noise, self.config.robust),
                    actions=self.config.actions,
                )
                for _ in range(self.config.members)
            )
        self.register_buffer("temperature", torch.ones(()))
        self.device = torch.device(device)
        self.to(self.device)

    @torch.inference_mode()
    def predict(
        self, observations: Mapping[str, NDArray[Any]], actions: NDArray[Any], *, batch_size: int = 1024
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the reward that an agent should get for each step, and how much the members disagree.

        Args:
            observations: Key to array of shape (steps, *space.shape): what was seen before each step, or
                after it, as ``config.sees`` says.
            actions: Shape (steps, *action shape).
            batch_size: Steps at a time; bounds the memory.

        Returns:
            Mean and standard deviation over the members of the normalised reward, each of shape (steps,).
        """
        parts = []
        for begin in range(0, len(actions), batch_size):
            piece = slice(begin, begin + batch_size)
            seen = {key: self._tensor(observations[key][piece]) for key in self._read}
            done = self._tensor(actions[piece])
            parts.append(torch.stack([(net(seen, done) - net.absorbing) / net.scale for net in self._nets]))
        rewards = torch.cat(parts, dim=1)
        return rewards.mean(0).cpu().numpy(), rewards.std(0, correction=0).cpu().numpy()

    def endings(self, gamma: float) -> Endings:
        """Return what an agent gets for an end on top of the reward of the last step.

        Args:
            gamma: The discount factor of the agent, in [0, 1).

        Raises:
            ValueError: If ``gamma`` is outside [0, 1).
        """
        if not 0 <= gamma < 1:
            raise ValueError(f"gamma={gamma} must be in [0, 1)")
        nets, on = self._nets, gamma / (1.0 - gamma)
        failure = math.fsum(float(net.failure.detach() / net.scale) for net in nets)
        gaps = (net.arrival + on * (net.goal - net.absorbing) for net in nets)
        arrival = math.fsum(float(gap.detach() / net.scale) for gap, net in zip(gaps, nets, strict=True))
        return Endings(failure / len(nets), arrival / len(nets))

    @torch.inference_mode()
    def scores(
        self, segments: Sequence[Segment], members: Sequence[RewardNetwork] | None = None
    ) -> NDArray[np.float32]:
        """Return the score of each segment by each member, or by some, shape (members, segments)."""
        parts = []
        for begin in range(0, len(segments), 64):
            batch = self._batch(segments[begin : begin + 64])
            parts.append(
                torch.stack([net.score(batch, self.config.horizon)[0] for net in members or self._nets])
            )
        return torch.cat(parts, 1).cpu().numpy()

    def probabilities(self, first: Sequence[Segment], second: Sequence[Segment]) -> NDArray[np.float64]:
        """Return how likely a usual labeller is to prefer each first segment, calibrated, shape (pairs,)."""
        gaps = (self.scores(first) - self.scores(second)).astype(np.float64) / float(self.temperature)
        return np.asarray((0.5 * (1.0 + np.tanh(0.5 * gaps))).mean(0))

    def reliabilities(self) -> dict[str, float]:
        """Return how decidedly each labeller follows the reward, 1 for the usual, by the mean member."""
        likelihoods = [net.likelihood for net in self._nets]
        names = likelihoods[0].labellers
        values = torch.stack([each.log_reliability.detach() for each in likelihoods]).mean(0).exp()
        return dict(zip(names, values.tolist(), strict=True))

    def fit(
        self,
        evidence: Sequence[Evidence],
        *,
        unlabelled: Sequence[tuple[Segment, Segment]] = (),
        progress: Callable[[float], None] | None = None,
    ) -> FitReport:
        """Learn from evidence of any kinds, starting from what was learned before.

        Args:
            evidence: All that is known.
            unlabelled: Pairs that nobody was asked about, for ``config.surf_weight``. The ensemble answers
                them before it learns; one that knows nothing yet is fitted without them first.
            progress: Called with the fraction done, in (0, 1].

        Raises:
            ValueError: If there is none, a segment is longer than the horizon, or actions are compared that a
                reward which sees what came after cannot tell apart.
        """
        require_learnable(evidence, self.config)
        guesses = None
        if unlabelled and self.config.surf_weight:
            if not all(net.fitted for net in self._nets):
                self.fit(evidence)
            guesses = Guesses.of(self, unlabelled, self.config.surf_threshold)
        kept, held = split_held_out(evidence, self.config.held_out)
        labellers = sorted({item.labeller for item in evidence})
        stars = max((item.best for item in evidence if isinstance(item, Stars)), default=5)
        total, losses = self.config.members * self.config.epochs, []
        for index, net in enumerate(self._nets):
            net.likelihood.meet(labellers, stars)
            optimizer = torch.optim.AdamW(
                net.parameters(), lr=self.config.learning_rate, weight_decay=self.config.weight_decay
            )
            count = len(kept)
            sample = self._rng.integers(count, size=count) if self.config.bootstrap else np.arange(count)
            pairs = decided_pairs([kept[i] for i in sample])
            if not net.fitted:
                fit_ends(net, pairs, self.config.horizon, self.config.noise)
                net.fitted.fill_(True)
            loss = math.nan
            for epoch in range(self.config.epochs):
                loss = self._epoch(net, optimizer, [kept[i] for i in self._rng.permutation(sample)], guesses)
                if progress is not None:
                    progress((index * self.config.epochs + epoch + 1) / total)
            losses.append(loss)
            if any(segment.terminated for pair in pairs for segment in pair):
                gaps = self._gaps(pairs, [net])[0]
                fit_ends(net, pairs, self.config.horizon, self.config.noise, gaps)
        self._normalise([segment for item in evidence for segment in item.segments])
        pairs = decided_pairs(held)
        self.temperature.fill_(best_temperature(self._gaps(pairs)) if pairs else 1.0)
        return FitReport(
            loss=float(np.mean(losses)),
            agreement=self._agreement(decided_pairs(kept)),
            held_out_agreement=self._agreement(pairs),
            learned_from=len(kept),
            held_out=len(pairs),
            temperature=float(self.temperature),
        )

    def holds_out(self, *digests: str) -> bool:
        """Whether a judgement on clips of these hashes is kept for measuring agreement, in any order."""
        return holds_out(self.config.held_out, digests)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything that :meth:`load` needs; readers see the whole file or none.

        Raises:
            ValueError: If a space is of a kind that cannot be written.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
        likelihood = self._nets[0].likelihood
        content = {
            "format": _FORMAT,
            "config": asdict(self.config),
            "observation_space": space_to_json(self.observation_space),
            "action_space": space_to_json(self.action_space),
            "labellers": likelihood.labellers,
            "best": likelihood.best,
            "state": self.state_dict(),
        }
        torch.save(content, partial)
        partial.replace(target)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], *, seed: int = 0, device: str | torch.device = "cpu"
    ) -> RewardModel:
        """Read a model that :meth:`save` wrote.

        Args:
            path: The file.
            seed: Seed of the bootstrap and of the order of further learning.
            device: Where it shall live.

        Raises:
            FileNotFoundError: If there is none.
            ValueError: If it is damaged or something else; the message names it.
        """
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']!r}, not {_FORMAT!r}")
            observations, actions = (
                space_from_json(content[name]) for name in ("observation_space", "action_space")
            )
            config = decode_config(RewardConfig, content["config"], Path(path))
            model = cls(observations, actions, config, seed=seed, device=device)
            for net in model._nets:
                net.likelihood.meet(content["labellers"], content["best"])
            model.load_state_dict(content["state"])
        except FileNotFoundError:
            raise
        except Exception as error:
            raise ValueError(f"{os.fspath(path)} cannot be read as a reward model: {error}") from error
        return model

    @property
    def sees(self) -> Sees:
        """Which observation of a step :meth:`predict` is to be asked about."""
        return self.config.sees

    @property
    def _nets(self) -> list[RewardNetwork]:
        return [net for net in self.members if isinstance(net, RewardNetwork)]

    def _epoch(
        self,
        net: RewardNetwork,
        optimizer: torch.optim.Optimizer,
        evidence: Sequence[Evidence],
        guesses: Guesses | None,
    ) -> float:
        total = 0.0
        for begin in range(0, len(evidence), self.config.batch_size):
            batch = evidence[begin : begin + self.config.batch_size]
            if self.config.crop < 1:
                batch = cropped(batch, self.config.crop, self._rng)
            losses, rewards = self.losses(net, batch)
            prior = (
                net.likelihood.prior() / len(evidence) + self.config.reward_penalty * rewards.square().mean()
            )
            if guesses is not None:
                guessed = guesses.loss(
                    lambda segments: net.score(self._batch(segments), self.config.horizon)[0],
                    len(batch),
                    self.config.crop,
                    self._rng,
                )
                prior = prior + self.config.surf_weight * guessed.to(prior.device)
            optimizer.zero_grad()
            torch.autograd.backward(losses.mean() + prior)
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            total += float(losses.detach().sum())
        return total / len(evidence)

    def losses(self, net: RewardNetwork, evidence: Sequence[Evidence]) -> tuple[Tensor, Tensor]:
        """Return the negative log-likelihood of each judgement under one member, shape (evidence,)."""
        # A segment that several judgements speak of goes through the network once.
        places: dict[int, int] = {}
        unique: list[Segment] = []
        for item in evidence:
            for segment in item.segments:
                if places.setdefault(id(segment), len(unique)) == len(unique):
                    unique.append(segment)
        order = [places[id(segment)] for item in evidence for segment in item.segments]
        whole = {id(segment) for item in evidence if not is_scored(item) for segment in item.segments}
        chosen = [self._some(len(segment), whole=id(segment) in whole) for segment in unique]
        batch = Batch.of(unique, self.config.sees, tuple(self._read), self.device, chosen)
        scores, rewards = net.score(batch, self.config.horizon)
        steps = torch.split(net.with_ends(rewards, batch), batch.shown.tolist())
        return net.likelihood(evidence, scores[order], [steps[place] for place in order]), rewards

    def _some(self, length: int, *, whole: bool) -> NDArray[np.int64] | slice:
        """Return which steps of a segment a gradient step looks at: of a long one some that are drawn."""
        most = self.config.look
        if whole or length <= most:
            return slice(None)
        return np.sort(self._rng.choice(length, most, replace=False))

    def _normalise(self, segments: Sequence[Segment]) -> None:
        """Set each member's scale: the root mean square over the data of r minus r_o."""
        unique = list({segment.digest: segment for segment in segments}.values())
        for net in self._nets:
            squares, steps = 0.0, 0
            for begin in range(0, len(unique), 64):
                batch = self._batch(unique[begin : begin + 64])
                with torch.inference_mode():
                    gaps = net(batch.observations, batch.actions) - net.absorbing
                squares += float((gaps.double() ** 2).sum())
                steps += len(gaps)
            net.scale.fill_(max(math.sqrt(squares / steps), 1e-6))

    def _gaps(
        self, pairs: Sequence[tuple[Segment, Segment]], members: Sequence[RewardNetwork] | None = None
    ) -> NDArray[np.float32]:
        """Return how much higher members, or some, score the first of each pair, shape (members, pairs)."""
        first, second = (self.scores([pair[side] for pair in pairs], members) for side in range(2))
        return first - second

    def _agreement(self, pairs: Sequence[tuple[Segment, Segment]]) -> float:
        """Return the fraction of decided pairs ranked as the labeller did."""
        return float((self._gaps(pairs).mean(0) > 0).mean()) if pairs else math.nan

    def _batch(self, segments: Sequence[Segment]) -> Batch:
        return Batch.of(segments, self.config.sees, tuple(self._read), self.device)

    def _tensor(self, array: NDArray[Any]) -> Tensor:
        return torch.as_tensor(array, device=self.device)
