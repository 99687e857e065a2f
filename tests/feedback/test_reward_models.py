from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium import spaces

from feedback.clips import Segment
from feedback.evidence import Comparison, Judged
from feedback.reward_models import RewardConfig, RewardModel
from feedback.sources import OracleTeacher

SPACE = spaces.Dict(
    {"camera": spaces.Box(0, 255, (8, 8, 3), np.uint8), "state": spaces.Box(-3, 3, (2,), np.float32)}
)
ACTIONS = spaces.Discrete(3)


def toy_segment(rng: np.random.Generator, steps: int = 6, failed: bool = False) -> Segment:
    """The true reward is bright pictures plus the second action: it needs both inputs."""
    brightness = rng.random(steps)
    actions = rng.integers(3, size=steps)
    camera = np.broadcast_to((brightness * 255)[:, None, None, None], (steps, 8, 8, 3)).astype(np.uint8)
    return Segment(
        observations={"camera": camera, "state": rng.normal(size=(steps, 2)).astype(np.float32)},
        actions=actions,
        rewards=brightness + (actions == 1),
        env_id="Toy-v0",
        seed=0,
        start=0,
        terminated=failed,
    )


def compare(first: Segment, second: Segment) -> Comparison:
    target = OracleTeacher(horizon=6).prefer(first, second).target
    return Comparison(first, second, target)


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    pairs = [compare(toy_segment(rng), toy_segment(rng)) for _ in range(150)]
    model = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=6, epochs=25, noise=0.0), seed=0)
    return model, model.fit(pairs)


def test_it_learns_a_reward_that_needs_picture_and_action(fitted) -> None:
    model, report = fitted
    assert report.learned_from > 120
    assert report.held_out > 5
    assert report.agreement > 0.9
    test = toy_segment(np.random.default_rng(1), 400)
    learned, disagreement = model.predict(test.observations, test.actions)
    assert learned.shape == disagreement.shape == (400,)
    assert np.corrcoef(learned, test.rewards)[0, 1] > 0.7
    brightness, chosen = test.rewards - (test.actions == 1), test.actions == 1
    assert learned[chosen].mean() > learned[~chosen].mean()
    for same in (chosen, ~chosen):
        assert np.corrcoef(learned[same], brightness[same])[0, 1] > 0.5
    assert (disagreement > 0).all()


def test_the_reward_is_normalised_on_the_data(fitted) -> None:
    model, _ = fitted
    steps = toy_segment(np.random.default_rng(2), 400)
    learned, _ = model.predict(steps.observations, steps.actions)
    assert 0.5 < np.sqrt((learned**2).mean()) < 1.5


def test_the_same_seed_gives_the_same_model_bit_for_bit() -> None:
    rng = np.random.default_rng(3)
    pairs = [compare(toy_segment(rng), toy_segment(rng)) for _ in range(12)]
    before = torch.get_rng_state()

    def weights(seed: int) -> list[torch.Tensor]:
        model = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=6, epochs=2, members=2), seed=seed)
        model.fit(pairs)
        return list(model.state_dict().values())

    assert all(torch.equal(a, b) for a, b in zip(weights(1), weights(1), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(1), weights(2), strict=True))
    assert torch.equal(before, torch.get_rng_state())


def test_members_share_nothing() -> None:
    model = RewardModel(SPACE, ACTIONS, RewardConfig(members=3))
    parameters = [parameter for parameter in model.parameters() if parameter.numel()]
    assert len({parameter.data_ptr() for parameter in parameters}) == len(parameters)


def test_having_ended_counts_as_was_learned_and_being_short_does_not() -> None:
    model = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=6, members=1))
    net = model._nets[0]
    with torch.no_grad():
        for end, value in {"failure": -7.0, "absorbing": -2.0, "arrival": 5.0, "goal": 1.5}.items():
            getattr(net, end).fill_(value)
        net.head[-1].weight.zero_()
        net.head[-1].bias.fill_(0.5)
    rng = np.random.default_rng(0)
    whole, short, failed = toy_segment(rng, 6), toy_segment(rng, 4), toy_segment(rng, 4, failed=True)
    arrived = replace(failed, success=True)
    np.testing.assert_allclose(
        model.scores([whole, short, failed, arrived])[0],
        [3.0, 3.0, 4 * 0.5 - 7 - 2 * 2.0, 4 * 0.5 + 5 + 2 * 1.5],
        rtol=1e-6,
    )
    reward, _ = model.predict(whole.observations, whole.actions)
    np.testing.assert_allclose(reward, 2.5, rtol=1e-6)
    endings = model.endings(0.9)
    assert endings.failure == pytest.approx(-7)
    assert endings.arrival == pytest.approx(5 + 9 * 3.5)
    with pytest.raises(ValueError, match=r"gamma=1.0 must be in \[0, 1\)"):
        model.endings(1.0)


def test_a_key_about_the_last_step_is_about_the_end_as_well() -> None:
    rng = np.random.default_rng(7)
    open_end = toy_segment(rng)
    failed = replace(open_end, terminated=True)
    model = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=6), seed=0)
    net = model.members[0]
    net.likelihood.meet([""])
    told = {}
    with torch.no_grad():
        net.failure.fill_(-2.0)
        for name, segment in (("open", open_end), ("failed", failed)):
            # What is said about a step is off by the whole of its reward when zero is said.
            first = Judged(segment, 0.0, (1.0, 0, 0, 0, 0, 0))
            last = Judged(segment, 0.0)
            told[name] = model.losses(net, [first, last])[0]
        reward = model.losses(net, [Judged(open_end, 0.0)])[1][-1]
    assert told["open"][0] == told["failed"][0]
    variance = (1.0 + 0.3) ** 2  # of what a labeller says who is not known yet
    assert told["failed"][1] - told["open"][1] == pytest.approx(
        float((reward - 2.0) ** 2 - reward**2) / (2.0 * variance), rel=1e-4
    )


def test_going_on_is_worth_more_than_ending_once_people_say_so() -> None:
    rng = np.random.default_rng(5)
    pairs = []
    for _ in range(60):
        alive, ended = toy_segment(rng, 6), toy_segment(rng, int(rng.integers(1, 6)), failed=True)
        pairs.append(Comparison(alive, ended, (1.0, 0.0)))
    model = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=6, epochs=10), seed=0)
    model.fit(pairs)
    steps = toy_segment(rng, 50)
    reward, _ = model.predict(steps.observations, steps.actions)
    assert (reward > 0).all()


def test_batches_do_not_change_a_prediction(fitted) -> None:
    model, _ = fitted
    steps = toy_segment(np.random.default_rng(6), 37)
    whole, _ = model.predict(steps.observations, steps.actions)
    parts, _ = model.predict(steps.observations, steps.actions, batch_size=5)
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-5)


def test_a_box_world_with_continuous_actions() -> None:
    model = RewardModel(spaces.Box(-1, 1, (4,), np.float32), spaces.Box(-1, 1, (2,), np.float32))
    reward, _ = model.predict({"observation": np.zeros((3, 4), np.float32)}, np.zeros((3, 2), np.float32))
    assert reward.shape == (3,)


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="members=0 must be at least 1"):
        RewardConfig(members=0)
    with pytest.raises(ValueError, match=r"action_space=.* must be a Discrete, a MultiDiscrete or a Box"):
        RewardModel(SPACE, spaces.MultiBinary(3))
    model = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=4))
    with pytest.raises(ValueError, match="must hold at least one"):
        model.fit([])
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="a segment has 6 steps, but horizon=4"):
        model.fit([compare(toy_segment(rng), toy_segment(rng))])


def test_a_reward_may_be_read_from_a_part_of_the_observation() -> None:
    config = RewardConfig(horizon=6, members=1, keys=("state",))
    model = RewardModel(SPACE, ACTIONS, config, seed=0)
    steps = toy_segment(np.random.default_rng(0), 20)
    dark = {**steps.observations, "camera": np.zeros_like(steps.observations["camera"])}
    np.testing.assert_array_equal(
        model.predict(steps.observations, steps.actions)[0], model.predict(dark, steps.actions)[0]
    )
    assert model.scores([steps.cut(0, 6)]).shape == (1, 1)
    for keys in ((), ("sound",)):
        with pytest.raises(ValueError, match=r"keys=.* must be among \['camera', 'state'\]"):
            RewardModel(SPACE, ACTIONS, RewardConfig(keys=keys))


def test_a_reward_that_does_not_see_actions_is_the_same_for_all_of_them(tmp_path) -> None:
    rng = np.random.default_rng(4)
    pairs = [compare(toy_segment(rng), toy_segment(rng)) for _ in range(12)]
    model = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=6, epochs=2, actions=False), seed=0)
    model.fit(pairs)
    steps = toy_segment(rng, 9)
    learned = model.predict(steps.observations, steps.actions)[0]
    assert np.array_equal(learned, model.predict(steps.observations, (steps.actions + 1) % 3)[0])
    assert np.ptp(learned) > 0
    model.save(tmp_path / "reward.pt")
    loaded = RewardModel.load(tmp_path / "reward.pt")
    assert np.array_equal(learned, loaded.predict(steps.observations, steps.actions)[0])
    with pytest.raises(ValueError, match="actions=False must be True with sees='before'"):
        RewardConfig(actions=False, sees="before")


def test_some_steps_of_a_long_segment_stand_for_all_of_them() -> None:
    rng = np.random.default_rng(0)
    pairs = [Comparison(toy_segment(rng, 40), toy_segment(rng, 40), (1.0, 0.0)) for _ in range(4)]
    few = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=40, members=1, look=10), seed=0)
    whole = RewardModel(SPACE, ACTIONS, RewardConfig(horizon=40, members=1, look=40), seed=0)
    for model in (few, whole):
        model._nets[0].likelihood.meet([""])
    exact, rewards = whole.losses(whole._nets[0], pairs)
    assert rewards.shape == (4 * 2 * 40,)
    drawn = [few.losses(few._nets[0], pairs) for _ in range(40)]
    assert all(steps.shape == (4 * 2 * 10,) for _, steps in drawn)
    means = torch.stack([losses.detach() for losses, _ in drawn])
    assert means.std(0).min() > 0
    torch.testing.assert_close(means.mean(0), exact.detach(), atol=0.05, rtol=0.05)
    # What is told afterwards looks at every step.
    np.testing.assert_allclose(few.scores([pairs[0].first]), whole.scores([pairs[0].first]), rtol=1e-5)
