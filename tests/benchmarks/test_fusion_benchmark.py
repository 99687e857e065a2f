from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode
from rich.console import Console

from agents.fusion import FUSIONS
from agents.multimodal import MultimodalEncoder
from agents.vec_env import make_vector
from benchmarks import fusion
from benchmarks.fusion import TASKS, Options, Row, Run
from benchmarks.keeping import append_rows, load_rows
from benchmarks.study import remaining

CASES = [(name, modality) for name, task in TASKS.items() for modality in task.modalities]


def row(run: Run, success: float = 0.5, mean_return: float = 1.0) -> Row:
    return Row(run.task, run.kind, run.variant, run.seed, run.steps, 10, success, mean_return, 5.0, 1.0)


def keys_of(name: str, without: str = "") -> set[str]:
    task = TASKS[name]
    env = make_vector(task.env_id, 1, AutoresetMode.DISABLED, task.observing(without))
    env.close()
    return set(env.single_observation_space)


def test_what_is_done_is_skipped_and_seeds_come_first() -> None:
    options = Options(tasks=("driving", "instructed"), seeds=2, steps=100)
    plan = list(fusion.planned(options))
    assert [run.seed for run in plan] == sorted(run.seed for run in plan)
    assert len(set(plan)) == len(plan) == 2 * 2 * (2 + 6 + 4)
    done = plan[3:7]
    assert remaining(plan, [row(run) for run in done]) == [run for run in plan if run not in done]
    # Another number of steps is another run, but not for policies that are not trained.
    longer = remaining(fusion.planned(replace(options, steps=200)), [row(run) for run in plan])
    assert len(longer) == len(plan) - 2 * 2 * 2


def test_a_stopped_benchmark_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = Options(tasks=("recommender",), seeds=1, out=tmp_path / "results", plot=tmp_path / "fusion.png")
    plan, ran = list(fusion.planned(options)), []

    def execute(run: Run, episodes: int) -> list[Row]:
        if len(ran) == 4:
            raise KeyboardInterrupt
        ran.append(run)
        return [row(run)]

    monkeypatch.setattr(fusion, "execute", execute)
    with pytest.raises(KeyboardInterrupt):
        fusion.main(options)
    fusion.main(replace(options, report_only=True))
    assert ran == plan[:4]
    monkeypatch.setattr(fusion, "execute", lambda run, episodes: ran.append(run) or [row(run)])
    fusion.main(options)
    assert ran == plan
    fusion.main(options)
    assert ran == plan
    assert [r.run for r in load_rows(Row, tmp_path / "results" / "fusion_runs.csv")] == plan
    assert (tmp_path / "results" / "fusion.csv").read_text().count("\n") == 1 + len(plan)
    assert (tmp_path / "fusion.png").stat().st_size > 1000


@pytest.mark.parametrize(("name", "modality"), CASES)
def test_a_modality_left_out_is_absent(name: str, modality: str) -> None:
    keys = TASKS[name].modalities[modality]
    assert keys_of(name, modality) == keys_of(name) - set(keys)
    assert set(keys) < keys_of(name)
    config = fusion.train_config(Run(name, "without", modality, 1, 64), Path())
    assert config.env_kwargs == TASKS[name].observing(modality)
    assert (config.encoder.fusion, config.seed, config.steps) == ("concat", 1, 64)


@pytest.mark.parametrize("name", TASKS)
def test_every_fusion_fits_every_task(name: str) -> None:
    task = TASKS[name]
    env = make_vector(task.env_id, 1, AutoresetMode.DISABLED, task.observing())
    env.close()
    for variant in FUSIONS:
        config = fusion.train_config(Run(name, "fusion", variant, 0, 64), Path())
        assert config.encoder.fusion == variant
        assert MultimodalEncoder(env.single_observation_space, config.encoder).features_dim > 0


def test_a_hidden_modality_reads_as_nothing() -> None:
    task, seen = TASKS["driving"], []
    env = make_vector(task.env_id, 3, AutoresetMode.DISABLED, task.observing())
    observations, _ = env.reset(seed=0)
    env.close()
    before = observations["lidar"].copy()
    fusion.hide(lambda shown: seen.append(shown) or np.zeros(3), task, ("lidar",), 3)(observations)
    assert (seen[0]["lidar"] == 1.0).all()
    assert (seen[0]["camera"] == observations["camera"]).all()
    assert (observations["lidar"] == before).all()
    assert (before < 1.0).any()


def test_the_summary_of_a_hand_made_file(tmp_path: Path) -> None:
    path, options = tmp_path / "fusion_runs.csv", Options(tasks=("driving",), steps=100)
    path.write_text(
        "task,kind,variant,seed,steps,episodes,success,mean_return,mean_length,seconds\n"
        "driving,fusion,concat,0,100,200,0.2,-1.0,50.0,10.0\n"
        "driving,fusion,concat,1,100,200,0.9,9.0,50.0,10.0\n"
        "driving,fusion,concat,1,100,200,0.6,3.0,50.0,30.0\n"  # instead of the row before
        "driving,fusion,concat,0,999,200,1.0,9.0,50.0,10.0\n"  # other steps
        "driving,hidden,camera,0,100,200,0.1,-2.0,50.0,10.0\n"
        "driving,reference,random,0,0,200,0.0,-5.0,50.0,0.0\n"
        "instructed,fusion,concat,0,100,200,0.5,9.0,50.0,10.0\n"
    )
    random, concat, hidden = fusion.summarise(load_rows(Row, path), options)
    assert (random.kind, random.variant, random.success, random.seeds) == ("reference", "random", 0.0, 1)
    # Of two seeds, resampled means are the lower with a chance of a quarter, and so the higher.
    assert (concat.success, concat.success_low, concat.success_high) == (0.4, 0.2, 0.6)
    assert (concat.mean_return, concat.mean_return_low, concat.mean_return_high) == (1.0, -1.0, 3.0)
    assert (concat.seeds, concat.seconds) == (2, 20.0)
    assert (hidden.success, hidden.success_low, hidden.success_high) == (0.1, 0.1, 0.1)


def test_a_tiny_run_of_each_kind(tmp_path: Path) -> None:
    steps = 64 * 32
    for kind, variant, count in (("reference", "random", 1), ("fusion", "concat", 6), ("without", "text", 1)):
        rows = fusion.execute(Run("recommender", kind, variant, 0, steps), 4)
        assert [entry.kind for entry in rows] == ["hidden"] * (count - 1) + [kind]
        append_rows(tmp_path / "fusion_runs.csv", rows)
    options = Options(tasks=("recommender",), steps=steps, out=tmp_path, plot=tmp_path / "fusion.png")
    assert len(load_rows(Row, tmp_path / "fusion_runs.csv")) == 8
    fusion.report(load_rows(Row, tmp_path / "fusion_runs.csv"), options, Console(quiet=True))


def test_options_name_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="tasks=\\['flying'\\] must be among driving"):
        Options(tasks=("flying",))
    with pytest.raises(ValueError, match="seeds=0 must be at least 1"):
        Options(seeds=0)
