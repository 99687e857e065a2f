from __future__ import annotations

import itertools
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from feedback_toy import ENV_ID
from gymnasium import spaces

import mmenvs  # noqa: F401  registers the ids
from feedback.clips import ClipFolder, digest_of
from feedback.interventions import record_interventions
from feedback.labels import Intervention
from feedback.sources import DriverConfig, InterveningDriver, InterventionSource
from feedback.sources.foresight import Foresight
from mmenvs.driving.expert import ScriptedDriver

ROAD = "mmenvs/PathPlanning-v0"


class Pedals(gym.Env[Any, Any]):
    """Steering and pedal go nowhere; ten steps an episode, the last a success."""

    def __init__(self, steps: int = 10) -> None:
        self.observation_space = spaces.Box(0, 100, (1,), np.float32)
        self.action_space = spaces.Box(-1, 1, (2,), np.float32)
        self.steps, self.seeds, self.done = steps, [], []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.seeds.append(seed)
        self.count = 0
        return np.zeros(1, np.float32), {"begun": True}

    def step(self, action):
        self.count += 1
        self.done.append(np.array(action))
        over = self.count == self.steps
        return np.array([self.count], np.float32), 2.0, over, False, {"success": over}


class Hand:
    """Acts in chosen steps of every episode."""

    def __init__(self, steps: set[int], action: Any) -> None:
        self.name, self.steps, self.action, self.seen = "hand", steps, action, []

    def begin(self) -> None:
        self.step = -1

    def takeover(self, observation: Any, agent_action: Any) -> Any | None:
        self.step += 1
        self.seen.append(observation)
        return self.action if self.step in self.steps else None


def idle(observation: Any) -> Any:
    return np.zeros(2, np.float32)


def test_each_takeover_is_a_label_with_its_clip(store) -> None:
    env, hand = Pedals(), Hand({2, 3, 9}, np.array([0.5, 0.25], np.float32))
    report = record_interventions(
        env, lambda o: np.array([0.0, o[0] / 16], np.float32), hand, store, 2, seed=5
    )
    assert (report.episodes, report.steps, report.person_steps, report.takeovers) == (2, 20, 6, 4)
    assert (report.takeover_rate, report.success_rate, report.returns) == (0.3, 1.0, (20.0, 20.0))
    labels = list(store.labels(Intervention))
    assert [(x.clip.seed, x.first_step, x.last_step) for x in labels] == [
        (5, 2, 3),
        (5, 9, 9),
        (6, 2, 3),
        (6, 9, 9),
    ]
    assert labels[0].agent_actions == ((0.0, 2 / 16), (0.0, 3 / 16))
    assert labels[0].person_actions == ((0.5, 0.25), (0.5, 0.25))
    assert labels[0].labeller == "hand"
    clips = ClipFolder(store.clip_folder)
    first, last = clips.get(labels[0].clip), clips.get(labels[1].clip)
    np.testing.assert_array_equal(first.observations["observation"], [[2], [3]])
    np.testing.assert_array_equal(first.actions, [[0.5, 0.25]] * 2)
    assert (first.terminated, last.terminated, last.success) == (False, True, True)
    # The environment got the person's actions where the person acted, and the agent's elsewhere.
    assert [bool(action[0]) for action in env.done[:10]] == [k in hand.steps for k in range(10)]


def test_steering_against_braking_is_a_takeover(store) -> None:
    # A test by the absolute sum of the action would see nothing here.
    hand = Hand({0, 4}, np.array([0.5, -0.5], np.float32))
    report = record_interventions(Pedals(), idle, hand, store, 1)
    assert (report.person_steps, report.takeovers) == (2, 2)
    # Nor is it one for the simulated driver: the difference is that of the largest component.
    calm = DriverConfig(quantile=0.5, tolerance=0.4, reaction=0.0)
    driver = InterveningDriver(Pedals(), calm, expert=lambda o: np.array([0.5, -0.5]) * (o[0] > 50))
    for k in range(60):
        driver.begin()
        assert (driver.takeover(np.array([k]), idle(None)) is not None) == (k > 50)
    # And doing nothing, where the agent would act, is one as well.
    report = record_interventions(Pedals(), lambda o: np.ones(2, np.float32), Hand({1}, idle(None)), store, 1)
    assert report.takeovers == 1


def test_every_episode_has_a_seed_of_its_own_and_begins_with_an_observation(store) -> None:
    env, hand, asked = Pedals(steps=3), Hand({0}, np.ones(2, np.float32)), []
    record_interventions(env, lambda o: asked.append(o) or idle(o), hand, store, 3, seed=4)
    assert env.seeds == [4, 5, 6]
    for seen in (asked, hand.seen):
        assert len(seen) == 9
        assert all(isinstance(o, np.ndarray) and o.shape == (1,) for o in seen)
        assert [float(o[0]) for o in seen] == [0, 1, 2] * 3
    first = next(store.labels(Intervention))
    assert ClipFolder(store.clip_folder).get(first.clip).observations["observation"][0, 0] == 0.0


def driver(**config: Any) -> InterveningDriver:
    """Return a person who wants [1, 0] everywhere from step 50 on, and what the agent does before."""
    settings = DriverConfig(**{"reaction": 0.0, "drive": 0.3, "quantile": 0.9} | config)
    return InterveningDriver(
        Pedals(), settings, expert=lambda o: np.array([float(o[0] >= 50), 0.0], np.float32), seed=3
    )


def acted(person: InterveningDriver, steps: int = 60) -> list[int]:
    person.begin()
    return [k for k in range(steps) if person.takeover(np.array([k]), idle(None)) is not None]


def test_the_person_drives_for_a_while_after_a_reaction() -> None:
    assert acted(driver())[:3] == [50, 51, 52]
    assert acted(driver(reaction=0.2, drive=0.5))[:5] == [52, 53, 54, 55, 56]
    assert acted(driver(attention=0.0)) == []
    assert acted(driver(quantile=None)) == []
    assert acted(driver(tolerance=1.0)) == []
    assert acted(driver(attention=0.5)) == acted(driver(attention=0.5))


def test_what_is_usual_is_let_pass() -> None:
    # An agent that always differs as much is not taken over from, however much that is.
    person = InterveningDriver(Pedals(), DriverConfig(reaction=0.0), expert=lambda o: np.ones(2, np.float32))
    assert acted(person) == []


def test_a_hand_is_not_steady() -> None:
    def actions(noise: float) -> np.ndarray:
        person = driver(noise=noise)
        person.begin()
        taken = [person.takeover(np.array([k]), idle(None)) for k in range(53)]
        return np.array([a for a in taken if a is not None])

    np.testing.assert_array_equal(actions(0.0), [[1, 0]] * 3)
    shaken = actions(0.2)
    assert (np.abs(shaken) <= 1).all()
    assert (shaken != [[1, 0]]).any()
    np.testing.assert_array_equal(shaken, actions(0.2))
    env = gym.make(ENV_ID)
    clumsy = InterveningDriver(env, DriverConfig(noise=1.0, reaction=0.0), expert=lambda o: int(o > 20))
    chosen = [clumsy.takeover(k, 0) for k in range(60)]
    assert {a for a in chosen if a is not None} <= {0, 1, 2}
    assert any(a is not None for a in chosen)


@pytest.fixture
def road():
    env = gym.make(ROAD)
    yield env
    env.close()


def test_what_happens_was_foreseen_and_what_is_foreseen_happens(road) -> None:
    """Alarms come early: a corner over the edge is one, but the world waits for two wheels."""
    simulator = road.unwrapped.simulator
    alarms = ends = 0
    for seed, action in itertools.product(range(12), range(3)):
        road.reset(seed=seed)
        outcome = Foresight(simulator)(simulator.commands(np.array([action]))[0], 1.6, 0.0)
        alarm = outcome.off_road or outcome.collision
        failed = [step for step in range(11) if hold(road, action)]
        if failed and failed[0] < 8:
            ends += 1
            assert alarm
        if alarm:
            alarms += 1
            assert failed
    assert ends >= 5
    assert alarms >= 10


def hold(env: gym.Env[Any, Any], action: int) -> bool:
    """Take a step unless the episode has failed; return whether it has."""
    unwrapped: Any = env.unwrapped
    return bool(unwrapped.simulator.terminated[0]) or env.step(action)[2]


def test_pedals_are_foreseen() -> None:
    env = gym.make("mmenvs/Driving-v0")
    env.reset(seed=0)
    simulator = env.unwrapped.simulator
    begin = Foresight(simulator)(np.zeros(2), 1.0, 0.0).speed
    assert Foresight(simulator)(np.array([0.0, 1.0]), 1.0, 0.0).speed == pytest.approx(begin + 3.0)
    assert Foresight(simulator)(np.array([0.0, -1.0]), 2.0, 0.0).speed == 0.0
    env.close()


def test_shared_control_reaches_the_goal_that_the_agent_alone_does_not(road, store) -> None:
    nobody = Hand(set(), None)
    straight = record_interventions(road, lambda o: 1, nobody, store, 3)
    assert (straight.success_rate, straight.takeovers) == (0.0, 0)
    person = InterveningDriver(road)
    helped = record_interventions(road, lambda o: 1, person, store, 3)
    assert helped.success_rate == 1.0
    assert 0.0 < helped.takeover_rate < 0.6
    assert person.reason in ("off_road", "collision")
    labels = list(store.labels(Intervention))
    assert len(labels) == helped.takeovers
    assert {a for label in labels for a in label.agent_actions} == {1}
    assert {a for label in labels for a in label.person_actions} > {1}
    clips = ClipFolder(store.clip_folder)
    segments = [clips.get(label.clip) for label in labels]
    assert all(len(s) <= 5 for s in segments)  # a second of steps of 0.2 s
    assert digest_of(segments[0].observations, segments[0].actions) != segments[0].digest


def test_who_drives_as_the_person_would_is_left_alone(road, store) -> None:
    expert = ScriptedDriver(road.unwrapped.simulator)
    report = record_interventions(road, lambda o: expert.actions()[0], InterveningDriver(road), store, 2)
    assert (report.takeovers, report.takeover_rate, report.success_rate) == (0, 0.0, 1.0)


def test_who_stands_still_is_too_slow(store) -> None:
    env = gym.make("mmenvs/Driving-v0")
    person = InterveningDriver(env)
    env.reset(seed=0)
    brake = np.array([0.0, -1.0], np.float32)
    for _ in range(20):
        observation, *_ = env.step(brake)
    person.begin()
    taken = [person.takeover(observation, brake) for _ in range(3)]
    assert (taken[0], taken[1], person.reason) == (None, None, "slow")
    assert taken[2] is not None
    assert taken[2][1] > 0
    env.close()


def test_wrong_arguments_are_named(store) -> None:
    assert isinstance(Hand(set(), None), InterventionSource)
    with pytest.raises(TypeError, match="must have a name and methods begin"):
        record_interventions(Pedals(), idle, object(), store, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="episodes=0 must be at least 1"):
        record_interventions(Pedals(), idle, Hand(set(), None), store, 0)
    with pytest.raises(ValueError, match="expert= must be given"):
        InterveningDriver(Pedals())
    with pytest.raises(ValueError, match="parking"):
        InterveningDriver(gym.make("mmenvs/Parking-v0"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("horizon", 0.0),
        ("drive", math.inf),
        ("reaction", -0.1),
        ("margin", math.nan),
        ("tolerance", -1.0),
        ("attention", 1.1),
        ("noise", -0.1),
        ("slow", 1.0),
        ("quantile", 1.0),
    ],
)
def test_bad_settings_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{field}={value}"):
        DriverConfig(**{field: value})
