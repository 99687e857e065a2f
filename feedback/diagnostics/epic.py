r"""How far a learned reward is from the true one, whatever does not matter to the best policy left aside.

Two rewards that differ by a positive factor and by potential shaping (see :mod:`feedback.potentials`) have
the same best policies.  EPIC (Gleave et al. 2021, arXiv:2006.13900) brings both into a canonical form without
shaping and measures

.. math:: D = \sqrt{(1 - \rho) / 2} \in [0, 1]

with their correlation :math:`\rho`: 0 for equivalent rewards, 0.71 for unrelated ones, 1 for opposite ones.

Where both rewards are known everywhere, :func:`epic_distance` is EPIC, exactly.  In clips the true reward is
known only for what was done in them, while EPIC's canonical form asks for other actions and arbitrary next
states; :func:`sampled_distance` is an approximation that makes do with the steps of the clips.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agents.evaluation import Estimate

Array = NDArray[np.float64]


class Steps(NamedTuple):
    """Consecutive steps of one clip.

    Attributes:
        learned: Learned rewards, shape (steps,).
        true: True rewards, shape (steps,).
        features: What a potential may depend on, of the state before each step, shape (steps, features).
        terminated: Whether the last step ended the episode.
    """

    learned: Array
    true: Array
    features: Array
    terminated: bool


def canonical(rewards: ArrayLike, states: ArrayLike, actions: ArrayLike, gamma: float) -> Array:
    r"""Return EPIC's canonically shaped reward of a reward that is known everywhere.

    :math:`C(R)(s, a, s') = R(s, a, s') + E[\gamma R(s', A, S') - R(s, A, S') - \gamma R(S, A, S')]` with
    independent states S, S' and actions A (Gleave et al. 2021, definition 4.1).

    Args:
        rewards: :math:`R(s, a, s')`, shape (states, actions, states).
        states: Distribution of the states, shape (states,); sums to 1.
        actions: Distribution of the actions, shape (actions,); sums to 1.
        gamma: Discount factor, in [0, 1].

    Returns:
        The same shape.

    Raises:
        ValueError: If shapes do not fit, a distribution is none, or ``gamma`` is outside [0, 1].
    """
    reward, d_state, d_action = (np.asarray(array, float) for array in (rewards, states, actions))
    if reward.shape != (len(d_state), len(d_action), len(d_state)):
        raise ValueError(
            f"rewards has shape {reward.shape}, but must have {(len(d_state), len(d_action), len(d_state))}"
        )
    for name, weights in (("states", d_state), ("actions", d_action)):
        if np.any(weights < 0) or not math.isclose(weights.sum(), 1.0, abs_tol=1e-9):
            raise ValueError(f"{name} must be probabilities that sum to 1; the sum is {weights.sum()}")
    _check_gamma(gamma)
    from_state = np.einsum("ijk,j,k->i", reward, d_action, d_state)
    overall = float(d_state @ from_state)
    return np.asarray(
        reward + gamma * from_state[None, None, :] - from_state[:, None, None] - gamma * overall
    )


def epic_distance(
    first: ArrayLike, second: ArrayLike, states: ArrayLike, actions: ArrayLike, gamma: float
) -> float:
    """Return the EPIC distance of two rewards that are known everywhere; see :func:`canonical`.

    Transitions are covered as states, actions and next states are drawn: independently.

    Returns:
        In [0, 1]; NaN if one of them is nothing but shaping.
    """
    d_state, d_action = np.asarray(states, float), np.asarray(actions, float)
    weights = np.einsum("i,j,k->ijk", d_state, d_action, d_state).ravel()
    forms = [canonical(reward, states, actions, gamma).ravel() for reward in (first, second)]
    centred = [form - weights @ form for form in forms]
    scales = [float(np.abs(np.asarray(reward, float)).max()) for reward in (first, second)]
    return _distance(*(form * np.sqrt(weights) for form in centred), *scales)


def sampled_distance(
    clips: Sequence[Steps], *, gamma: float = 0.99, resamples: int = 200, seed: int = 0
) -> Estimate:
    r"""Return an approximation of EPIC from the steps of clips.

    Canonical here is what least squares leaves of the rewards when all shaping
    :math:`\gamma \Phi(s') - \Phi(s)` with a potential linear in the features, a constant among them, is taken
    out; :math:`\Phi = 0` where the episode ended.  That is the minimal canonical form of Skalse et al. (2024,
    arXiv:2309.15257) over the steps at hand, and the correlation is taken about 0, because in episodes that
    end a constant reward is not without influence.  So the distance does not change with positive factors and
    such shaping, exactly.  It differs from EPIC in two ways: shaping by potentials that the features cannot
    express counts as a difference, and steps count as often as they are in the clips, not as states and
    actions would if they were drawn independently.  The last step of a clip that goes on is left out, as its
    next state is not in the clip.

    Args:
        clips: Steps of each clip; the same number of features in all.
        gamma: Discount factor, in [0, 1].
        resamples: How often clips are drawn with replacement for the interval.
        seed: Seed of the draws.

    Returns:
        The distance in [0, 1] with a percentile bootstrap interval over clips; NaN where there are fewer than
        two steps per feature, or one reward is nothing but shaping.

    Raises:
        ValueError: If there are no clips, or ``gamma`` is outside [0, 1].
    """
    if not clips:
        raise ValueError("clips=[] must hold at least one")
    _check_gamma(gamma)
    parts = [_transitions(clip, gamma) for clip in clips]
    rng = np.random.default_rng(seed)

    def measure(chosen: Sequence[int]) -> float:
        learned, true, shaping = (np.concatenate([parts[k][i] for k in chosen]) for i in range(3))
        if len(learned) < 2 * shaping.shape[1]:
            return math.nan
        both = np.stack([learned, true], axis=1)
        rest = both - shaping @ np.linalg.lstsq(shaping, both, rcond=1e-9)[0]
        return _distance(rest[:, 0], rest[:, 1], *np.abs(both).max(0).tolist())

    distance = measure(range(len(parts)))
    drawn = [measure(rng.integers(len(parts), size=len(parts)).tolist()) for _ in range(resamples)]
    known = [value for value in drawn if not math.isnan(value)]
    if math.isnan(distance) or not known:
        return Estimate(math.nan, math.nan, math.nan)
    low, high = np.percentile(known, (2.5, 97.5))
    return Estimate(distance, min(float(low), distance), max(float(high), distance))


def correlation(first: ArrayLike, second: ArrayLike) -> float:
    """Return Pearson's correlation, in [-1, 1]; NaN if one is constant or there are fewer than three."""
    x, y = np.asarray(first, float), np.asarray(second, float)
    if len(x) < 3:
        return math.nan
    scales = [float(np.abs(values).max()) for values in (x, y)]
    distance = _distance(x - x.mean(), y - y.mean(), *scales)
    return 1 - 2 * distance**2


def principal_features(features: Sequence[Array], count: int) -> list[Array]:
    """Return the first principal components of the steps of all clips, each of variance 1, clip by clip.

    Least squares with as many features as steps would take everything for shaping; a few components say
    most of what a state is.

    Args:
        features: Of each clip, shape (steps, features).
        count: How many components at most; constant ones are left out.
    """
    stacked = np.concatenate(features)
    spread = stacked.std(0)
    scaled = (stacked - stacked.mean(0))[:, spread > 1e-9] / spread[spread > 1e-9]
    _, sizes, directions = np.linalg.svd(scaled, full_matrices=False)
    kept = int(np.sum(sizes[:count] > 1e-6 * max(float(sizes[:1].sum()), 1e-12)))
    reduced = scaled @ directions[:kept].T / (sizes[:kept] / math.sqrt(len(stacked)))
    return np.split(reduced, np.cumsum([len(part) for part in features])[:-1])


def _transitions(clip: Steps, gamma: float) -> tuple[Array, Array, Array]:
    """Return learned and true rewards of the steps whose next state is known, and what shaping may add."""
    basis = np.column_stack([np.ones(len(clip.true)), clip.features])
    following = np.vstack([basis[1:], np.zeros((1, basis.shape[1]))])
    stop = len(basis) if clip.terminated else len(basis) - 1
    return clip.learned[:stop], clip.true[:stop], (gamma * following - basis)[:stop]


def _distance(first: Array, second: Array, first_scale: float, second_scale: float) -> float:
    """Return the Pearson distance of what is left of two rewards; NaN if nothing but rounding is left."""
    sizes = [float(np.linalg.norm(values)) for values in (first, second)]
    floors = [1e-9 * scale * math.sqrt(len(first)) for scale in (first_scale, second_scale)]
    if any(size <= floor for size, floor in zip(sizes, floors, strict=True)):
        return math.nan
    # From the difference of unit vectors: for equivalent rewards 1 - rho would be all rounding.
    gap = float(np.linalg.norm(first / sizes[0] - second / sizes[1]))
    return min(gap / 2, 1.0)


def _check_gamma(gamma: float) -> None:
    if not 0 <= gamma <= 1:
        raise ValueError(f"gamma={gamma} must be in [0, 1]")
