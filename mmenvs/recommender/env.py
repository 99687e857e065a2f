"""The recommender world as a Gymnasium environment, single and vectorised."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gymnasium.vector import AutoresetMode

from mmenvs.core.env import WorldEnv
from mmenvs.core.vector_env import WorldVectorEnv
from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.simulator import RecommenderSimulator


class RecommenderEnv(WorldEnv):
    """A shop that recommends one item a step to a user who clicks, lingers, gets bored and leaves.

    ## Description

    Each episode is one session of one user.  On every page the shop has ten candidates and recommends
    one of them.  The user clicks it or walks past, stays with it for some time, and may leave.  Whoever
    is shown too much of one department gets bored with it, and whoever is bored or badly served leaves
    early, so an agent that only takes the best item of the moment loses to one that looks ahead.

    What a user likes about an item is spread over its modalities: colour and pattern are only in the
    picture, the theme only in the title, price, popularity and freshness only in the attributes.  What
    bored the user lately is in the history.

    ## Action Space

    ``Discrete(candidates)``: which candidate to recommend.

    ## Observation Space

    A ``Dict`` of the chosen ``modalities``; C candidates, L past recommendations.

    | Key | Space | Wire shape | Range | Unflattened |
    |---|---|---|---|---|
    | ``candidate_image`` | ``Image`` | (64, 160, 3) uint8 | 0 to 255 | (C, 32, 32, 3) |
    | ``candidate_text`` | ``Objects`` | (C * 16,) float32 | -1 to 1 | (C, 16) |
    | ``candidate_attributes`` | ``Objects`` | (C * 8,) float32 | 0 to 1 | (C, 8) |
    | ``history_attributes`` | ``History`` | (L * 8,) float32 | 0 to 1 | (L, 8) |
    | ``history_feedback`` | ``History`` | (L * 3,) float32 | 0 to 1 | (L, 3) |
    | ``user`` | ``Vector`` | (21,) float32 | -1 to 1 | (21,) |

    * ``candidate_image``: product pictures, row by row in a contact sheet.
    * ``candidate_text``: embedded titles, each of unit length.
    * ``candidate_attributes``: department one-hot (home, fashion, tech, outdoor), price, rating,
      popularity, freshness.
    * ``history_attributes``: attributes of the items recommended, oldest first.
    * ``history_feedback``: for each whether there was one, whether it was clicked, and dwell as a share
      of ``dwell_limit``.
    * ``user``: what the user said at sign-up about each of 21 tastes (the space's ``names``), the truth
      plus noise; 1 stands for three standard deviations of the population.

    ``env.observation_space[key].unflatten(x)`` gives the unflattened view.  If no grid holds exactly C
    pictures with both sides of at least 36 pixels, the last places of the contact sheet stay black.

    ## Rewards

    The satisfaction of the step, ``dwell / dwell_limit`` in [0, 1] (0 without a click), less
    ``leave_penalty`` in the step in which the user leaves.  Both stand in ``info["reward_terms"]``.

    ``info`` also holds ``clicked``, ``dwell`` [s], ``satisfaction``, ``mood`` (a moving average of
    satisfaction, hidden from the agent), ``bored`` (departments that bore the user, hidden too),
    ``item`` (catalogue index of what was recommended, -1 after a reset), ``scenario``, and ``success``:
    the user has not left and is content, that is, of a mood of at least ``content_mood``.

    ## Starting State

    ``options={"scenario": k}`` starts the k-th scenario of the split: its user, what they say of
    themselves, and their first page.  Without it the seed draws the scenario.  The seed alone decides
    what follows.  No user is in both splits; the catalogue is common to both.

    ## Episode End

    Terminated when the user leaves, with the log-odds ``leave_bias + leave_mood_weight * (0.5 - mood) +
    leave_boredom_weight * bored`` in each step.  Truncated after 100 steps.

    ## Arguments

    Every field of :class:`~mmenvs.recommender.config.RecommenderConfig` as a keyword:

    ```python
    gym.make("mmenvs/Recommender-v0", candidates=20, modalities=("image", "user"), split="test")
    ```

    ``mmenvs.recommender.policies`` holds the reference policies: random, myopic, and an oracle.

    ## Version History

    * v0: First version.
    """

    def __init__(self, render_mode: str | None = None, **settings: Any) -> None:
        """Make one world.

        Args:
            render_mode: None, ``"rgb_array"`` or ``"human"``.
            settings: Fields of :class:`~mmenvs.recommender.config.RecommenderConfig`.

        Raises:
            TypeError: If a keyword is unknown.
            ValueError: If a value is not allowed.
        """
        super().__init__(RecommenderSimulator(1, RecommenderConfig.from_keywords(settings)), render_mode)


class RecommenderVectorEnv(WorldVectorEnv):
    """Many worlds of :class:`RecommenderEnv` in one process, advanced together."""

    def __init__(
        self,
        num_envs: int = 1,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        threads: int | None = None,
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        """Make ``num_envs`` worlds.

        Args:
            num_envs: Number of worlds.
            max_episode_steps: Steps after which an episode is truncated; None for no limit.
            autoreset_mode: See :class:`~mmenvs.core.vector_env.WorldVectorEnv`.
            copy: Whether returned arrays are the caller's to keep.
            threads: Threads for simulating and copying; None for one per core.
            render_mode: None or ``"rgb_array"``.
            settings: Fields of :class:`~mmenvs.recommender.config.RecommenderConfig`.

        Raises:
            TypeError: If a keyword is unknown.
            ValueError: If a value is not allowed.
        """
        config = replace(RecommenderConfig.from_keywords(settings), threads=threads)
        super().__init__(
            RecommenderSimulator(num_envs, config),
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            copy=copy,
            render_mode=render_mode,
            threads=threads,
        )
