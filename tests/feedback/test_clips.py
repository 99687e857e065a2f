from __future__ import annotations

import numpy as np
import pytest

from feedback.clips import ClipFolder, Segment, digest_of


def test_a_segment_survives_its_file(tmp_path, make_segment) -> None:
    segment = make_segment([1, 1, 0], terminated=True, scenario=7, seed=2**62, start=12)
    segment.save(tmp_path / "clip.npz")
    again = Segment.load(tmp_path / "clip.npz")
    assert again.digest == segment.digest
    assert again.clip == segment.clip
    assert (again.failed, again.success) == (True, False)
    for key, value in segment.observations.items():
        np.testing.assert_array_equal(again.observations[key], value)
        assert again.observations[key].dtype == value.dtype


def test_the_hash_is_of_the_content_and_not_of_the_place(make_segment) -> None:
    base = make_segment([1, 0])
    assert make_segment([1, 0], seed=5, start=9).digest == base.digest
    for other in (make_segment([1, 1]), make_segment([1, 0], mark=1), make_segment([1, 0], terminated=True)):
        assert other.digest != base.digest


def test_equal_actions_of_other_types_hash_alike() -> None:
    seen = {"state": np.zeros(2, np.float32)}
    assert digest_of(seen, 1) == digest_of(seen, np.int32(1)) == digest_of(seen, np.array(1))
    assert digest_of(seen, 1) != digest_of(seen, 2)
    assert digest_of({"state": np.zeros(2, np.float64)}, 1) != digest_of(seen, 1)


def test_only_the_last_cut_holds_the_end(make_segment) -> None:
    episode = make_segment([1, 1, 1, 0], terminated=True, start=10)
    head, tail = episode.cut(0, 2), episode.cut(2, 4)
    assert (head.failed, tail.failed) == (False, True)
    assert (head.start, tail.start, len(tail)) == (10, 12, 2)
    with pytest.raises(ValueError, match=r"cut\(3, 5\) is outside a segment of 4 steps"):
        episode.cut(3, 5)


def test_arrays_must_agree(make_segment) -> None:
    with pytest.raises(ValueError, match="arrays of equal length; got"):
        make_segment([1, 1], actions=np.zeros(3))
    with pytest.raises(ValueError, match="success=True needs terminated=True"):
        make_segment([1], success=True)


def test_a_folder_keeps_a_segment_once_and_checks_it(tmp_path, make_segment) -> None:
    folder = ClipFolder(tmp_path / "clips")
    segment = make_segment([1, 0])
    clip = folder.add(segment)
    assert folder.add(make_segment([1, 0])) == clip
    assert len(list(folder.folder.iterdir())) == 1
    assert folder.get(clip).digest == segment.digest
    make_segment([0, 0]).save(folder.path(clip.digest))
    with pytest.raises(ValueError, match="holds content"):
        folder.get(clip)


def test_a_damaged_file_is_named(tmp_path) -> None:
    path = tmp_path / "clip.npz"
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(ValueError, match=r"clip\.npz cannot be read as a segment"):
        Segment.load(path)
    with pytest.raises(FileNotFoundError):
        Segment.load(tmp_path / "none.npz")
