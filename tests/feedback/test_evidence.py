from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from feedback.clips import ClipFolder, Segment
from feedback.evidence import Comparison, EvidenceConfig, Instead, Judged, Order, Stars, evidence_of
from feedback.fitting import decided_pairs
from feedback.labels import (
    Correction,
    Demonstration,
    Evaluation,
    Implicit,
    Intervention,
    Preference,
    Ranking,
    Rating,
)
from feedback.likelihood import Likelihood
from feedback.reward_models import RewardConfig, RewardModel

SPACE = spaces.Dict({"state": spaces.Box(-3, 3, (2,), np.float32)})


def piece(rng: np.random.Generator, steps: int = 6, actions: int = 3) -> Segment:
    """The true reward of a step is the first number of what is seen after it."""
    seen = rng.normal(size=(steps + 1, 2)).clip(-3, 3).astype(np.float32)
    return Segment(
        observations={"state": seen[:-1]},
        last={"state": seen[-1]},
        actions=rng.integers(actions, size=steps),
        rewards=seen[1:, 0].astype(np.float64),
        env_id="Toy-v0",
        seed=0,
        start=0,
    )


def test_every_kind_of_label_becomes_evidence(store) -> None:
    clips, rng = ClipFolder(store.clip_folder), np.random.default_rng(0)
    segments = [piece(rng) for _ in range(6)]
    a, b, c, *_ = (clips.add(segment) for segment in segments)
    long = clips.add(piece(rng, 40))
    who = {"labeller": "alice"}
    store.add(Preference(first=a, second=b, choice="second", **who))
    store.add(Preference(first=a, second=b, choice="incomparable", **who))
    store.add(Ranking(order=(c, a, b), **who))
    store.add(Rating(clip=a, value=4, **who))
    store.add(Rating(clip=long, value=1, **who))
    store.add(Evaluation(clip=a, value=-1.0, **who))
    store.add(Implicit(clip=b, signal="click", propensity=0.25, position=3, **who))
    store.add(Implicit(clip=b, signal="dwell", value=math.e - 1, **who))
    store.add(Implicit(clip=b, signal="skip", **who))
    others = tuple(int(action + 1) % 3 for action in segments[0].actions)
    as_done = tuple(int(action) for action in segments[0].actions)
    store.add(Intervention(clip=a, agent_actions=others, person_actions=as_done, **who))
    store.add(Correction(clip=a, actions=(others[0], *as_done[1:]), **who))
    store.add(Correction(clip=a, actions=as_done, **who))
    store.add(Demonstration(clip=long, success=True, **who))
    store.add(Demonstration(clip=b, success=False, **who))
    found = evidence_of(store, clips, "Toy-v0", EvidenceConfig(horizon=6, delay=(1, 3), opponents=2))
    kinds = [type(item) for item in found.evidence]
    assert kinds == [
        *(Comparison, Order, Stars, Judged, Judged, Judged, Judged, Instead, Instead),
        *(Comparison, Comparison),
    ]
    assert found.left_out == {
        "pairs called incomparable": 1,
        "clips of 40 steps, more than horizon=6 allows for": 1,
        "takeovers in which the person did as the agent would have done": 1,
        "demonstrations that failed": 1,
    }
    first, order, stars, key, click, dwell, skip, over, corrected, *shown = found.evidence
    assert first.target == (0.0, 1.0)
    assert [s.digest for s in order.segments] == [c.digest, a.digest, b.digest]
    assert (stars.value, stars.best) == (4, 5)
    # The key was pressed in the last of six steps, and may have been about those one to three before.
    assert len(key.segment) == 3 and key.weights == (1 / 3,) * 3
    np.testing.assert_array_equal(key.segment.actions, segments[0].actions[2:5])
    assert (click.value, click.weight, click.labeller) == (1.0, pytest.approx(0.4), "alice/click")
    assert (dwell.value, dwell.labeller) == (pytest.approx(1.0), "alice/dwell")
    assert skip.value == -1.0
    np.testing.assert_array_equal(over.better.actions, as_done)
    np.testing.assert_array_equal(over.worse.actions, others)
    assert len(corrected.better) == 1 and corrected.better.actions[0] == others[0]
    assert all(len(item.first) == 6 and item.target == (1.0, 0.0) for item in shown)


def test_takeovers_are_left_out_of_a_reward_that_cannot_learn_from_them(store) -> None:
    clips = ClipFolder(store.clip_folder)
    clip = clips.add(piece(np.random.default_rng(0)))
    zeros, ones = (0,) * 6, (1,) * 6
    store.add(Intervention(clip=clip, agent_actions=zeros, person_actions=ones, labeller="alice"))
    found = evidence_of(store, clips, "Toy-v0", EvidenceConfig(actions=False))
    assert found.evidence == ()
    assert found.left_out == {"takeovers and corrections, which take a reward of reward.sees='before'": 1}


def test_what_does_not_fit_is_left_out_with_the_reason(store) -> None:
    clips, rng = ClipFolder(store.clip_folder), np.random.default_rng(1)
    good, gone, damaged = (piece(rng) for _ in range(3))
    for segment in (good, gone, damaged):
        clips.add(segment)
    old = replace(good, env_id="Toy-v1")
    clips.add(old)
    for segment in (good, gone, damaged, old):
        store.add(Rating(clip=segment.clip, value=3, labeller="bob"))
    clips.path(gone.digest).unlink()
    clips.path(damaged.digest).write_bytes(b"no zip")
    found = evidence_of(store, clips, "Toy-v0", space=SPACE)
    assert [item.segment.digest for item in found.evidence] == [good.digest]
    assert set(found.left_out.values()) == {1} and len(found.left_out) == 3
    reasons = " | ".join(found.left_out)
    assert "labels on Toy-v1, which is not Toy-v0" in reasons
    assert "clips that are not in" in reasons and f"{damaged.digest}.npz cannot be read" in reasons
    other = spaces.Dict({"state": spaces.Box(-3, 3, (3,), np.float32)})
    refused = evidence_of(store, clips, "Toy-v0", space=other)
    assert refused.evidence == ()
    assert any("'state' is float32 of shape (2,), not float32 of (3,)" in why for why in refused.left_out)
    bigger = spaces.Dict({**SPACE.spaces, "camera": spaces.Box(0, 255, (8, 8, 3), np.uint8)})
    assert any(
        "they lack 'camera'" in why for why in evidence_of(store, clips, "Toy-v0", space=bigger).left_out
    )


@pytest.mark.parametrize("kind", ["comparisons", "orders", "stars", "judged", "all"])
def test_each_kind_of_evidence_alone_and_all_together_find_the_reward(kind) -> None:
    rng = np.random.default_rng(2)
    evidence = []
    pieces = [piece(rng) for _ in range(240)]
    spread = np.std([p.rewards.sum() for p in pieces])
    for k in range(0, 240, 4):
        some = pieces[k : k + 4]
        ranked = tuple(sorted(some, key=lambda p: -p.rewards.sum()))
        if kind in ("comparisons", "all"):
            first, second = some[0], some[1]
            better = first.rewards.sum() > second.rewards.sum()
            evidence.append(Comparison(first, second, (1.0, 0.0) if better else (0.0, 1.0), "alice"))
        if kind in ("orders", "all"):
            evidence.append(Order(ranked, "bob"))
        if kind in ("stars", "all"):
            for one in some:
                # A strict one and a generous one, who use the scale differently.
                for who, shift in (("carol", -1.0), ("dan", 1.0)):
                    value = int(np.clip(np.round(3 + one.rewards.sum() / spread + shift), 1, 5))
                    evidence.append(Stars(one, value, 5, who))
        if kind in ("judged", "all"):
            for one in some:
                step = one.cut(2, 3)
                evidence.append(Judged(step, float(np.sign(step.rewards[0])), None, "eve"))
    config = RewardConfig(horizon=6, members=1, epochs=20, noise=0.0)
    model = RewardModel(SPACE, spaces.Discrete(3), config, seed=0)
    model.fit(evidence)
    test = piece(np.random.default_rng(3), 500)
    learned, _ = model.predict(test.after, test.actions)
    assert np.corrcoef(learned, test.rewards)[0, 1] > 0.75


def test_who_answers_at_random_is_heard_less() -> None:
    rng = np.random.default_rng(4)
    evidence = []
    for _ in range(300):
        first, second = piece(rng), piece(rng)
        better = first.rewards.sum() > second.rewards.sum()
        coin = rng.random() < 0.5
        evidence.append(Comparison(first, second, (1.0, 0.0) if better else (0.0, 1.0), "careful"))
        evidence.append(Comparison(first, second, (1.0, 0.0) if coin else (0.0, 1.0), "careless"))
    config = RewardConfig(horizon=6, members=1, epochs=30, noise=0.0, learning_rate=3e-3)
    model = RewardModel(SPACE, spaces.Discrete(3), config, seed=0)
    model.fit(evidence)
    reliability = model.reliabilities()
    assert reliability["careful"] > 2 * reliability["careless"]


def test_interventions_teach_which_action_is_better() -> None:
    rng = np.random.default_rng(5)
    evidence = []
    for _ in range(60):
        done = piece(rng, 4)
        right = (done.observations["state"][:, 0] > 0).astype(np.int64)
        evidence.append(
            Instead(replace(done, actions=right, last=None), replace(done, actions=1 - right, last=None))
        )
    config = RewardConfig(horizon=6, members=1, epochs=20, sees="before")
    model = RewardModel(SPACE, spaces.Discrete(2), config, seed=0)
    model.fit(evidence)
    test = piece(np.random.default_rng(6), 300)
    one, zero = (model.predict(test.observations, np.full(300, a))[0] for a in (1, 0))
    assert np.mean((one > zero) == (test.observations["state"][:, 0] > 0)) > 0.9
    with pytest.raises(ValueError, match="sees='after' must be 'before' to learn from interventions"):
        RewardModel(SPACE, spaces.Discrete(2), RewardConfig(horizon=6)).fit(evidence)


@given(st.lists(st.floats(-4, 4), min_size=2, max_size=2), st.sampled_from([(1.0, 0.0), (0.5, 0.5)]))
@settings(max_examples=40, deadline=None)
def test_swapping_the_sides_of_a_pair_swaps_the_gradient(scores, target) -> None:
    rng = np.random.default_rng(0)
    one, two = piece(rng), piece(rng)
    likelihood = Likelihood(noise=0.1)
    likelihood.meet(["alice"])

    def gradient(first: float, second: float, wanted: tuple[float, float]) -> torch.Tensor:
        values = torch.tensor([first, second], requires_grad=True)
        loss = likelihood([Comparison(one, two, wanted, "alice")], values, [torch.zeros(6)] * 2)
        (found,) = torch.autograd.grad(loss.sum(), values)
        return found

    there = gradient(*scores, target)
    back = gradient(*scores[::-1], target[::-1])
    torch.testing.assert_close(there, back.flip(0))
    torch.testing.assert_close(there[0], -there[1])


def test_a_ranking_of_two_is_a_comparison_and_the_prior_is_least_at_the_usual() -> None:
    rng = np.random.default_rng(0)
    one, two = piece(rng), piece(rng)
    likelihood = Likelihood()
    likelihood.meet(["alice", "bob"], best=7)
    assert likelihood.thresholds().shape == (2, 6)
    assert (likelihood.thresholds().diff(dim=1) > 0).all()
    scores, steps = torch.tensor([1.3, -0.4]), [torch.zeros(6)] * 2
    as_pair = likelihood([Comparison(one, two, (1.0, 0.0), "bob")], scores, steps)
    as_order = likelihood([Order((one, two), "bob")], scores, steps)
    torch.testing.assert_close(as_pair, as_order)
    assert as_pair.item() == pytest.approx(math.log1p(math.exp(-1.7)), rel=1e-5)
    assert likelihood.prior().item() == pytest.approx(0.0, abs=1e-6)
    # Whoever is met later does not change those who are known.
    with torch.no_grad():
        likelihood.log_reliability[1] = 0.7
    likelihood.meet(["zoe", "bob"])
    assert likelihood.labellers == ["alice", "bob", "zoe"]
    torch.testing.assert_close(likelihood.log_reliability.detach(), torch.tensor([0.0, 0.7, 0.0]))


def test_ratings_of_one_person_that_differ_are_pairs() -> None:
    rng = np.random.default_rng(0)
    a, b, c = (piece(rng) for _ in range(3))
    ratings = [Stars(a, 5, 5, "x"), Stars(b, 2, 5, "x"), Stars(c, 2, 5, "x"), Stars(a, 1, 5, "y")]
    assert [(p.digest, q.digest) for p, q in decided_pairs(ratings)] == [
        (a.digest, b.digest),
        (a.digest, c.digest),
    ]
    assert decided_pairs([Comparison(a, b, (0.5, 0.5))]) == []
    assert decided_pairs([Comparison(a, b, (0.0, 1.0))]) == [(b, a)]
    assert len(decided_pairs([Order((a, b, c))])) == 3


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"horizon": 0}, "horizon=0"),
        ({"delay": (3, 1)}, r"delay=\(3, 1\)"),
        ({"most": 0.5}, "most=0.5"),
        ({"trust": 0}, "trust=0"),
        ({"opponents": 0}, "opponents=0"),
    ],
)
def test_bad_settings_of_evidence_are_named(change, words) -> None:
    with pytest.raises(ValueError, match=words):
        EvidenceConfig(**change)
    one = piece(np.random.default_rng(0))
    with pytest.raises(ValueError, match="must be one probability for each of 6 steps"):
        Judged(one, 1.0, (0.5, 0.5))
    with pytest.raises(ValueError, match="weight=0"):
        Judged(one, 1.0, None, "", 0.0)


def test_a_saved_model_is_the_same_and_a_damaged_file_is_named(tmp_path) -> None:
    rng = np.random.default_rng(8)
    evidence = [Comparison(piece(rng), piece(rng), (1.0, 0.0), "alice") for _ in range(8)]
    evidence.append(Stars(piece(rng), 6, 7, "bob"))
    model = RewardModel(SPACE, spaces.Discrete(3), RewardConfig(horizon=6, epochs=1), seed=0)
    model.fit(evidence)
    model.save(tmp_path / "model.pt")
    again = RewardModel.load(tmp_path / "model.pt")
    test = piece(rng, 30)
    np.testing.assert_array_equal(
        model.predict(test.after, test.actions)[0], again.predict(test.after, test.actions)[0]
    )
    assert again.config == model.config and again.reliabilities() == model.reliabilities()
    again.fit(evidence)
    with pytest.raises(FileNotFoundError):
        RewardModel.load(tmp_path / "none.pt")
    (tmp_path / "torn.pt").write_bytes((tmp_path / "model.pt").read_bytes()[:400])
    torch.save({"format": "something else"}, tmp_path / "other.pt")
    for name, words in (("torn.pt", "cannot be read"), ("other.pt", "its format is 'something else'")):
        with pytest.raises(ValueError, match=words) as caught:
            RewardModel.load(tmp_path / name)
        assert name in str(caught.value)


def test_many_discrete_actions_can_be_told_apart() -> None:
    model = RewardModel(SPACE, spaces.MultiDiscrete([3, 4]), RewardConfig(members=1))
    seen = {"state": np.zeros((2, 2), np.float32)}
    reward, _ = model.predict(seen, np.array([[0, 3], [2, 1]]))
    assert reward[0] != reward[1]
