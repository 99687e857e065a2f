"""What can be read off features by a linear model."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from agents.multimodal import MultimodalEncoder
from agents.pretraining.config import LearnConfig
from agents.pretraining.files import PretrainedEncoder
from agents.pretraining.rollouts import Rollouts
from agents.validity import VALIDITY, Validity
from mmenvs.spaces import modality_of

Floats = NDArray[np.float64]

#: Penalties of the ridge regression, the greatest variance being 1; the best on a fifth of labels is taken.
PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
_BATCH = 512


def encode_rows(
    encoder: MultimodalEncoder, rollouts: Rollouts, rows: NDArray[np.int64], hide: str = ""
) -> Floats:
    """Return features of some rows, shape ``(rows, features_dim)``.

    Args:
        encoder: Put into evaluation mode.
        rollouts: What it looks at.
        rows: Rows of :attr:`Rollouts.flat`.
        hide: Key that its validity bit says is missing; none by default.
    """
    encoder.eval()
    validity = Validity(rollouts.observation_space)
    device = next(iter(encoder.state_dict().values())).device
    found = []
    with torch.no_grad():
        for begin in range(0, rows.size, _BATCH):
            part = rows[begin : begin + _BATCH]
            batch = {k: torch.as_tensor(v[part], device=device) for k, v in rollouts.flat.items()}
            if hide:
                there = validity.read(batch)
                left = (
                    torch.ones(part.size, len(validity.sensors), dtype=torch.bool) if there is None else there
                )
                left[:, validity.sensors.index(hide)] = False
                batch[VALIDITY] = validity.bits(left).to(device)
            found.append(encoder(batch).double().cpu().numpy())
    return np.concatenate(found)


def ridge(features: Floats, labels: Floats, unseen: Floats) -> Floats:
    """Fit a ridge regression (Hoerl and Kennard, 1970) and return what it says of unseen features.

    The penalty is the one of :data:`PENALTIES`, times the number of labels, that is best on the last fifth of
    them; the fit is then repeated with all.

    Args:
        features: Shape ``(count, size)``.
        labels: Shape ``(count, numbers)``.
        unseen: Shape ``(others, size)``.

    Returns:
        Shape ``(others, numbers)``.
    """
    kept = max(len(features) - max(len(features) // 5, 1), 1)
    errors = [
        float(((_fit(features[:kept], labels[:kept], features[kept:], p) - labels[kept:]) ** 2).mean())
        for p in PENALTIES
    ]
    return _fit(features, labels, unseen, PENALTIES[int(np.argmin(errors))])


def explained(said: Floats, truth: Floats) -> float:
    """Return the share of variance that is explained (R^2), the mean over numbers that vary."""
    variance = truth.var(0)
    varies = variance > 1e-12
    left = ((said - truth) ** 2).mean(0)
    return float((1.0 - left[varies] / variance[varies]).mean()) if varies.any() else 0.0


def probe(
    encoder: PretrainedEncoder, rollouts: Rollouts, config: LearnConfig
) -> dict[str, tuple[float, float]]:
    """Ask how much of each vector can be told from all other keys.

    Labels come from the worlds that were learned from, R^2 is that of the worlds that were held out.

    Args:
        encoder: The pretrained one.
        rollouts: What it was pretrained on.
        config: How; says which worlds are held out, and the seed of the random weights.

    Returns:
        Key of each vector to R^2 with the pretrained encoder, and with one of random weights.
    """
    learned, held = rollouts.split(config.held_out)
    draws = np.random.default_rng(config.seed)
    learned, held = draws.permutation(learned)[:4096], draws.permutation(held)[:2048]
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        untrained = MultimodalEncoder(encoder.space, encoder.config)
    space = rollouts.observation_space
    validity = Validity(space)
    if validity.taken or len(validity.sensors) == 1:
        return {}
    found = {}
    for key in validity.sensors:
        values = rollouts.flat[key]
        if modality_of(space[key]) != "vector" or values.dtype.kind != "f":
            continue
        truth = values.reshape(len(values), -1).astype(np.float64)
        scores = []
        for network in (encoder.build(), untrained):
            known, unseen = (encode_rows(network, rollouts, rows, hide=key) for rows in (learned, held))
            scores.append(explained(ridge(known, truth[learned], unseen), truth[held]))
        found[key] = scores[0], scores[1]
    return found


def _fit(features: Floats, labels: Floats, unseen: Floats, penalty: float) -> Floats:
    # One scale for all: a feature that hardly ever fires, and never on few labels, must not be blown up.
    mean = features.mean(0)
    spread = max(float(features.std(0).max()), 1e-12)
    centre = labels.mean(0)
    x = (features - mean) / spread
    gram = x.T @ x + penalty * len(x) * np.eye(x.shape[1])
    weights = np.linalg.solve(gram, x.T @ (labels - centre))
    return np.asarray((unseen - mean) / spread @ weights + centre, np.float64)
