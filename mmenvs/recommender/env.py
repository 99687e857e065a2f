"""The recommender world as a Gymnasium environment, single and vectorised."""

from __future__ import annotations

from typing import Any

from gymnasium.vector import AutoresetMode

from mmenvs.core.env import WorldEnv
from mmenvs.core.vector_env import WorldVectorEnv
from mmenvs.recommender.config import RecommenderConfig
from mmenvs.recommender.simulator import RecommenderSimulator


class RecommenderEnv(WorldEnv):
    """A shop that recommends items to a user who clicks, lingers, rates, gets bored and leaves.

    ## Description

    Each episode is one user.  On every page the shop has ten candidates and recommends one of them.  The
    user clicks it or walks past, stays with it for some time, may rate it, and may leave.  Whoever is shown
    too much of one department gets bored with it, and whoever is bored or badly served leaves early, so an
    agent that only takes the best item of the moment loses to one that looks ahead.

    What a user likes about an item is spread over its modalities: colour and pattern are only in the
    picture, the theme only in the text, price, popularity and freshness only in the attributes.  What
    bored the user lately is in the history.

    ## Action Space

    | ``action`` | Space | Meaning |
    |---|---|---|
    | ``"item"`` | ``Discrete(candidates)`` | which candidate to recommend |
    | ``"slate"`` | ``MultiDiscrete([candidates] * slate_size)`` | which candidates, from the top down |
    | ``"proto"`` | ``Box(-1, 1, (proto_size,))`` | the items of largest inner product with this point |
    | ``"weights"`` | ``Box(-1, 1, (attributes + 1,))`` | how to rank the page: weights of attributes, match |

    A slate that names a candidate twice shows it once; in its second place stands the next candidate of the
    page that is not on the slate (``duplicates="next"``), or nothing (``"empty"``).  With
    ``candidates=None`` there is no page, and the numbers are those of all items.  Proto-actions search the
    whole catalogue, exactly, in the space of the leading principal components of what the shop knows of
    its items (``simulator.items.proto``).

    ## Observation Space

    A ``Dict`` of the chosen ``modalities``; C candidates, L past events, A attributes, D text_size.

    | Modality | Key | Space | Wire shape | Range | Unflattened |
    |---|---|---|---|---|---|
    | ``image`` | ``candidate_image`` | ``Image`` | (64, 160, 3) uint8 | 0 to 255 | (C, 32, 32, 3) |
    | ``image_features`` | ``candidate_image_features`` | ``Objects`` | (C * 89,) float32 | -1 to 1 | (C, 89) |
    | ``text`` | ``candidate_text`` | ``Objects`` | (C * D,) float32 | -1 to 1 | (C, D) |
    | ``attributes`` | ``candidate_attributes`` | ``Objects`` | (C * A,) float32 | 0 to 1 | (C, A) |
    | ``history`` | ``history_attributes`` | ``History`` | (L * A,) float32 | 0 to 1 | (L, A) |
    | | ``history_feedback`` | ``History`` | (L * 5,) float32 | 0 to 1 | (L, 5) |
    | ``user`` | ``user`` | ``Vector`` | (3 + 21,) float32 | -1 to 1 | (24,) |
    | ``recent`` | ``recent_clicks`` | ``Vector`` | (categories,) float32 | 0 to 1 | (categories,) |

    * ``candidate_image``: product pictures, row by row in a contact sheet; ``candidate_image_features`` are
      embedded pictures.
    * ``candidate_text``: embedded titles and descriptions, each of unit length.
    * ``candidate_attributes``: department one-hot (home, fashion, tech, outdoor), price, rating,
      popularity, freshness.
    * ``history_attributes``: attributes of the items shown, oldest first.
    * ``history_feedback``: for each whether there was one, whether it was clicked, dwell as a share of the
      dwell law's limit, stars as a share of five, and whether the user found it without being shown it.
    * ``user``: whether the user has signed up, cosine and sine of the time of year, and what they said at
      sign-up about each of 21 tastes (the space's ``names``), the truth plus noise; 1 stands for three
      standard deviations of the population.
    * ``recent_clicks``: clicks by category that count towards boredom, as a share of what bores.

    ``env.observation_space[key].unflatten(x)`` gives the unflattened view.  If no grid holds exactly C
    pictures with both sides of at least 36 pixels, the last places of the contact sheet stay black.

    ## Rewards

    By ``reward``: the ``"satisfaction"`` of the step, the share of what was clicked that was seen, in [0, 1]
    (0 without a click); ``"clicks"``; ``"dwell"`` in the dwell law's unit; or ``"rating"``, stars as a share
    of five.  Less the penalties for leaving, and for days of absence.  ``info["reward_terms"]`` has all
    three.

    ``info`` also holds ``clicked``, ``clicks``, ``dwell`` [s], ``satisfaction``, ``rating``, ``mood`` (hidden
    from the agent), ``bored`` (categories that bore the user, hidden too), ``slate`` (catalogue indices of
    what was shown, -1 for an empty place), ``item`` (the first item clicked, else the first shown; -1 after a
    reset), ``day``, ``session``, ``scenario``, and ``success``: the user has not left and is content, that
    is, of a mood of at least ``content_mood``.

    ## Starting State

    ``options={"scenario": k}`` starts the k-th scenario of the split: its user, what they say of
    themselves, the day of the year, and their first page.  Without it the seed draws the scenario.  The seed
    alone decides what follows.  No user is in both splits; the catalogue is common to both.

    ## Episode End

    Terminated when the user leaves for good, truncated after 100 steps.  See
    :class:`~mmenvs.recommender.users.leaving.Leaving` and ``Returning``.

    ## Arguments

    Every field of :class:`~mmenvs.recommender.config.RecommenderConfig` as a keyword.  ``users`` takes a
    :class:`~mmenvs.recommender.users.model.UserModel`, or the parts of the task's own that change:

    ```python
    gym.make(
        "mmenvs/Recommender-v0",
        candidates=20,
        modalities=("image", "user"),
        users={"boredom": {"threshold": 4}, "choice": {"law": "Cascade", "onward": 0.5}},
    )
    ```

    ``mmenvs.recommender.policies`` holds the reference policies, ceilings among them.

    ## Version History

    * v0: First version.
    """

    def __init__(self, task: str = "recommender", render_mode: str | None = None, **settings: Any) -> None:
        """Make one world.

        Args:
            task: Preset that the settings change, a key of :data:`~mmenvs.recommender.tasks.TASKS`.
            render_mode: None, ``"rgb_array"`` or ``"human"``.
            settings: Fields of :class:`~mmenvs.recommender.config.RecommenderConfig`.

        Raises:
            TypeError: If a keyword is unknown.
            ValueError: If a value is not allowed.
        """
        config = RecommenderConfig.from_keywords({"task": task, **settings})
        super().__init__(RecommenderSimulator(1, config), render_mode)


class RecommenderVectorEnv(WorldVectorEnv):
    """Many worlds of :class:`RecommenderEnv` in one process, advanced together."""

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "recommender",
        *,
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
            task: Preset that the settings change.
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
        config = RecommenderConfig.from_keywords({"task": task, "threads": threads, **settings})
        super().__init__(
            RecommenderSimulator(num_envs, config),
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            copy=copy,
            render_mode=render_mode,
            threads=threads,
        )
