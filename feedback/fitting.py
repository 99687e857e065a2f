"""What a fit to judgements needs: pairs, what is held out, a start, and how sure to be in the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from feedback.clips import Segment
from feedback.evidence import Comparison, Evidence, Instead, Stars
from feedback.reward_config import RewardConfig
from feedback.reward_network import RewardNetwork

EvidenceT = TypeVar("EvidenceT", bound=Evidence)

#: Fewest held-out pairs by which probabilities are calibrated.
_CALIBRATION = 20
#: Most pairs of ratings of one person that agreement is measured on.
_RATED_PAIRS = 500
#: Standard deviations of the priors of what an end is worth, and each missing step, in scores.  Where every
#: failing clip lost, a wider prior lets a failure drown all that can be earned before it.
_END, _MISSING = 2.0, 0.2


@dataclass(frozen=True)
class FitReport:
    """What a fit achieved.

    Attributes:
        loss: Mean negative log-likelihood of a judgement over the last pass and the members.
        agreement: Fraction of the decided pairs learned from that the ensemble ranks as the labeller did;
            two ratings of one person that differ are a pair. NaN without any.
        held_out_agreement: The same for pairs that no member learned from.
        learned_from: Number of judgements learned from.
        held_out: Number of decided pairs held out.
        temperature: What score differences are divided by for probabilities that are calibrated.
    """

    loss: float
    agreement: float
    held_out_agreement: float
    learned_from: int
    held_out: int
    temperature: float = 1.0


def require_learnable(evidence: Sequence[Evidence], config: RewardConfig) -> None:
    """Check that a reward can be learned from evidence.

    Args:
        evidence: Judgements.
        config: Of the reward model.

    Raises:
        ValueError: If there is none, a segment is longer than the horizon, or actions are compared that a
            reward which sees what came after cannot tell apart.
    """
    if not evidence:
        raise ValueError("evidence=[] must hold at least one judgement")
    longest = max(
        (len(segment) for item in evidence if is_scored(item) for segment in item.segments), default=0
    )
    if longest > config.horizon:
        raise ValueError(f"a segment has {longest} steps, but horizon={config.horizon}")
    if config.sees == "after" and any(isinstance(item, Instead) for item in evidence):
        raise ValueError(
            "sees='after' must be 'before' to learn from interventions and corrections: nobody knows "
            "what would have come after the other action"
        )


def decided_pairs(evidence: Sequence[Evidence]) -> list[tuple[Segment, Segment]]:
    """Return pairs of segments of which the first was judged better.

    Two ratings of one person that differ are a pair; of very many, some are drawn, always the same.
    """
    pairs = [pair for item in evidence for pair in item.pairs]
    rated: defaultdict[str, list[Stars]] = defaultdict(list)
    for item in evidence:
        if isinstance(item, Stars):
            rated[item.labeller].append(item)
    rng = np.random.default_rng(0)
    for items in rated.values():
        differing = [(a, b) for a, b in combinations(items, 2) if a.value != b.value]
        if len(differing) > _RATED_PAIRS:
            chosen = rng.choice(len(differing), _RATED_PAIRS, replace=False)
            differing = [differing[int(index)] for index in chosen]
        for a, b in differing:
            better, worse = (a, b) if a.value > b.value else (b, a)
            pairs.append((better.segment, worse.segment))
    return pairs


def split_held_out(evidence: Sequence[EvidenceT], share: float) -> tuple[list[EvidenceT], list[EvidenceT]]:
    """Return what to learn from, and what to measure agreement on: nothing, if nothing else were left.

    It is the same at every fit, because only the content of a judgement decides: so none of those that are
    measured on was ever learned from.

    Args:
        evidence: Judgements.
        share: Of those on whole segments that are held out, in [0, 1].
    """

    def is_held_out(item: Evidence) -> bool:
        return is_scored(item) and holds_out(share, [segment.digest for segment in item.segments])

    kept = [item for item in evidence if not is_held_out(item)]
    return (kept, [item for item in evidence if is_held_out(item)]) if kept else (list(evidence), [])


def holds_out(share: float, digests: Sequence[str]) -> bool:
    """Whether a judgement on clips of these hashes, in any order, is in the share that nobody learns from."""
    mark = 0
    for digest in digests:
        mark ^= int(digest[:8], 16)
    return mark < share * 2**32


def is_scored(item: Evidence) -> bool:
    """Whether evidence speaks of whole segments."""
    return isinstance(item, Stars | Comparison) or bool(item.pairs)


def fit_ends(
    net: RewardNetwork,
    pairs: Sequence[tuple[Segment, Segment]],
    horizon: int,
    noise: float,
    gaps: NDArray[np.floating[Any]] | None = None,
) -> None:
    """Let the numbers about ends explain what the rewards of steps leave to be explained.

    Most pairs of which one fails are decided by that alone.  A network that starts from nothing learns them
    first, by heart, from a reward so large at every step that nothing else can be heard; so the ends come
    first.  When the network has learned its part, failing and arriving are worth less than they seemed to
    be, and are fitted again: by gradient steps as small as the network needs they would get nowhere.

    This is a logistic regression on how segments end, by Newton's method, under a Gaussian prior; each
    pair counts by the probability that its answer was not a random one.

    Args:
        net: The network.
        pairs: Pairs of segments of which the first was judged better.
        horizon: Steps that segments are asked to have [steps].
        noise: Probability of a random answer, in [0, 1).
        gaps: How much higher the network now scores the first of each pair, its ends included, shape
            (pairs,); None for a network that has not learned anything.
    """

    def ends(segment: Segment) -> list[float]:
        missing = horizon - len(segment)
        goal = segment.terminated and not segment.failed
        return [segment.failed, goal, segment.failed * missing, goal * missing]

    x = np.array([np.subtract(ends(better), ends(worse)) for better, worse in pairs], np.float64)
    if not x.any():
        return
    parameters = [net.failure, net.arrival, net.absorbing, net.goal]
    deviations = np.array([_END, _END, _MISSING, _MISSING])
    weights, others = np.zeros(4), np.zeros(len(pairs))
    if gaps is not None:
        # What a missing step is worth goes with the level of the network's rewards, which has just moved.
        x, parameters, deviations = x[:, :2], parameters[:2], deviations[:2]
        weights = np.array([float(end.detach()) for end in parameters])
        others = gaps - x @ weights
    for _ in range(50):
        right = 0.5 * (1.0 + np.tanh(0.5 * (others + x @ weights)))
        meant = (1.0 - noise) * right / ((1.0 - noise) * right + 0.5 * noise + 1e-12)
        gradient = x.T @ (meant * (1.0 - right)) - weights / deviations**2
        curvature = x.T @ (x * (meant * right * (1.0 - right))[:, None]) + np.diag(deviations**-2)
        step = np.linalg.solve(curvature, gradient)
        # Far from the answer a whole step may overshoot.
        weights += step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-9))
    with torch.no_grad():
        for end, value in zip(parameters, weights, strict=True):
            end.fill_(float(value))


def best_temperature(gaps: NDArray[np.floating[Any]]) -> float:
    """Return what score differences are divided by for probabilities that are calibrated.

    Guo et al. (2017, arXiv:1706.04599) choose it by the likelihood of what nobody learned from.

    Args:
        gaps: How much higher each member scores the better of two segments, shape (members, pairs).

    Returns:
        A number in [0.2, 20]; 1 for few pairs.
    """
    if gaps.shape[1] < _CALIBRATION:
        return 1.0
    candidates = np.geomspace(0.2, 20.0, 60)
    chances = 0.5 * (1.0 + np.tanh(0.5 * gaps[None] / candidates[:, None, None])).mean(1)
    return float(candidates[np.log(chances + 1e-9).mean(1).argmax()])
