from __future__ import annotations

import numpy as np
import pytest

from feedback.sources import Moment, OracleTeacher
from feedback.sources.people import (
    Annoyed,
    DelayedEvaluator,
    EvaluatorConfig,
    Inconsistent,
    PositionBiasedClicker,
    Rater,
    usual,
)


def moments(rewards, make_clip, end: bool = True):
    last = len(rewards) - 1
    return [
        Moment(make_clip(k, start=k, length=1), reward, end and k == last, False)
        for k, reward in enumerate(rewards)
    ]


def keys(person, rewards, make_clip, end: bool = True):
    said = [person.evaluations(moment) for moment in moments(rewards, make_clip, end)]
    return [(e.step, e.value) for group in said for e in group]


def test_a_key_comes_some_steps_after_what_it_is_about(make_clip) -> None:
    config = EvaluatorConfig(delay=(0.3, 0.3), step=0.1)
    usual = [0.0, 1.0] * 10
    # Step 20 is far above, step 30 far below the usual.
    rewards = [*usual, 9.0, *usual[:9], -9.0, *usual]
    assert keys(DelayedEvaluator(config), rewards, make_clip)[-2:] == [(23, 1.0), (33, -1.0)]


def test_a_key_is_pressed_at_the_latest_when_the_episode_ends(make_clip) -> None:
    person = DelayedEvaluator(EvaluatorConfig(delay=(5.0, 5.0), threshold=3.0))
    assert keys(person, [0.0, 1.0] * 10 + [9.0, 0.0], make_clip) == [(21, 1.0)]
    person = DelayedEvaluator(EvaluatorConfig(delay=(5.0, 5.0), threshold=3.0))
    assert keys(person, [0.5, 0.5, 0.5], make_clip) == []


def test_delays_and_attention_are_as_configured_and_repeat(make_clip) -> None:
    rewards = np.random.default_rng(0).normal(size=4000).tolist()
    config = EvaluatorConfig(delay=(0.2, 1.0), attention=0.5, mistake=0.1, threshold=1.0)
    answers = [keys(DelayedEvaluator(config, seed=4), rewards, make_clip, end=False) for _ in range(2)]
    assert answers[0] == answers[1]
    # Beyond one standard deviation lie 32 %, of which half are judged.
    assert len(answers[0]) / 4000 == pytest.approx(0.16, abs=0.02)


def test_what_is_usual_is_not_moved_by_what_is_not() -> None:
    assert usual([]) == (0.0, 0.0)
    assert usual([3.0]) == (3.0, 0.0)
    assert usual([0.0, 1.0, 2.0, 3.0, 4.0]) == (2.0, pytest.approx(2.0 / 1.349))
    assert usual([-1e9, 1.0, 2.0, 3.0, 4.0]) == usual([0.0, 1.0, 2.0, 3.0, 4.0])
    # Where hardly anything ever happens, what happens is out of the ordinary.
    assert usual([0.0, 0.0, 0.0, 0.0, 5.0]) == (0.0, pytest.approx(5**0.5))
    assert usual([0.3] * 7) == (0.3, 0.0)
    values = np.random.default_rng(0).normal(3.0, 2.0, 5000)
    assert usual(np.sort(values).tolist()) == pytest.approx((3.0, 2.0), abs=0.1)


def test_who_saw_a_crash_still_tells_good_driving_from_bad(make_clip, make_segment) -> None:
    steps = np.random.default_rng(1).normal(0.3, 0.1, 400)
    crashes = np.where(np.arange(400) % 20 == 19, -9.0, steps)
    said = keys(DelayedEvaluator(EvaluatorConfig(delay=(0.0, 0.0))), crashes, make_clip, end=False)
    about = {step: value for step, value in said if step > 100}
    assert all(about[step] == -1.0 for step in range(119, 400, 20))
    ordinary = [step for step in range(100, 400) if step % 20 != 19]
    pressed = [step for step in ordinary if step in about]
    assert len(pressed) / len(ordinary) == pytest.approx(0.32, abs=0.08)
    assert {about[step] for step in pressed if steps[step] > 0.45} == {1.0}
    assert {about[step] for step in pressed if steps[step] < 0.15} == {-1.0}

    shown = [make_segment([value], k) for k, value in enumerate(crashes.tolist())]
    rater = Rater(noise=0.2, seed=0)
    rater.watch(shown)
    stars = np.array([rater.rate(segment).value for segment in shown])
    assert stars[crashes < 0].max() == 1
    assert stars[crashes > 0.45].min() >= 4
    assert stars[(crashes > 0) & (crashes < 0.15)].max() <= 2


def test_raters_have_thresholds_of_their_own(make_segment) -> None:
    shown = [make_segment([value] * 2, k) for k, value in enumerate(np.linspace(0, 10, 101))]
    fair, strict, kind = Rater(), Rater(strictness=1.0), Rater(strictness=-1.0)
    for rater in (fair, strict, kind):
        rater.watch(shown)
    stars = np.array([[rater.rate(segment).value for segment in shown] for rater in (fair, strict, kind)])
    # Equal shares, but for the lowest, which holds its edge as well.
    assert np.bincount(stars[0], minlength=6)[1:].tolist() == [21, 20, 20, 20, 20]
    assert (np.diff(stars, axis=1) >= 0).all()
    assert stars[1].mean() < stars[0].mean() < stars[2].mean()


def test_a_noisy_rater_repeats_itself_and_scatters(make_segment) -> None:
    shown = [make_segment([float(k)], k) for k in range(20)]
    raters = [Rater(noise=0.5, seed=1), Rater(noise=0.5, seed=1), Rater()]
    for rater in raters:
        rater.watch(shown)
    first, again, exact = ([rater.rate(s).value for s in shown] for rater in raters)
    assert first == again != exact


def test_a_rater_who_saw_nothing_says_so(make_segment) -> None:
    with pytest.raises(ValueError, match="rater has not watched anything"):
        Rater().rate(make_segment([1.0], 1))


def test_clicks_fall_with_the_place_and_weighted_they_do_not(make_clip) -> None:
    person = PositionBiasedClicker(eta=1.0, seed=2)
    relevance = [0.6, 0.6, 0.2, 0.6]
    seen = [person.clicks(make_clip(), relevance, items=[7, 8, 9, 10]) for _ in range(4000)]
    assert [label.item for label in seen[0]] == [7, 8, 9, 10]
    assert [label.position for label in seen[0]] == [0, 1, 2, 3]
    rates = np.array([[label.value for label in slate] for slate in seen]).mean(0)
    np.testing.assert_allclose(rates, [0.6, 0.3, 0.2 / 3, 0.15], atol=0.025)
    propensity = np.array([label.propensity for label in seen[0]])
    np.testing.assert_allclose(rates / propensity, relevance, atol=0.08)


def test_patience_runs_out(make_segment) -> None:
    good, bad = make_segment([1.0], 1), make_segment([0.0], 2)

    def answers(person):
        return [None if (a := person.prefer(good, bad)) is None else a.choice for _ in range(600)]

    given = answers(Annoyed(OracleTeacher(), patience=100, seed=3))
    assert given == answers(Annoyed(OracleTeacher(), patience=100, seed=3))
    assert set(given[:100]) == {"first"}
    late = given[400:]
    assert late.count(None) / 200 == pytest.approx(0.48, abs=0.1)
    assert late.count("second") / 200 == pytest.approx(0.125, abs=0.06)


def test_an_inconsistent_person_contradicts_themselves(make_segment) -> None:
    good, bad, same = make_segment([1.0], 1), make_segment([0.0], 2), make_segment([1.0], 3)
    person = Inconsistent(OracleTeacher(), rate=0.3, seed=0)
    answers = [person.prefer(good, bad).choice for _ in range(1000)]
    assert answers.count("second") / 1000 == pytest.approx(0.3, abs=0.05)
    assert {person.prefer(good, same).choice for _ in range(50)} == {"equal"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: EvaluatorConfig(threshold=-1.0), "threshold=-1.0 must not be negative"),
        (lambda: EvaluatorConfig(attention=1.5), r"attention=1.5 must be in \[0, 1\]"),
        (lambda: EvaluatorConfig(delay=(2.0, 1.0)), r"delay=\(2.0, 1.0\) must be a least and a most"),
        (lambda: EvaluatorConfig(step=0.0), "step=0.0 must be positive"),
        (lambda: Rater(best=1), "best=1 must be at least 2"),
        (lambda: Rater(noise=-0.1), "noise=-0.1 must not be negative"),
        (lambda: PositionBiasedClicker(eta=-1), "eta=-1 must not be negative"),
        (lambda: Annoyed(OracleTeacher(), patience=0), "patience=0 must be at least 1"),
        (lambda: Inconsistent(OracleTeacher(), rate=2), "rate=2 must be in"),
    ],
)
def test_people_who_make_no_sense(make, words) -> None:
    with pytest.raises(ValueError, match=words):
        make()
