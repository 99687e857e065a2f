"""What people say about behaviour, kept safely and turned into rewards and policies.

::

    python -m feedback play mmenvs/PathPlanning-v0 --store labels.db
    python -m feedback learn mmenvs/PathPlanning-v0 --teacher oracle --labels 200
    python -m feedback report runs/PathPlanning-v0-preferences-seed0

The parts, each in its own module, lowest first: what is said (:mod:`feedback.labels`), where it is kept
(:mod:`feedback.store`, :mod:`feedback.clips`), who says it (:mod:`feedback.sources`), how it becomes
reward at once (:class:`feedback.wrapper.HumanFeedback`,
:class:`feedback.vector_feedback.VectorHumanFeedback`) or by learning (:mod:`feedback.evidence`,
:mod:`feedback.reward_models`, :class:`feedback.vec_wrapper.LearnedReward`), how an agent learns from it
(:mod:`feedback.learning`), and whether all that can be trusted (:mod:`feedback.diagnostics`).
"""
