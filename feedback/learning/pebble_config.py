"""Settings of PEBBLE beside those of every way of learning."""

from __future__ import annotations

from dataclasses import dataclass

from agents.config import require, require_positive


@dataclass(frozen=True)
class PebbleConfig:
    """How PEBBLE explores before the first question, and what SAC does beyond the agent's own settings.

    Lee et al. 2021 (arXiv:2106.05091) take 1,000 random and 9,000 exploring steps, the fifth neighbour, and
    learn with one gradient step per world step from a buffer that forgets nothing.

    Attributes:
        random_steps: World steps of random actions [steps].
        explore_steps: World steps of learning to see what is new, after those [steps].
        neighbour: Which nearest neighbour says how new something is.
        reset_updates: Gradient steps of the agent, its critic made anew, after the first fit.
        gradient_steps: Gradient steps after each step of all worlds, -1 for as many as there are worlds; None
            for the agent's own setting.
        buffer_size: Transitions that are kept; None for the agent's own setting. Pictures are kept twice.
    """

    random_steps: int = 1_000
    explore_steps: int = 9_000
    neighbour: int = 5
    reset_updates: int = 100
    gradient_steps: int | None = -1
    buffer_size: int | None = None

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        require_positive(self, "random_steps", "neighbour")
        for name in ("explore_steps", "reset_updates"):
            require(self, name, getattr(self, name) >= 0, "at least 0")
        steps, size = self.gradient_steps, self.buffer_size
        require(
            self,
            "gradient_steps",
            steps is None or steps >= 1 or steps == -1,
            "at least 1, -1 for one per world, or None",
        )
        require(self, "buffer_size", size is None or size >= 1, "at least 1, or None")

    @property
    def before(self) -> int:
        """World steps before the first question [steps]."""
        return self.random_steps + self.explore_steps
