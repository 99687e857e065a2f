from __future__ import annotations

import io
import json
import math
import re
import sys

import numpy as np
import pytest
from rich.console import Console

from feedback.__main__ import main
from feedback.diagnostics import figures
from feedback.diagnostics.advice import ADVICE
from feedback.diagnostics.epic import Steps
from feedback.diagnostics.figures import DARK, LIGHT, png
from feedback.diagnostics.findings import findings
from feedback.diagnostics.material import JudgedPair, Material
from feedback.diagnostics.progress import TrainingProgress
from feedback.diagnostics.report import ReportConfig, report


def by_key(material: Material):
    return {finding.key: finding for finding in findings(material)}


def judged(count: int, right: int, logit: float, *, held_out: bool = True) -> list[JudgedPair]:
    """Pairs of which the model ranks so many as alice did, always as sure."""
    score, zero = np.full(2, logit, np.float32), np.zeros(2, np.float32)
    return [JudgedPair("alice", float(k < right), score, zero, held_out) for k in range(count)]


def test_a_report_is_a_page_numbers_and_a_table(run) -> None:
    pytest.importorskip("matplotlib")
    screen = io.StringIO()
    drawn_by_pyplot = "matplotlib.pyplot" in sys.modules
    found = report(ReportConfig(run.folder), reward_model=run.model, console=Console(file=screen, width=400))
    page = found.page.read_text(encoding="utf-8")
    numbers = json.loads(found.numbers.read_text(encoding="utf-8"))
    assert found.page == run.folder / "report.html" and found.numbers == run.folder / "report.json"
    assert list(ADVICE) == [finding.key for finding in found.findings]
    for key, advice in ADVICE.items():
        assert f'id="{key}"' in page and advice.title in page
        assert numbers[key]["headline"] in screen.getvalue()
    assert "bob &amp; &lt;co&gt;" in page and "<co>" not in page
    # Self-contained: no address but those that hold their own data.
    assert set(re.findall(r'(?:src|srcset|href)="(\w*[:#])', page)) <= {"data:", "#"}
    assert "http" not in page
    pictures = sum(finding.picture is not None for finding in found.findings)
    assert page.count("data:image/png") == 2 * pictures > 8
    assert numbers["overview"]["kinds"] == {"preference": 11} and numbers["overview"]["undone"] == 1
    assert numbers["hacking"]["alarm"]["fired"] is False
    assert ("matplotlib.pyplot" in sys.modules) == drawn_by_pyplot


def test_the_command_reports_on_a_store_alone(run, capsys) -> None:
    out = run.folder / "pages" / "mine.html"
    assert main(["report", "--store", str(run.store), "--out", str(out)]) == 0
    page = out.read_text(encoding="utf-8")
    assert "There is only a store of labels" in page and "11 preferences" in page
    assert json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))["agreement"]["mark"] == "none"
    assert main(["report", str(run.folder)]) == 0
    assert (run.folder / "report.html").exists()
    capsys.readouterr()
    assert main(["report", str(run.folder / "nowhere")]) == 2
    assert "must be the folder of a run" in capsys.readouterr().err


def test_labels_left_out_are_on_the_page_and_on_the_screen(run) -> None:
    run.clip_file(0).unlink()
    run.clip_file(2).unlink()
    screen = io.StringIO()
    found = report(ReportConfig(run.folder), reward_model=run.model, console=Console(file=screen, width=300))
    sentence = f"Labels {run.numbers[0]}, {run.numbers[1]}: one of its clips is gone"
    assert sentence in found.page.read_text(encoding="utf-8") and sentence in screen.getvalue()


def test_without_matplotlib_there_are_words(run, monkeypatch) -> None:
    monkeypatch.setattr(figures, "available", lambda: False)
    found = report(ReportConfig(run.folder), reward_model=run.model, console=Console(file=io.StringIO()))
    page = found.page.read_text(encoding="utf-8")
    assert "mmenvs[log]" in page and "data:image" not in page


def test_an_empty_material_says_why_in_every_section() -> None:
    material = Material("empty", missing={"labels": "no labels here", "progress": "no progress here"})
    for key, finding in by_key(material).items():
        assert finding.mark == "none" and finding.picture is None
        assert finding.headline == ("no progress here" if key == "hacking" else "no labels here")


@pytest.mark.parametrize(
    ("pairs", "mark", "words"),
    [
        (judged(100, 83, 1.6), "good", "The reward ranks 83 % [74, 89] of held-out pairs"),
        (judged(100, 50, 1.6), "bad", "ranks 50 % [40, 60]"),
        (judged(5, 5, 1.6), "fair", "5 are few"),
        (judged(100, 83, 1.6, held_out=False), "fair", "none was held out"),
    ],
)
def test_agreement_is_judged_by_its_interval(pairs, mark, words) -> None:
    finding = by_key(Material("run", pairs=pairs))["agreement"]
    assert finding.mark == mark and words in finding.headline


def test_calibration_is_judged_against_chance() -> None:
    logit = math.log(0.83 / 0.17)
    good = by_key(Material("run", pairs=judged(100, 83, logit)))["calibration"]
    bad = by_key(Material("run", pairs=judged(100, 60, 5.0)))["calibration"]
    assert good.mark == "good" and good.headline.startswith("Well calibrated: ECE 0.00")
    assert bad.mark == "bad" and "too sure" in bad.headline
    assert bad.numbers["temperature"] > 5


def test_the_distance_depends_on_what_counts_as_shaping() -> None:
    def shaped(seed: int) -> Steps:
        rng = np.random.default_rng(seed)
        features, true = rng.normal(size=(6, 1)), rng.normal(size=6)
        learned = true + 3 * (0.5 * np.r_[features[1:, 0], 0.0] - features[:, 0])
        return Steps(learned, true, features, True)

    material = Material("run", clips=[shaped(seed) for seed in range(40)])
    right, wrong = (findings(material, gamma=gamma)[3] for gamma in (0.5, 1.0))
    assert right.mark == "good" and right.headline.startswith("EPIC distance about 0.00")
    assert wrong.numbers["distance"]["mean"] > 0.2


def test_an_alarm_is_the_first_thing_said_and_drawn() -> None:
    steps = np.arange(1, 41)
    unknown = np.full(40, np.nan)
    true = np.where(steps < 20, steps, 40 - steps).astype(float)
    known = np.zeros(40), steps.astype(float), true
    progress = TrainingProgress(1000 * steps, *known, *[unknown] * 4)
    first = findings(Material("run", progress=progress))[0]
    assert first.mark == "bad" and first.headline.startswith("ALARM: from step")
    pytest.importorskip("matplotlib")
    light, dark = png(first.picture, LIGHT), png(first.picture, DARK)
    assert light.startswith(b"\x89PNG") and light != dark


def test_configs_name_what_is_wrong(tmp_path) -> None:
    with pytest.raises(ValueError, match="name the folder of a run"):
        ReportConfig()
    with pytest.raises(ValueError, match=r"out='x.pdf' must end with \.html"):
        ReportConfig(tmp_path, out=tmp_path.__class__("x.pdf"))
    with pytest.raises(ValueError, match=r"gamma=1.5 must be in \[0, 1\]"):
        ReportConfig(tmp_path, gamma=1.5)
    assert ReportConfig(store=tmp_path / "labels.db").page_path == tmp_path / "labels.report.html"
