"""Pretraining: one function, from rollouts and a config to an encoder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.utils import get_device
from torch import Tensor, nn

from agents.multimodal import MultimodalEncoder
from agents.pretraining.base import Batch, Objective, Setting
from agents.pretraining.config import LearnConfig
from agents.pretraining.files import PretrainedEncoder
from agents.pretraining.objectives import OBJECTIVES
from agents.pretraining.rollouts import Rollouts

_SAMPLE = 2048  # observations from which objectives learn how the rollouts spread
_WARM_UP = 0.05  # share of the updates in which the learning rate rises
_MAX_GRADIENT = 1.0
_JUDGED = 1024  # held-out steps on which losses are judged, at most


@dataclass(frozen=True)
class Report:
    """How far pretraining is.

    Attributes:
        updates: Updates done.
        losses: Name of each objective to its loss, without its weight, mean since the last report.
        held_out: The same on the held-out worlds, now.
        figures: What objectives show beside their losses on the held-out worlds, such as
            ``contrastive/accuracy``.
    """

    updates: int
    losses: dict[str, float]
    held_out: dict[str, float]
    figures: dict[str, float]


@dataclass(frozen=True)
class PretrainResult:
    """What pretraining left.

    Attributes:
        encoder: The encoder, ready to be saved.
        reports: How it went.
    """

    encoder: PretrainedEncoder
    reports: tuple[Report, ...]


def pretrain(
    rollouts: Rollouts, config: LearnConfig | None = None, watch: Callable[[Report], None] | None = None
) -> PretrainResult:
    """Pretrain an encoder.

    The same rollouts and config give the same weights on the same machine and number of threads, bit by bit;
    generators of torch are as before afterwards.

    Args:
        rollouts: What to learn from.
        config: How; :class:`~agents.pretraining.config.LearnConfig` ``()`` by default.
        watch: Called with every report.

    Raises:
        ValueError: If the encoder or an objective does not fit the observations.
    """
    config = config or LearnConfig()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return _Learner(rollouts, config).learn(watch)


class _Learner:
    def __init__(self, rollouts: Rollouts, config: LearnConfig) -> None:
        self._rollouts, self._config = rollouts, config
        self._device = get_device(config.device)
        self._draws = np.random.default_rng(config.seed)
        self._last = rollouts.last.ravel()
        self._learned, held = rollouts.split(config.held_out)
        self._judged = np.sort(self._draws.permutation(held)[:_JUDGED])
        self.encoder = MultimodalEncoder(rollouts.observation_space, config.encoder).to(self._device)
        seen = self._draws.permutation(self._learned)[:_SAMPLE]
        setting = Setting(
            self.encoder,
            rollouts.observation_space,
            rollouts.action_space,
            config,
            self._observations(np.sort(seen)),
        )
        self._weights = config.weights
        self._objectives: dict[str, Objective] = {n: OBJECTIVES[n](setting) for n in self._weights}
        self._modules = nn.ModuleList([self.encoder, *self._objectives.values()]).to(self._device)
        self._following = any(objective.needs_following for objective in self._objectives.values())
        parameters = [p for p in self._modules.parameters() if p.requires_grad]
        self._optimiser = torch.optim.AdamW(
            parameters, lr=config.learning_rate, weight_decay=config.weight_decay
        )
        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimiser, self._rate)
        self._parameters = parameters

    def learn(self, watch: Callable[[Report], None] | None) -> PretrainResult:
        config = self._config
        sums = dict.fromkeys(self._weights, 0.0)
        since = 0
        reports = []
        self._modules.train()
        for update in range(1, config.updates + 1):
            rows = self._learned[self._draws.integers(self._learned.size, size=config.batch_size)]
            losses, _ = self._judge(self._batch(rows))
            total = sum(self._weights[name] * loss for name, loss in losses.items())
            assert isinstance(total, Tensor)
            self._optimiser.zero_grad()
            total.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(self._parameters, _MAX_GRADIENT)
            self._optimiser.step()
            self._schedule.step()
            for objective in self._objectives.values():
                objective.after_update(self.encoder)
            since += 1
            for name, loss in losses.items():
                sums[name] += float(loss.detach())
            if update % config.report_every == 0 or update == config.updates:
                held_out, figures = self._validate()
                reports.append(Report(update, {n: s / since for n, s in sums.items()}, held_out, figures))
                sums, since = dict.fromkeys(self._weights, 0.0), 0
                if watch is not None:
                    watch(reports[-1])
        space = self._rollouts.observation_space
        return PretrainResult(PretrainedEncoder.of(self.encoder, space, config.encoder), tuple(reports))

    def _validate(self) -> tuple[dict[str, float], dict[str, float]]:
        """Judge the held-out steps, with the same hidden parts each time."""
        size = self._config.batch_size
        batches = [self._judged[i : i + size] for i in range(0, self._judged.size, size)]
        losses, figures = dict.fromkeys(self._weights, 0.0), dict[str, float]()
        self._modules.eval()
        with torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(self._config.seed)
            for rows in batches:
                share = rows.size / self._judged.size
                found, shown = self._judge(self._batch(rows))
                for name, loss in found.items():
                    losses[name] += share * float(loss)
                for name, figure in shown.items():
                    figures[name] = figures.get(name, 0.0) + share * figure
        self._modules.train()
        return losses, figures

    def _judge(self, batch: Batch) -> tuple[dict[str, Tensor], dict[str, float]]:
        losses: dict[str, Tensor] = {}
        figures: dict[str, float] = {}
        for name, objective in self._objectives.items():
            losses[name], shown = objective(self.encoder, batch)
            figures |= {f"{name}/{figure}": value for figure, value in shown.items()}
        return losses, figures

    def _batch(self, rows: NDArray[np.int64]) -> Batch:
        following = None
        if self._following:
            # The last row of a world is marked as an end: what stands in for its successor is not used.
            following = self._observations(np.minimum(rows + self._rollouts.worlds, self._last.size - 1))
        actions = self._rollouts.actions.reshape(-1, *self._rollouts.actions.shape[2:])[rows]
        return Batch(
            self._observations(rows),
            torch.as_tensor(actions, device=self._device),
            following,
            torch.as_tensor(~self._last[rows], device=self._device),
        )

    def _observations(self, rows: NDArray[np.int64]) -> dict[str, Tensor]:
        return {k: torch.as_tensor(v[rows], device=self._device) for k, v in self._rollouts.flat.items()}

    def _rate(self, update: int) -> float:
        """Return the factor on the learning rate: a short rise, then half a cosine."""
        done = update / self._config.updates
        return min(done / _WARM_UP + 1e-3, 0.5 + 0.5 * float(np.cos(np.pi * min(done, 1.0))))
