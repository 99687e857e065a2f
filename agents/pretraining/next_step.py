"""Prediction of the next step: what comes of it?"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.encoders.vector import VectorEncoder
from agents.fusion.base import module_name
from agents.multimodal import MultimodalEncoder
from agents.pretraining.base import Batch, Objective, Setting
from agents.pretraining.masked import masked_error
from agents.pretraining.parts import Target
from agents.validity import Validity

_EPSILON = 1e-4  # under the root of variances, as by Bardes et al.


class NextStep(Objective):
    """``next_step``: from features and an action, predicts features or low-dimensional observations after it.

    *Features* are predicted as projections of a slow copy of the encoder without gradient (Schwarzer et al.,
    "Data-efficient reinforcement learning with self-predictive representations", 2021).  A constant would be
    easy to predict, so that the variance of every projection is held above 1, its covariances near 0 (Bardes
    et al., "VICReg", 2022); the figure ``spread`` falls to 0 if they collapse all the same.
    *Observations* are the next numbers of every box that is no picture; data cannot collapse.
    Steps at the end of an episode do not count.
    """

    needs_following = True

    def __init__(self, setting: Setting) -> None:
        """Build the predictors.

        Raises:
            ValueError: If observations are to be predicted and none is low-dimensional.
        """
        super().__init__()
        options = self._options = setting.config.next_step
        features, space = setting.encoder.features_dim, setting.space
        self._validity = Validity(space)
        self.action = VectorEncoder(setting.action_space, setting.config.encoder)
        width = features + self.action.features_dim
        self._targets: dict[str, Target] = {}
        if options.predict != "features":
            encoder = setting.config.encoder
            targets = {k: Target(k, space[k], encoder, setting.sample[k]) for k in self._validity.sensors}
            self._targets = {key: target for key, target in targets.items() if target.low_dimensional}
            if not self._targets and options.predict == "observations":
                raise ValueError(f"next_step finds no low-dimensional observation in {list(space)}")
        self.targets = nn.ModuleDict({module_name(key): t for key, t in self._targets.items()})
        self.decoders = nn.ModuleDict(
            {module_name(k): _mlp(width, options.hidden, t.size) for k, t in self._targets.items()}
        )
        if options.predict != "observations":
            self.project = _mlp(features, options.hidden, options.size)
            self.predict = _mlp(options.size + self.action.features_dim, options.hidden, options.size)
            slow = nn.ModuleList([setting.encoder, self.project])
            self.slow = deepcopy(slow).requires_grad_(False).eval()

    def train(self, mode: bool = True) -> NextStep:
        """Set training mode, except of the slow copy, which drops nothing."""
        super().train(mode)
        if self._options.predict != "observations":
            self.slow.eval()
        return self

    def forward(self, encoder: MultimodalEncoder, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the loss, and its parts."""
        assert batch.following is not None
        features = batch.encoded(encoder)[1]
        action = self.action(batch.actions)
        loss, figures = features.new_zeros(()), {}
        if self._targets:
            said = torch.cat([features, action], 1)
            there = self._validity.read(batch.following)
            errors = []
            for key, target in self._targets.items():
                counts = batch.follows
                if there is not None:
                    counts = counts & there[:, self._validity.sensors.index(key)]
                wanted = target(batch.following[key])
                errors.append(
                    masked_error(
                        self.decoders[module_name(key)](said), wanted, counts[:, None].expand_as(wanted)
                    )
                )
                figures[key] = float(errors[-1].detach())
            loss = loss + torch.stack(errors).mean()
        if self._options.predict != "observations":
            projected = self.project(features)
            with torch.no_grad():
                wanted = self.slow[1](self.slow[0](batch.following))
            said = self.predict(torch.cat([projected, action], 1))
            distance = 1.0 - F.cosine_similarity(said, wanted, dim=1)
            missed = distance.masked_fill(~batch.follows, 0.0).sum() / batch.follows.sum().clamp_min(1)
            held, tangled = apart(projected)
            loss = loss + missed + self._options.variance * held + self._options.covariance * tangled
            figures |= {
                "features": float(missed.detach()),
                "spread": float(F.normalize(projected.detach(), dim=1).std(0).mean()),
            }
        return loss, figures

    @torch.no_grad()
    def after_update(self, encoder: MultimodalEncoder) -> None:
        """Let the slow copy follow."""
        if self._options.predict == "observations":
            return
        kept = self._options.momentum
        current = nn.ModuleList([encoder, self.project])
        for slow, fast in zip(self.slow.parameters(), current.parameters(), strict=True):
            slow.lerp_(fast, 1.0 - kept)


def apart(projected: Tensor) -> tuple[Tensor, Tensor]:
    """Return the variance and covariance terms of VICReg (Bardes et al., 2022, equations 1 and 4).

    Args:
        projected: Shape ``(batch, size)``.

    Returns:
        The mean over dimensions of ``max(0, 1 - standard deviation)``, and the sum of the squares of the
        covariances of different dimensions, divided by ``size``.
    """
    centred = projected - projected.mean(0)
    count, size = projected.shape
    spread = (centred.square().sum(0) / (count - 1) + _EPSILON).sqrt()
    covariance = centred.T @ centred / (count - 1)
    off = covariance - torch.diag(covariance.diagonal())
    return F.relu(1.0 - spread).mean(), off.square().sum() / size


def _mlp(before: int, hidden: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(before, hidden), nn.ReLU(), nn.Linear(hidden, after))
