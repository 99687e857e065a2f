"""A simulated person beside an agent that drives, who takes the wheel when it is needed.

The person takes over, as in PPL (arXiv:2510.01545), when a short prediction of the agent's command ends
badly: the car would leave the road, hit something, or be far too slow.  And when what the agent does differs
from what the person would do more than it usually does: above a quantile of the differences seen so far, as
AIM's rule (ICML 2025) takes a quantile of its values.  A density of the agent's action would be no measure of
that: densities have a unit, and a threshold in [0, 1] means nothing for them.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Reason = Literal["off_road", "collision", "slow", "different"]

#: Differences over which the quantile is taken, and how many it needs [steps].
_REMEMBERED, _ENOUGH = 1000, 20


@dataclass(frozen=True)
class DriverConfig:
    """Someone with a hand near the wheel.

    Attributes:
        horizon: How far the agent's command is foreseen [s]; positive.
        drive: How long the person drives before giving back [s]; positive.
        reaction: Time between seeing the need and acting [s].
        attention: Chance of watching in a step, in [0, 1].
        margin: What is kept from others and from the edge of the road [m].
        slow: Takes over where the car would be slower than this share of what it would be under the person,
            in [0, 1); 0 for never.
        tolerance: Difference that never matters, whatever it leads to; in half ranges of the actions, the
            largest of the components: two that cancel in a sum are two.
        quantile: Takes over where the difference is above this quantile of those seen, in (0, 1); None for
            never.  Of Discrete actions that are just equal or not, it says something only of an agent that
            seldom differs.
        noise: Standard deviation of what the person does, in half ranges of a Box; of Discrete actions the
            chance of another one; in [0, 1].
    """

    horizon: float = 1.5
    drive: float = 1.0
    reaction: float = 0.2
    attention: float = 1.0
    margin: float = 0.1
    slow: float = 0.5
    tolerance: float = 0.1
    quantile: float | None = 0.95
    noise: float = 0.0

    def __post_init__(self) -> None:
        """Validate.

        Raises:
            ValueError: Naming the field, its value and what is allowed.
        """
        for name in ("horizon", "drive"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)} must be positive and finite [s]")
        for name in ("reaction", "margin", "tolerance"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name}={getattr(self, name)} must be finite and not negative")
        for name in ("attention", "noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}={getattr(self, name)} must be in [0, 1]")
        if not 0 <= self.slow < 1:
            raise ValueError(f"slow={self.slow} must be in [0, 1)")
        if self.quantile is not None and not 0 < self.quantile < 1:
            raise ValueError(f"quantile={self.quantile} must be in (0, 1), or None")


class InterveningDriver:
    """Watches an agent drive one world, and takes over where it is needed.

    In a driving world of ``mmenvs`` the person drives as its scripted expert does, and foresees as
    :class:`feedback.sources.foresight.Foresight` does.  Elsewhere ``expert`` says how it is done, and only
    differences make the person act.  The same seed and the same behaviour give the same takeovers.

    Attributes:
        name: Who labels say it was.
        reason: Why the person took over last; None before.
    """

    def __init__(
        self,
        env: gym.Env[Any, Any],
        config: DriverConfig | None = None,
        *,
        expert: Callable[[Any], Any] | None = None,
        step: float | None = None,
        seed: int = 0,
        name: str = "driver",
    ) -> None:
        """Sit down beside an agent.

        Args:
            env: The world that the agent drives.
            config: When and how the person acts.
            expert: From an observation to what the person would do; None for the scripted expert.
            step: Duration of a step [s]; None for the driving world's own, and 0.1 elsewhere.
            seed: Seed of attention and noise.
            name: Who labels say it was.

        Raises:
            ValueError: If there is neither a driving world nor an expert, or it is a parking task.
        """
        self.config = config or DriverConfig()
        self.name = name
        self.reason: Reason | None = None
        self._space = env.action_space
        self._rng = np.random.default_rng(seed)
        self._differences: deque[float] = deque(maxlen=_REMEMBERED)
        self._to_wait: int | None = None
        self._to_drive = 0
        simulator: Any = getattr(env.unwrapped, "simulator", None)
        self._simulator = simulator if type(simulator).__module__.startswith("mmenvs.driving.") else None
        if self._simulator is not None:
            from feedback.sources.foresight import Foresight
            from mmenvs.driving.expert import ScriptedDriver

            self._foresight = Foresight(self._simulator)
            scripted = ScriptedDriver(self._simulator)
            expert, step = expert or (lambda _: scripted.actions()[0]), step or self._simulator.params.dt
        if expert is None:
            raise ValueError(f"env={env} is not a driving world of mmenvs: expert= must be given")
        self._expert, self._step = expert, step or 0.1

    def begin(self) -> None:
        """Take the hands off the wheel, as at the start of an episode."""
        self._to_wait, self._to_drive = None, 0

    def takeover(self, observation: Any, agent_action: Any) -> Any | None:
        """Return what the person does in this step, or None to let the agent act.

        Args:
            observation: What the agent sees.
            agent_action: What it wants to do.
        """
        own = self._expert(observation)
        watching = self._rng.random() < self.config.attention
        if self._to_drive == 0:
            if watching and self._to_wait is None:
                reason = self._need(agent_action, own)
                if reason is not None:
                    self.reason, self._to_wait = reason, round(self.config.reaction / self._step)
            if self._to_wait is not None:
                self._to_wait -= 1
                if self._to_wait < 0:
                    self._to_wait, self._to_drive = None, max(1, round(self.config.drive / self._step))
        if self._to_drive == 0:
            return None
        self._to_drive -= 1
        return self._done_by_hand(own)

    def _need(self, agent_action: Any, own: Any) -> Reason | None:
        """Return why the person should take over; None where all is well."""
        config = self.config
        difference = self._difference(agent_action, own)
        usual = self._differences
        unusual = (
            config.quantile is not None
            and len(usual) >= _ENOUGH
            and difference > np.quantile(usual, config.quantile)
        )
        usual.append(difference)
        if difference <= config.tolerance:
            return None
        if self._simulator is not None:
            foreseen = self._foresight(self._command(agent_action), config.horizon, config.margin)
            if foreseen.off_road or foreseen.collision:
                return "off_road" if foreseen.off_road else "collision"
            person = self._foresight(self._command(own), config.horizon, config.margin)
            if foreseen.speed < config.slow * person.speed:
                return "slow"
        return "different" if unusual else None

    def _difference(self, one: Any, other: Any) -> float:
        """Return the largest difference of the components, in half ranges; never a sum, which may cancel."""
        if self._simulator is not None:
            return float(np.abs(self._command(one) - self._command(other)).max())
        if not isinstance(self._space, spaces.Box):
            return float(not np.array_equal(one, other))
        gap = np.asarray(one, np.float64) - np.asarray(other, np.float64)
        return float((np.abs(gap) / self._half()).max())

    def _command(self, action: Any) -> NDArray[np.float64]:
        """Return steering and pedal in [-1, 1], shape (2,), of an action of a driving world."""
        assert self._simulator is not None
        return np.asarray(self._simulator.commands(np.asarray(action)[None])[0], np.float64)

    def _done_by_hand(self, action: Any) -> Any:
        """Return what a hand makes of an intention."""
        if self.config.noise == 0:
            return action
        if isinstance(self._space, spaces.Box):
            shaken = action + self.config.noise * self._half() * self._rng.standard_normal(self._space.shape)
            return np.clip(shaken, self._space.low, self._space.high).astype(self._space.dtype)
        slips = self._rng.random() < self.config.noise
        if not isinstance(self._space, spaces.Discrete) or not slips:
            return action
        return int(self._space.start + self._rng.integers(self._space.n))

    def _half(self) -> NDArray[np.float64]:
        assert isinstance(self._space, spaces.Box)
        return np.asarray((self._space.high.astype(np.float64) - self._space.low) / 2)
