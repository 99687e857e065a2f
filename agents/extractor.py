"""The face of :class:`~agents.multimodal.MultimodalEncoder` for Stable-Baselines3."""

from __future__ import annotations

from gymnasium import spaces
from stable_baselines3.common.preprocessing import is_image_space
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from torch import Tensor, nn

from agents.config import EncoderConfig
from agents.multimodal import MultimodalEncoder


class MultimodalExtractor(BaseFeaturesExtractor):
    """Features for any policy of Stable-Baselines3 over a Dict observation space.

    ::

        PPO("MultiInputPolicy", env, policy_kwargs=dict(
            features_extractor_class=MultimodalExtractor, normalize_images=False))

    ``normalize_images=False`` leaves pictures as bytes until the first convolution.  A policy that keeps
    Stable-Baselines3's default, which divides them by 255, passes ``normalized_images=True``.
    """

    def __init__(
        self,
        observation_space: spaces.Dict,
        config: EncoderConfig | None = None,
        normalized_images: bool = False,
        frozen: bool = False,
    ) -> None:
        """Build the encoder.

        Args:
            observation_space: Dict space of a single world.
            config: Sizes and choices of the encoder.
            normalized_images: Whether the policy divides pictures by 255 before they come here.
            frozen: Whether the encoder never learns: its weights become buffers, which checkpoints keep but
                no optimiser, target network or averaging of weights touches, and it stays in evaluation
                mode.  Load the weights after the policy is built, whose initialisation would replace them.
        """
        encoder = MultimodalEncoder(observation_space, config)
        super().__init__(observation_space, encoder.features_dim)
        self.encoder = encoder
        images = [key for key, space in observation_space.spaces.items() if is_image_space(space)]
        self._divided = images if normalized_images else []
        self._frozen = frozen
        if frozen:
            _freeze(encoder)

    def forward(self, observations: dict[str, Tensor]) -> Tensor:
        """Return features of shape ``(batch, features_dim)``."""
        if self._divided:
            observations = observations | {key: observations[key] * 255.0 for key in self._divided}
        features: Tensor = self.encoder(observations)
        return features

    def train(self, mode: bool = True) -> MultimodalExtractor:
        """Set training mode, except of an encoder that is frozen."""
        super().train(mode)
        # Loaded models were made before there was the attribute.
        if getattr(self, "_frozen", False):
            self.encoder.eval()
        return self


def _freeze(encoder: nn.Module) -> None:
    """Make buffers of all weights, under their names.

    ``requires_grad=False`` would not do: the target networks of off-policy algorithms are averaged over all
    parameters, and ``(1 - t) * w + t * w`` is not ``w`` in floating point.
    """
    for module in encoder.modules():
        for name, weight in list(module._parameters.items()):
            if weight is not None:
                del module._parameters[name]
                module.register_buffer(name, weight.detach())
                # Recurrent layers keep a second list of their weights, which follows assignments.
                setattr(module, name, getattr(module, name))
    encoder.eval()
