"""One class per recommender task: its docstring is the task's page.

All of them are :class:`~mmenvs.recommender.env.RecommenderEnv` with other settings; that page says what the
actions, the modalities and the rewards are.
"""

from __future__ import annotations

from typing import Any, ClassVar

from mmenvs.recommender.env import RecommenderEnv


class TaskEnv(RecommenderEnv):
    """Base of the classes below: a task with a name."""

    task: ClassVar[str]

    def __init__(self, task: str | None = None, render_mode: str | None = None, **settings: Any) -> None:
        """Make one world; the arguments are those of :class:`~mmenvs.recommender.env.RecommenderEnv`."""
        super().__init__(task or self.task, render_mode, **settings)


class SlateRecommenderEnv(TaskEnv):
    """Put three of ten candidates on a slate, of which the user clicks at most one.

    ## Description
    As Recommender, with a slate: what else is shown takes clicks away from the best item, and an item that
    bores less may be worth its place.  Tastes drift towards what was clicked.

    ## Action Space
    ``MultiDiscrete([10, 10, 10])``: candidates from the top down; see the base class for duplicates.

    ## Observation Space
    As Recommender; the history has one event for each item shown.

    ## Rewards
    As Recommender.

    ## Starting State
    As Recommender.

    ## Episode End
    Terminated when the user leaves, truncated after 100 steps.

    ## Version History
    - v0: first version
    """

    task = "slate_recommender"


class ProtoRecommenderEnv(TaskEnv):
    """Name a point among all items; the ten nearest make the slate.

    ## Description
    No page limits the choice: a proto-action (Dulac-Arnold et al., "Deep reinforcement learning in large
    discrete action spaces", 2015) is a point in the space of the items' leading principal components, and
    the slate is made of the ten items of largest inner product with it.  Users look at each place by itself,
    less the lower it is, and may click several.

    ## Action Space
    ``Box(-1, 1, (16,))``.

    ## Observation Space
    ``history_attributes`` and ``history_feedback`` of the last ten events, ``user``.

    ## Rewards
    As Recommender.

    ## Starting State
    As Recommender.

    ## Episode End
    Terminated when the user leaves, truncated after 100 steps.

    ## Version History
    - v0: first version
    """

    task = "proto_recommender"


class ColdStartEnv(TaskEnv):
    """Get to know a user who has said nothing, with a catalogue of which much is new.

    ## Description
    No user has a profile; there are eight types of them, and tastes follow the season.  Half of the
    catalogue is on sale on a day, and three items of ten are so new that neither rating nor popularity is
    known.  What remains is the look and the text of items, and what the user clicks, dwells on and rates.

    ## Action Space
    ``Discrete(10)``.

    ## Observation Space
    As Recommender; of ``user`` only the time of year says anything.

    ## Rewards
    As Recommender.

    ## Starting State
    As Recommender, on any day of the year.

    ## Episode End
    Terminated when the user leaves, truncated after 100 steps.

    ## Version History
    - v0: first version
    """

    task = "cold_start"


class ClickbaitEnv(TaskEnv):
    """Be paid for clicks by users who regret some of them.

    ## Description
    One item of three is clickbait: its picture and title promise the best, what it gives is poor, and only
    its rating tells.  The reward counts clicks.  Clickbait is clicked more, but disappoints: the dwell is
    short, the mood falls, and users leave.  ``info["satisfaction"]`` and ``info["rating"]`` say what users
    really got, for whoever wants to learn from people instead of clicks.

    ## Action Space
    ``Discrete(10)``.

    ## Observation Space
    As Recommender.

    ## Rewards
    1 for a click (``reward="clicks"``), -1 when the user leaves.

    ## Starting State
    As Recommender.

    ## Episode End
    Terminated when the user leaves, truncated after 100 steps.

    ## Version History
    - v0: first version
    """

    task = "clickbait"


class InterestEvolutionEnv(TaskEnv):
    """RecSim's interest evolution: spend a user's time on good videos rather than on liked ones.

    ## Description
    Ie et al., "RecSim" (arXiv:1909.04847) and "SlateQ" (IJCAI 2019).  Videos of one of 20 topics and of four
    minutes; most topics are trash and wear users out, few are good and give time back.  Interests, which the
    shop sees, are reinforced by what is clicked, in either direction.  RecSim draws choices from a global
    generator, so that its seed does not repeat an episode; here it does.

    ## Action Space
    ``MultiDiscrete([10, 10, 10])``: three of ten fresh candidates.

    ## Observation Space
    ``candidate_attributes`` (10 topics one-hot), history, ``user`` (interests as they are now).

    ## Rewards
    Minutes watched (``reward="dwell"``).

    ## Starting State
    Interests uniform in [-1, 1], 200 minutes to spend.

    ## Episode End
    Terminated when no time is left; truncated after 1,000 steps, which nobody reaches.

    ## Version History
    - v0: first version
    """

    task = "interest_evolution"


class LongTermSatisfactionEnv(TaskEnv):
    """RecSim's long-term satisfaction: clickbait engages now, kale keeps the user engaged.

    ## Description
    Ie et al., "RecSim" (arXiv:1909.04847).  The user takes what is offered.  Engagement is log-normal with a
    mean that grows with clickbait and with a mood that clickbait spoils.  RecSim's sensitivity of 0.01
    leaves no dilemma (always clickbait earns most); here it is 0.2.

    ## Action Space
    ``Discrete(10)``: which of ten items, in random order.

    ## Observation Space
    ``candidate_attributes`` (10 degrees of clickbait), history.

    ## Rewards
    Engagement (``reward="dwell"``).

    ## Starting State
    A net exposure drawn from U(-1/2, 1/2) / 0.3.

    ## Episode End
    Truncated after 60 steps.

    ## Version History
    - v0: first version
    """

    task = "long_term_satisfaction"


class BoredomEnv(TaskEnv):
    """SARDINE's SlateTopK-Bored: slates of ten out of a thousand for users who tire of a topic.

    ## Description
    Deffayet et al., "SARDINE" (TORS 2024).  Items have two or three of ten topics, users three to five.  Each
    place is clicked by itself; five clicks in one topic within five steps bore the user, who then likes
    nothing for five steps.  Unlike SARDINE, a slate cannot show an item twice, episodes of a fixed length are
    truncated and not terminated, and drift (off here, as there) averages over items only.

    ## Action Space
    ``MultiDiscrete([1000] * 10)``: items of the catalogue, from the top down.

    ## Observation Space
    ``history_attributes`` and ``history_feedback`` (the last slate and its clicks), ``recent_clicks``.

    ## Rewards
    Clicks.

    ## Starting State
    A user with three to five topics, who has been shown a random slate.

    ## Episode End
    Truncated after 100 steps.

    ## Version History
    - v0: first version
    """

    task = "boredom"


class OrganicBanditEnv(TaskEnv):
    """RecoGym: recommend one of ten products to people of whom only their browsing is known.

    ## Description
    Rohde et al., "RecoGym" (arXiv:1808.00720).  Users browse products by themselves, then are open to
    offers for a while, of which they click about one in fifty; after a click they browse again.  Tastes walk
    at random while they browse.  Users who would leave before the first offer do not become episodes.

    ## Action Space
    ``Discrete(10)``: a product.

    ## Observation Space
    ``history_attributes`` (which product, one-hot) and ``history_feedback`` (viewed or offered, clicked or
    not) of the last 20 events.

    ## Rewards
    Clicks.

    ## Starting State
    A user who has browsed and is now open to offers.

    ## Episode End
    Terminated when the user leaves, truncated after 500 offers.

    ## Version History
    - v0: first version
    """

    task = "organic_bandit"
