"""PPO whose rollouts stay on the training device."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.utils import obs_as_tensor
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor, nn
from torch.nn import functional as F

from agents.device_buffer import DeviceRolloutBuffer, Minibatch
from agents.vec_env import cut_off


class AcceleratedPPO(PPO):
    """PPO of Stable-Baselines3 without its copies: same arguments, same saved models, same learning.

    On a CPU and with its defaults it learns the weights of ``PPO`` up to rounding; on some processors bit for
    bit, as long as no episode runs out of time.  What differs is where rollouts are kept
    (:class:`~agents.device_buffer.DeviceRolloutBuffer`), that the critic judges all worlds that ran out of
    time at once, and that nothing waits for the device before a minibatch is done.  A model that one of the
    two saved, the other loads.

    Attributes:
        autocast: Whether networks compute in bfloat16 where that is safe; weights stay float32.
        compile_encoder: Whether the network below the policy is compiled by ``torch.compile``, which takes
            about a minute at the first rollout.
        channels_last: Whether convolutions compute in the memory order of pictures; None for on a GPU alone.
    """

    autocast: bool
    compile_encoder: bool
    channels_last: bool | None

    def __init__(
        self,
        *args: Any,
        autocast: bool = False,
        compile_encoder: bool = False,
        channels_last: bool | None = None,
        **kwargs: Any,
    ) -> None:
        """Take the arguments of ``PPO``, and those described above.

        Raises:
            ValueError: If ``rollout_buffer_class`` or ``use_sde`` is asked for.
        """
        if kwargs.get("rollout_buffer_class") is not None:
            raise ValueError(
                f"rollout_buffer_class={kwargs['rollout_buffer_class']!r} must be None: AcceleratedPPO has "
                "its own; PPO takes others"
            )
        if kwargs.get("use_sde"):
            raise ValueError("use_sde=True must be False: AcceleratedPPO does not have it, PPO does")
        self.autocast, self.compile_encoder, self.channels_last = autocast, compile_encoder, channels_last
        super().__init__(*args, **kwargs)

    def _setup_model(self) -> None:
        # A model that PPO saved brings another class.
        self.rollout_buffer_class = DeviceRolloutBuffer
        super()._setup_model()
        # Set by __init__, unless a model that PPO saved is being loaded.
        self.autocast = getattr(self, "autocast", False)
        self.compile_encoder = getattr(self, "compile_encoder", False)
        self.channels_last = getattr(self, "channels_last", None)
        if self.channels_last or (self.channels_last is None and self.device.type == "cuda"):
            for module in self.policy.modules():
                if isinstance(module, nn.Conv2d):
                    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if self.compile_encoder:
            for extractor in {self.policy.features_extractor, self.policy.pi_features_extractor}:
                extractor.compile()

    def _excluded_save_params(self) -> list[str]:
        return [*super()._excluded_save_params(), "rollout_buffer_class"]

    @property
    def _rollout(self) -> DeviceRolloutBuffer:
        assert isinstance(self.rollout_buffer, DeviceRolloutBuffer)
        return self.rollout_buffer

    def _precision(self) -> AbstractContextManager[Any]:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast)

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: RolloutBuffer, n_rollout_steps: int
    ) -> bool:
        """Play ``n_rollout_steps`` steps in every world, and keep them on the device.

        Returns:
            Whether the rollout is complete; False if a callback ended it.
        """
        assert isinstance(rollout_buffer, DeviceRolloutBuffer)
        assert self._last_obs is not None, "no observation to begin with: call learn()"
        self.policy.set_training_mode(False)
        rollout_buffer.reset()
        callback.on_rollout_start()
        starts = self._numbers(self._last_episode_starts)
        dones = np.zeros(env.num_envs, bool)
        for _ in range(n_rollout_steps):
            shown = rollout_buffer.show(self._last_obs)
            with torch.no_grad(), self._precision():
                actions, values, log_probs = self.policy(shown)
            new_obs, rewards, dones, infos = env.step(self._to_world(actions))
            self.num_timesteps += env.num_envs
            callback.update_locals(locals())
            if not callback.on_step():
                return False
            self._update_info_buffer(infos, dones)
            earned = self._numbers(rewards)
            self._add_what_was_cut_off(earned, dones, infos)
            rollout_buffer.keep(actions, earned, starts, values.float(), log_probs.float())
            self._last_obs, self._last_episode_starts = new_obs, dones  # type: ignore[assignment]
            starts = self._numbers(dones)
        rollout_buffer.estimate(self._value_of(self._last_obs), starts)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def train(self) -> None:
        """Learn from the rollout."""
        buffer = self._rollout
        self.policy.set_training_mode(True)
        self._update_learning_rate(self.policy.optimizer)
        notes: list[Tensor] = []
        stopped = False
        for _ in range(self.n_epochs):
            for batch in buffer.get(self.batch_size):
                loss, note = self._loss(batch)
                notes.append(note)
                if self.target_kl is not None and float(note[3]) > 1.5 * self.target_kl:
                    stopped = True
                    break
                self.policy.optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(self.policy.parameters(), self.max_grad_norm)
                self.policy.optimizer.step()
            self._n_updates += 1
            if stopped:
                break
        self._log(torch.stack(notes).mean(0).tolist(), buffer)

    def _loss(self, batch: Minibatch) -> tuple[Tensor, Tensor]:
        """Return the loss of a minibatch, and what the log tells of it; see Schulman et al., 2017."""
        remaining = self._current_progress_remaining
        clip: float = self.clip_range(remaining)  # type: ignore[operator]
        actions = batch.actions
        with self._precision():
            values, log_prob, entropy = self.policy.evaluate_actions(batch.observations, actions)
        values, log_prob = values.flatten().float(), log_prob.float()
        advantages = batch.advantages
        if self.normalize_advantage and len(advantages) > 1:
            advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
        log_ratio = log_prob - batch.old_log_prob
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - clip, 1 + clip)
        policy_loss = -torch.min(advantages * ratio, advantages * clipped).mean()
        if self.clip_range_vf is not None:
            limit: float = self.clip_range_vf(remaining)  # type: ignore[operator]
            values = batch.old_values + (values - batch.old_values).clamp(-limit, limit)
        value_loss = F.mse_loss(batch.returns, values)
        # Where there is no formula for the entropy, the mean of what was drawn stands for it.
        entropy_loss = log_prob.mean() if entropy is None else -entropy.float().mean()
        loss = policy_loss + self.ent_coef * entropy_loss + self.vf_coef * value_loss
        with torch.no_grad():
            # Schulman's estimate of the divergence, http://joschu.net/blog/kl-approx.html
            divergence = (ratio - 1 - log_ratio).mean()
            outside = ((ratio - 1).abs() > clip).float().mean()
            note = torch.stack((policy_loss, value_loss, entropy_loss, divergence, outside, loss))
        return loss, note

    def _log(self, means: list[float], buffer: DeviceRolloutBuffer) -> None:
        names = ("policy_gradient_loss", "value_loss", "entropy_loss", "approx_kl", "clip_fraction", "loss")
        for name, mean in zip(names, means, strict=True):
            self.logger.record(f"train/{name}", mean)
        self.logger.record("train/explained_variance", buffer.explained_variance())
        if hasattr(self.policy, "log_std"):
            self.logger.record("train/std", self.policy.log_std.exp().mean().item())
        self.logger.record("train/n_updates", self._n_updates, exclude="tensorboard")
        clip: float = self.clip_range(self._current_progress_remaining)  # type: ignore[operator]
        self.logger.record("train/clip_range", clip)

    def _to_world(self, actions: Tensor) -> np.ndarray[Any, Any]:
        """Return what the environment gets for what the policy drew."""
        numbers = actions.float() if actions.is_floating_point() else actions
        chosen: np.ndarray[Any, Any] = numbers.cpu().numpy()
        if not isinstance(self.action_space, spaces.Box):
            return chosen
        if self.policy.squash_output:
            return np.asarray(self.policy.unscale_action(chosen))
        return np.asarray(np.clip(chosen, self.action_space.low, self.action_space.high))

    def _add_what_was_cut_off(
        self, rewards: Tensor, dones: np.ndarray[Any, Any], infos: list[dict[str, Any]]
    ) -> None:
        """Add what the critic still expected where an episode ran out of time."""
        late, last = cut_off(dones, infos)
        if late:
            rewards[late] += self.gamma * self._value_of(last)

    def _value_of(self, observation: Any) -> Tensor:
        with torch.no_grad(), self._precision():
            return self.policy.predict_values(obs_as_tensor(observation, self.device)).flatten().float()

    def _numbers(self, values: Any) -> Tensor:
        return torch.as_tensor(np.asarray(values, np.float32)).to(self.device)
