from __future__ import annotations

import copy
import sqlite3
from dataclasses import replace

import numpy as np
import pytest

from feedback.clips import ClipFolder
from feedback.diagnostics.material import gather
from feedback.labels import Rating
from feedback.store import LabelStore, StoreError


def test_a_run_is_read_whole(run) -> None:
    found = gather(run.folder, reward_model=run.model)
    assert found.env_id == "Toy-v0" and found.missing == {} and found.left_out == []
    assert [row.number for row in found.standing] == run.numbers[:-1]
    assert [row.number for row in found.undone] == run.numbers[-1:]
    assert found.progress is not None and len(found.progress.steps) == 8
    assert len(found.pairs) == 11 and len(found.clips) == 22
    for k, pair in enumerate(found.pairs):
        first, second = run.segments[2 * k : 2 * k + 2]
        np.testing.assert_allclose(pair.first, run.model.scores([first])[:, 0], rtol=1e-5)
        assert pair.target == (first.rewards.sum() > second.rewards.sum())
        assert pair.held_out == run.model.holds_out(first.digest, second.digest)
    for clip, segment in zip(found.clips, run.segments, strict=False):
        np.testing.assert_array_equal(clip.true, segment.rewards)
        learned, _ = run.model.predict(segment.after, segment.actions)
        np.testing.assert_allclose(clip.learned, learned, rtol=1e-5)
        assert clip.features.shape == (4, 88 // 20) and clip.terminated == segment.terminated


def test_what_cannot_be_used_is_left_out_with_the_reason_and_the_rest_is_used(run, make_segment) -> None:
    run.clip_file(0).unlink()
    run.clip_file(3).write_bytes(b"torn")
    with LabelStore(run.store) as store:
        other = make_segment([1.0] * 4, mark=99, env_id="Other-v0")
        foreign = store.add(Rating(labeller="alice", clip=ClipFolder(store.clip_folder).add(other), value=3))
        strange = replace(run.preferences[0], choice="equal")
        unreadable = store.add(strange)
    with sqlite3.connect(run.store) as connection:
        connection.execute('UPDATE events SET body = \'{"kind": "hunch"}\' WHERE id = ?', (unreadable,))
    connection.close()
    found = gather(run.folder, reward_model=run.model)
    reasons = {entry.number: entry.reason for entry in found.left_out}
    assert set(reasons) == {run.numbers[0], run.numbers[1], foreign, unreadable}
    assert "clips is gone" in reasons[run.numbers[0]]
    assert "cannot be read as a segment" in reasons[run.numbers[1]]
    assert reasons[foreign] == "on another environment, Other-v0"
    assert "kind='hunch' must be one of" in reasons[unreadable]
    # An answer whose clip is gone still says something about the labeller.
    assert len(found.standing) == 11 and len(found.pairs) == 9


def test_a_model_of_other_observations_judges_nothing_and_says_so(run) -> None:
    segment = run.segments[0]
    blind = replace(segment, observations={"state": segment.observations["state"]})
    with LabelStore(run.store) as store:
        clip = ClipFolder(store.clip_folder).add(blind)
        number = store.add(replace(run.preferences[0], first=clip))
    found = gather(run.folder, reward_model=run.model)
    assert [entry.number for entry in found.left_out] == [number]
    assert "cannot be judged" in found.left_out[0].reason


def test_a_model_that_learning_broke_judges_nothing_and_says_so(run) -> None:
    broken = copy.deepcopy(run.model)
    for parameter in broken.parameters():
        parameter.data.fill_(float("nan"))
    found = gather(run.folder, reward_model=broken)
    assert found.pairs == [] and found.clips == [] and len(found.left_out) == 11
    assert "not all finite" in found.left_out[0].reason and "pairs" in found.missing


def test_a_store_alone_names_its_environment_by_majority(run) -> None:
    found = gather(store=run.store)
    assert found.env_id == "Toy-v0" and len(found.standing) == 11 and found.pairs == []
    assert set(found.missing) == {"progress", "reward_model"}


def test_a_damaged_store_leaves_the_rest_of_a_run(run) -> None:
    run.store.write_bytes(b"no database at all, but long enough to look like one" * 20)
    found = gather(run.folder, reward_model=run.model)
    assert "cannot be read as a store" in found.missing["labels"] and found.progress is not None
    with pytest.raises(StoreError, match="cannot be read as a store"):
        gather(store=run.store)


def test_a_bare_folder_says_what_is_missing(tmp_path) -> None:
    found = gather(tmp_path)
    assert set(found.missing) == {"labels", "reward_model", "progress"}
    assert "--store" in found.missing["labels"]
    assert not (tmp_path / "labels.db").exists()


def test_what_does_not_exist_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"run_dir='.*nowhere' must be the folder of a run"):
        gather(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"store='.*no.db' must be a file of labels"):
        gather(store=tmp_path / "no.db")
    with pytest.raises(ValueError, match="one of them must be given"):
        gather()


def test_the_model_of_the_run_is_loaded(run) -> None:
    path = run.folder / "reward_model.pt"
    run.model.save(path)
    assert len(gather(run.folder).pairs) == 11
    path.write_bytes(path.read_bytes()[:500])
    found = gather(run.folder)
    assert "cannot be read as a reward model" in found.missing["reward_model"]
    assert found.pairs == [] and len(found.standing) == 11
