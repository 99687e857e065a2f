"""The shop page: it shows what happened, for any number of candidates."""

import gymnasium as gym
import numpy as np
import pytest

from mmenvs.recommender import RecommenderVectorEnv

ENV = "mmenvs/Recommender-v0"
ORANGE = np.array([240, 140, 30])


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"candidates": 2},
        {"candidates": 23, "history_length": 30},
        {"candidates": 100, "picture_size": 16},
    ],
)
def test_pages_of_any_size_can_be_drawn(settings):
    env = gym.make(ENV, render_mode="rgb_array", **settings)
    env.reset(seed=0)
    frames = [env.render()]
    for action in (0, settings.get("candidates", 10) - 1):
        env.step(action)
        frames.append(env.render())
    for frame in frames:
        assert frame.shape == (360, 640, 3) and frame.dtype == np.uint8
    assert not np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[1], frames[2])


def test_the_recommended_item_stands_out_in_its_place():
    env = gym.make(ENV, render_mode="rgb_array")
    env.reset(seed=0)
    shelf = (slice(40, 288), slice(8, 472))
    marked = []
    for action in (0, 4, 7):
        env.reset(seed=0)
        fresh = env.render()[shelf]
        env.step(action)
        changed = np.abs(env.render()[shelf].astype(int) - fresh).sum(axis=2) > 60
        rows, columns = np.nonzero(changed)
        marked.append((rows.mean() // 124, columns.mean() // 93))
    assert marked == [(0, 0), (0, 4), (1, 2)]


def test_rendering_changes_nothing_and_repeats_itself():
    env = gym.make(ENV, render_mode="rgb_array", modalities=("user",))
    env.reset(seed=1)
    env.step(3)
    np.testing.assert_array_equal(env.render(), env.render())
    plain = gym.make(ENV, modalities=("user",))
    plain.reset(seed=1)
    plain.step(3)
    assert env.step(2)[1:] == plain.step(2)[1:]


def test_a_batch_draws_one_page_per_world():
    env = RecommenderVectorEnv(3, render_mode="rgb_array")
    env.reset(seed=0)
    pages = env.render()
    assert len(pages) == 3
    assert not np.array_equal(pages[0], pages[1])
