"""The comparison with another commit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from benchmarks import against
from benchmarks.against import WORKLOADS, Options, Pair, main, take_out
from benchmarks.keeping import load_rows


def _history(folder: Path) -> str:
    """Make a repository whose first commit has another package than its last, and return the first's name."""

    def git(*words: str) -> str:
        given = ["-c", "user.name=a", "-c", "user.email=a@b", *words]
        done = subprocess.run(["git", "-C", str(folder), *given], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    for text in ("first", "last"):
        (folder / "mmenvs").mkdir(exist_ok=True)
        (folder / "mmenvs" / "word.txt").write_text(text)
        git("add", ".")
        git("commit", "--quiet", "-m", text)
    return git("rev-parse", "--short", "HEAD~1")


def test_it_takes_out_the_package_as_it_was_and_names_an_unknown_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    first = _history(root)
    monkeypatch.setattr(against, "_ROOT", root)
    assert take_out("HEAD~1", out) == first
    assert (out / "mmenvs" / "word.txt").read_text() == "first"
    with pytest.raises(ValueError, match="commit='nowhere' must be a commit"):
        take_out("nowhere", out)


def test_it_measures_by_turns_and_keeps_every_pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    root.mkdir()
    first = _history(root)
    monkeypatch.setattr(against, "_ROOT", root)
    seen: list[str] = []

    def rate_in(folder: Path, workload: str, seconds: float) -> float:
        seen.append("here" if folder == root else "other")
        return 150.0 if folder == root else 100.0

    monkeypatch.setattr(against, "_rate_in", rate_in)
    main(Options(commit=first, workloads=("lidar", "town"), pairs=2, out=tmp_path))
    assert seen == ["other", "here"] * 5  # one to compile, then two pairs of two workloads
    kept = load_rows(Pair, tmp_path / "against.csv")
    assert kept == [Pair(first, name, 100.0, 150.0) for name in ("lidar", "town") * 2]


def test_options_are_checked() -> None:
    with pytest.raises(ValueError, match="pairs"):
        Options(commit="HEAD", pairs=0)
    with pytest.raises(ValueError, match="seconds"):
        Options(commit="HEAD", seconds=0.0)
    assert set(Options(commit="HEAD").workloads) == set(WORKLOADS)
