from __future__ import annotations

import math

import pytest

from feedback.labels import Preference
from feedback.sources import (
    OracleTeacher,
    PreferenceSource,
    RecordedSource,
    Teacher,
    TeacherConfig,
    make_teacher,
)


def choice(teacher, first, second):
    answer = teacher.prefer(first, second)
    return None if answer is None else answer.choice


def test_the_oracle_prefers_the_higher_true_return(make_segment) -> None:
    oracle = OracleTeacher()
    low, high, same = make_segment([1, 0, 0], 1), make_segment([0, 1, 1], 2), make_segment([1, 1, 0], 3)
    assert choice(oracle, low, high) == "second"
    assert choice(oracle, high, low) == "first"
    assert choice(oracle, high, same) == "equal"
    assert isinstance(oracle, PreferenceSource)
    assert oracle.prefer(low, high).first == low.clip


def test_an_early_failure_misses_steps_and_an_early_success_does_not(make_segment) -> None:
    oracle = OracleTeacher(horizon=4)
    whole = make_segment([1, 1, 1, 1], 1)
    failed = make_segment([1, 1], 2, terminated=True)
    reached = make_segment([1, 1], 3, terminated=True, success=True)
    assert choice(oracle, whole, failed) == "first"
    assert choice(oracle, whole, reached) == "equal"
    assert choice(oracle, failed, reached) == "second"


def test_teachers_are_b_prefs(make_segment) -> None:
    good, bad = make_segment([1, 1], 1), make_segment([0, 1], 2)
    assert choice(Teacher(TeacherConfig(mistake=1.0)), good, bad) == "second"
    assert choice(Teacher(TeacherConfig(skip=1.0)), good, bad) is None
    assert choice(Teacher(TeacherConfig(skip=0.9)), good, bad) == "first"
    assert choice(Teacher(TeacherConfig(equal=0.5)), good, bad) == "equal"
    early, late = make_segment([3, 0], 3), make_segment([0, 2], 4)
    assert choice(Teacher(TeacherConfig()), early, late) == "first"
    assert choice(Teacher(TeacherConfig(gamma=0.5)), early, late) == "second"


def test_a_rational_teacher_errs_as_often_as_the_formula_says(make_segment) -> None:
    teacher = Teacher(TeacherConfig(beta=1.0), seed=1)
    good, bad = make_segment([1], 1), make_segment([0], 2)
    rate = sum(choice(teacher, good, bad) == "first" for _ in range(4000)) / 4000
    assert rate == pytest.approx(1 / (1 + math.exp(-1)), abs=0.025)
    again = Teacher(TeacherConfig(beta=1.0), seed=1)
    assert rate == sum(choice(again, good, bad) == "first" for _ in range(4000)) / 4000


@pytest.mark.parametrize("name", ["oracle", "stochastic", "mistake", "skip", "equal", "myopic"])
def test_b_prefs_six_teachers_have_their_names(name: str, make_segment) -> None:
    teacher = make_teacher(name, horizon=2, seed=3)
    good, bad = make_segment([5, 5], 1), make_segment([0, 0], 2)
    answers = [choice(teacher, good, bad) for _ in range(200)]
    rate = answers.count("first") / 200
    assert rate == pytest.approx(0.9 if name == "mistake" else 1.0, abs=0.06)
    assert teacher.prefer(good, bad).labeller == name


def test_thresholds_follow_what_was_watched(make_segment) -> None:
    skips, ties = make_teacher("skip", horizon=2), make_teacher("equal", horizon=2)
    for teacher in (skips, ties):
        # Of these the last ten count: 2 per step.
        teacher.watch([make_segment([100.0] * 5, 1), *(make_segment([2.0] * 5, k) for k in range(2, 12))])
        assert teacher.usual == 2.0
    # 10 % of 2 per step, over two steps: 0.4.
    assert choice(skips, make_segment([0.2, 0.19], 20), make_segment([0, 0], 21)) is None
    assert choice(skips, make_segment([0.2, 0.21], 20), make_segment([0, 0], 21)) == "first"
    assert choice(ties, make_segment([5.0, 0.39], 20), make_segment([5, 0], 21)) == "equal"
    assert choice(ties, make_segment([5.0, 0.41], 20), make_segment([5, 0], 21)) == "first"


def test_a_second_session_does_not_scale_a_threshold_again(make_segment) -> None:
    # B-Pref multiplies by its share where it sets a threshold, and before that from the second session on.
    teacher = make_teacher("equal", horizon=1)
    for session in range(3):
        teacher.watch(make_segment([2.0], 10 * session + k) for k in range(10))
        assert choice(teacher, make_segment([5.0], 90), make_segment([5.19], 91)) == "equal"
        assert choice(teacher, make_segment([5.0], 90), make_segment([5.21], 91)) == "second"


def test_the_stochastic_teacher_errs_where_the_oracle_does_not(make_segment) -> None:
    # CleanRLHF compares the two probabilities instead of drawing by them.
    good, bad = make_segment([0.5], 1), make_segment([0.0], 2)
    rates = {}
    for name in ("stochastic", "oracle"):
        teacher = make_teacher(name, horizon=1, seed=2)
        rates[name] = sum(choice(teacher, good, bad) == "first" for _ in range(1000)) / 1000
    assert rates["oracle"] == 1.0
    assert rates["stochastic"] == pytest.approx(1 / (1 + math.exp(-0.5)), abs=0.05)


def test_negative_rewards_do_not_turn_thresholds_round(make_segment) -> None:
    shifted, plain = make_teacher("skip", horizon=2), make_teacher("skip", horizon=2)
    plain.watch([make_segment([0.0], 1), make_segment([2.0], 2)])
    shifted.watch([make_segment([-10.0], 1), make_segment([-8.0], 2)])
    assert shifted.usual == plain.usual == 1.0
    bad, fair = [0.05, 0.05], [0.2, 0.2]
    for rewards, answer in ((bad, None), (fair, "first")):
        worst = make_segment([0, 0], 4)
        assert choice(plain, make_segment(rewards, 3), worst) == answer
        lower = make_segment([r - 10 for r in rewards], 3)
        assert choice(shifted, lower, make_segment([-10, -10], 4)) == answer


def test_an_early_crash_does_not_make_everything_equal(make_segment) -> None:
    teacher = make_teacher("equal", horizon=2)
    crash = make_segment([-5.0], 1, terminated=True)
    teacher.watch([crash, *(make_segment([0.5] * 20, seed) for seed in range(2, 11))])
    # Nine returns of 10 and one of -5, above -5 and per each of 20 steps.
    assert teacher.usual == pytest.approx((8.5 + 5.0) / 20)
    # 10 % of that over two steps is 0.135; the mean reward of a step of the crash would make it 1.09.
    assert choice(teacher, make_segment([0.5, 0.3], 20), make_segment([0.3, 0.3], 21)) == "first"
    assert choice(teacher, make_segment([0.4, 0.3], 20), make_segment([0.3, 0.3], 21)) == "equal"


def test_an_unknown_teacher_is_named() -> None:
    with pytest.raises(ValueError, match="teacher='kind' must be one of"):
        make_teacher("kind")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("skip_share", -0.1),
        ("equal_share", math.inf),
        ("beta", -1.0),
        ("gamma", 0.0),
        ("mistake", 1.5),
        ("equal", -1.0),
        ("horizon", 0),
    ],
)
def test_bad_teacher_settings_are_named(field, value) -> None:
    with pytest.raises(ValueError, match=f"{field}={value}"):
        TeacherConfig(**{field: value})


def test_recorded_preferences_come_back(store, make_segment) -> None:
    first, second, other = (make_segment([float(i)], i) for i in range(3))
    given = OracleTeacher().prefer(first, second)
    store.add(given)
    recorded = RecordedSource(store)
    assert recorded.prefer(first, second) == given
    assert recorded.prefer(second, first) == given
    assert recorded.prefer(first, other) is None
    assert isinstance(given, Preference)
