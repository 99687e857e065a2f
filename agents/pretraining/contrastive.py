"""Cross-modal InfoNCE: what belongs to the same moment?"""

from __future__ import annotations

import math
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from agents.fusion.base import module_name
from agents.multimodal import MultimodalEncoder
from agents.pretraining.base import Batch, Objective, Setting
from agents.validity import VALIDITY, Validity

#: Least temperature that is learned, as in CLIP.
_COLDEST = 0.01


class Contrastive(Objective):
    """``contrastive``: from one modality, picks the other of the same step out of those of the whole batch.

    Each source of the fusion, a key or keys that are read together, is projected onto a sphere; every pair of
    sources is compared in both directions, the other steps of the batch being the negatives (van den Oord et
    al., "Representation learning with contrastive predictive coding", 2018; across modalities Radford et al.,
    "Learning transferable visual models from natural language supervision", 2021).  A source that is missing
    by the validity bits is left out of its step.
    """

    def __init__(self, setting: Setting) -> None:
        """Build the projections.

        Raises:
            ValueError: If there are not two sources to compare, or a key is not known.
        """
        super().__init__()
        options = setting.config.contrastive
        self._validity = Validity(setting.space)
        sources = {
            source.name: source.size
            for source in setting.encoder.fusion.sources
            if source.name != VALIDITY or self._validity.taken
        }
        if unknown := sorted(set(options.keys) - set(sources)):
            raise ValueError(f"ContrastiveConfig: keys names {unknown}, but there are {sorted(sources)}")
        self._keys = options.keys or tuple(sources)
        if len(self._keys) < 2:
            raise ValueError(f"contrastive needs two keys to compare, the encoder has {list(sources)}")
        self.heads = nn.ModuleDict(
            {
                module_name(key): nn.Sequential(
                    nn.Linear(sources[key], options.hidden),
                    nn.ReLU(),
                    nn.Linear(options.hidden, options.size),
                )
                for key in self._keys
            }
        )
        start = torch.tensor(math.log(options.temperature))
        self.log_temperature = nn.Parameter(start, requires_grad=options.learn_temperature)

    def forward(self, encoder: MultimodalEncoder, batch: Batch) -> tuple[Tensor, dict[str, float]]:
        """Return the mean over all pairs of sources, their mean accuracy, and the temperature."""
        encoded, features = batch.encoded(encoder)
        projected = {key: self.heads[module_name(key)](encoded[key].summary) for key in self._keys}
        temperature = self.log_temperature.exp().clamp_min(_COLDEST)
        valid = self._validity.read(batch.observations)
        losses, accuracies = [features.new_zeros(())], []
        for a, b in combinations(self._keys, 2):
            ours, theirs = projected[a], projected[b]
            if valid is not None:
                there = self._present(a, valid) & self._present(b, valid)
                ours, theirs = ours[there], theirs[there]
            if len(ours) < 2:
                continue
            loss, accuracy = info_nce(ours, theirs, temperature)
            losses.append(loss)
            accuracies.append(accuracy)
        loss = torch.stack(losses).sum() / max(len(accuracies), 1)
        accuracy = sum(accuracies) / max(len(accuracies), 1)
        return loss, {"accuracy": accuracy, "temperature": float(temperature.detach())}

    def _present(self, source: str, valid: Tensor) -> Tensor:
        """Return where a source is there, bool of shape ``(batch,)``: of keys read together, any of them."""
        sensors = self._validity.sensors
        # A key may hold a plus itself.
        keys = [source] if source in sensors else source.split("+")
        columns = [valid[:, sensors.index(key)] for key in keys if key in sensors]
        return torch.stack(columns, 1).any(1) if columns else torch.ones_like(valid[:, 0])


def info_nce(a: Tensor, b: Tensor, temperature: Tensor | float) -> tuple[Tensor, float]:
    """Return the symmetric InfoNCE loss of two views, row ``i`` of one belonging to row ``i`` of the other.

    With ``s[i, j] = cos(a[i], b[j]) / temperature`` it is the mean of the cross-entropies of the rows and
    of the columns of ``s`` with the diagonal as the truth; ``log(batch)`` is chance.

    Args:
        a: Shape ``(batch, size)``.
        b: The same.
        temperature: By which cosines are divided.

    Returns:
        The loss, and how often the greatest similarity of a row or column lies on the diagonal.
    """
    similarity = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / temperature
    truth = torch.arange(len(a), device=a.device)
    loss = (F.cross_entropy(similarity, truth) + F.cross_entropy(similarity.T, truth)) / 2
    with torch.no_grad():
        right = (similarity.argmax(1) == truth).float().mean() + (
            similarity.argmax(0) == truth
        ).float().mean()
    return loss, float(right) / 2
