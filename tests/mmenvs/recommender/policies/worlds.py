"""Simulators for the tests of this folder."""

import numpy as np

from mmenvs.recommender import RecommenderConfig, RecommenderSimulator


def simulator_of(worlds, task="recommender", **settings):
    """Return a simulator whose worlds have begun the first scenarios of the test split."""
    light = {"split": "test", "modalities": ("history", "user"), "threads": 1}
    config = RecommenderConfig.from_keywords({"task": task, **light, **settings})
    simulator = RecommenderSimulator(worlds, config)
    begin(simulator)
    return simulator


def begin(simulator, scenarios=None, seed=0):
    worlds = np.arange(simulator.num_worlds)
    count = simulator.config.scenario_count
    scenarios = (worlds % count if count else worlds) if scenarios is None else scenarios
    simulator.reset(worlds, worlds.astype(np.uint64) + np.uint64(seed), np.asarray(scenarios, np.int64))


def play(simulator, policy, steps):
    """Return the actions of each step; all worlds are advanced, left or not."""
    taken, everybody = [], np.ones(simulator.num_worlds, bool)
    for _ in range(steps):
        taken.append(policy.actions(simulator))
        simulator.step(taken[-1], everybody)
        if hasattr(policy, "observe"):
            policy.observe(simulator)
    return taken
