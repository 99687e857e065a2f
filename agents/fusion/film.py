"""Some sources set the scale and offset of the features of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.encoders.base import Encoded
from agents.fusion.base import Fusion, Source, module_name

#: Modalities that condition unless the config names keys.
_CONDITIONING = ("vector", "tokens")


class FilmFusion(Fusion):
    """``film``: feature-wise linear modulation (Perez et al., "FiLM", 2018).

    The projections c of the conditioning sources modulate the projection x of every other one:
    ``relu((1 + gamma(c)) * x + beta(c))``.  What they modulated and the conditions themselves are laid
    side by side, so that a policy still sees the speed that conditioned its camera.
    """

    def __init__(self, sources: Sequence[Source], config: EncoderConfig) -> None:
        """Build projections and modulations.

        Args:
            sources: What is joined, in order.
            config: Its ``film_conditions`` names the keys that condition; those of vectors and tokens by
                default.

        Raises:
            ValueError: If a condition is not a source, or if there is none, or nothing left to modulate.
        """
        super().__init__(sources, config)
        names = [source.name for source in self.sources]
        chosen = config.film_conditions or tuple(s.name for s in sources if s.modality in _CONDITIONING)
        if unknown := sorted(set(chosen) - set(names)):
            raise ValueError(f"EncoderConfig: film_conditions names {unknown}, but there are {names}")
        if not chosen or len(set(chosen)) == len(names):
            raise ValueError(
                f"fusion='film' needs keys that condition and others that they modulate; film_conditions="
                f"{tuple(chosen)!r} of {names}"
            )
        self.conditions = tuple(name for name in names if name in chosen)
        width = config.width
        self.modulations = nn.ModuleDict(
            {
                module_name(name): nn.Linear(width * len(self.conditions), 2 * width)
                for name in names
                if name not in chosen
            }
        )
        self.features_dim = width * len(names)

    def forward(self, encoded: Mapping[str, Encoded], valid: Tensor | None = None) -> Tensor:
        """Return tensor of shape ``(batch, width * sources)``, in the order of the sources."""
        projected = {s.name: x for s, x in zip(self.sources, self.project(encoded, valid), strict=True)}
        condition = torch.cat([projected[name] for name in self.conditions], 1)
        joined = []
        for i, (name, features) in enumerate(projected.items()):
            modulated = features
            if name not in self.conditions:
                gamma, beta = self.modulations[module_name(name)](condition).chunk(2, 1)
                modulated = ((1.0 + gamma) * features + beta).relu()
                if valid is not None:
                    modulated = modulated.masked_fill(~valid[:, i : i + 1], 0.0)
            joined.append(modulated)
        return torch.cat(joined, 1)
