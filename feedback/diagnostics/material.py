"""What a report is made from: the labels of a store, and what a reward model says about their clips.

What cannot be used is left out and listed with the reason; the rest is used.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from feedback.clips import ClipFolder, Observations, Segment
from feedback.diagnostics.epic import Steps, principal_features
from feedback.diagnostics.progress import TrainingProgress, read_progress
from feedback.labels import Preference, label_from_dict
from feedback.store import LabelStore, Stored, StoreError

if TYPE_CHECKING:
    from feedback.reward_models import RewardModel

#: Cells along each side of a picture, and groups of any other long vector, that a potential may depend on.
_CELLS, _GROUPS = 4, 64
#: A potential may depend on this many principal components at most, and on one per so many steps.
_COMPONENTS, _STEPS_PER_COMPONENT = 12, 20


@dataclass(frozen=True)
class LeftOut:
    """A label that was not used for something.

    Attributes:
        number: Its number in the store.
        reason: Why, without the number, so that the same reasons can be put together.
    """

    number: int
    reason: str


@dataclass(frozen=True, eq=False)
class JudgedPair:
    """A preference beside what the reward model says about its clips.

    Attributes:
        labeller: Who answered.
        target: 1 where the first was preferred, 0 where the second was, ½ if they are equal.
        first: Scores of the first clip, shape (members,).
        second: Scores of the second.
        held_out: Whether the model never learned from it.
    """

    labeller: str
    target: float
    first: NDArray[np.float32]
    second: NDArray[np.float32]
    held_out: bool


@dataclass(eq=False)
class Material:
    """Everything that there is to report on.

    Attributes:
        title: What is reported on.
        env_id: The environment; None where no label says one.
        standing: Labels that stand, in the order of adding.
        undone: Labels that were taken back.
        pairs: Preferences as the reward model sees them; empty without a model.
        clips: Rewards of the steps of every clip of these pairs.
        progress: How the run went on.
        missing: ``"labels"``, ``"reward_model"``, ``"pairs"`` or ``"progress"`` to why there are none.
        left_out: Labels that were not used.
    """

    title: str
    env_id: str | None = None
    standing: list[Stored] = field(default_factory=list)
    undone: list[Stored] = field(default_factory=list)
    pairs: list[JudgedPair] = field(default_factory=list)
    clips: list[Steps] = field(default_factory=list)
    progress: TrainingProgress | None = None
    missing: dict[str, str] = field(default_factory=dict)
    left_out: list[LeftOut] = field(default_factory=list)

    @property
    def preferences(self) -> list[Preference]:
        """The preferences that stand."""
        return [row.label for row in self.standing if isinstance(row.label, Preference)]


def gather(
    run_dir: Path | None = None, store: Path | None = None, *, reward_model: RewardModel | None = None
) -> Material:
    """Read a run, or a store alone.

    Args:
        run_dir: Folder of a run.
        store: File of labels; by default ``labels.db`` in the folder of the run.
        reward_model: The reward model; by default ``reward_model.pt`` of the run.

    Raises:
        ValueError: If neither is given, or what is given does not exist.
        StoreError: If there is only a store, and it cannot be read.
    """
    if run_dir is None and store is None:
        raise ValueError("run_dir=None and store=None: one of them must be given")
    if run_dir is not None and not run_dir.is_dir():
        raise ValueError(f"run_dir={str(run_dir)!r} must be the folder of a run, but there is no such folder")
    if store is not None and not store.is_file():
        raise ValueError(f"store={str(store)!r} must be a file of labels, but there is no such file")
    material = Material(title=str((run_dir or store or Path()).name))
    if run_dir is None:
        material.missing["progress"] = "There is only a store of labels, no run."
    else:
        material.env_id = _env_of(run_dir / "result.json")
        _read_progress(material, run_dir / "progress.csv")
    path = store or (run_dir or Path()) / "labels.db"
    try:
        _read_labels(material, path)
    except StoreError as error:
        if run_dir is None:
            raise
        material.missing["labels"] = f"{error}."
    if reward_model is None:
        reward_model = _load_model(material, run_dir)
    if reward_model is not None and material.standing:
        _judge(material, reward_model, ClipFolder(path.with_name(f"{path.stem}.clips")))
    return material


def _env_of(path: Path) -> str | None:
    """Return the environment that a run's result names, None where it names none."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    places = (result, result.get("learned")) if isinstance(result, Mapping) else ()
    for place in places:
        if isinstance(place, Mapping) and isinstance(place.get("env_id"), str):
            return str(place["env_id"])
    return None


def _read_progress(material: Material, path: Path) -> None:
    try:
        material.progress = read_progress(path)
    except FileNotFoundError:
        material.missing["progress"] = f"The run has no {path.name}."
    except (OSError, ValueError) as error:
        material.missing["progress"] = f"{error}."


def _read_labels(material: Material, path: Path) -> None:
    if not path.is_file():
        material.missing["labels"] = f"There is no {path.name} in the run; name its store with --store."
        return
    with LabelStore(path) as store:
        events = store.events()
    taken_back = {event.undoes for event in events if event.undoes is not None}
    rows: list[Stored] = []
    for event in events:
        if event.undoes is not None:
            continue
        try:
            rows.append(Stored(event.number, label_from_dict(json.loads(event.body))))
        except (ValueError, TypeError) as error:
            material.left_out.append(LeftOut(event.number, f"cannot be read: {error}"))
    if material.env_id is None:
        found = Counter(clip.env_id for row in rows for clip in row.label.clips)
        material.env_id = found.most_common(1)[0][0] if found else None
    for row in rows:
        others = {clip.env_id for clip in row.label.clips} - {material.env_id}
        if others:
            reason = f"on another environment, {sorted(others)[0]}"
            material.left_out.append(LeftOut(row.number, reason))
        else:
            (material.undone if row.number in taken_back else material.standing).append(row)
    if not material.standing:
        material.missing["labels"] = f"{path.name} holds no label that stands and can be used."


def _load_model(material: Material, run_dir: Path | None) -> RewardModel | None:
    if run_dir is None:
        material.missing["reward_model"] = "There is only a store of labels, no run with a reward model."
        return None
    path = run_dir / "reward_model.pt"
    if not path.is_file():
        material.missing["reward_model"] = f"The run has no {path.name}."
        return None
    from feedback.reward_models import RewardModel

    try:
        return RewardModel.load(path)
    except (OSError, ValueError) as error:
        material.missing["reward_model"] = f"{error}."
        return None


def _judge(material: Material, model: RewardModel, folder: ClipFolder) -> None:
    """Ask the model about every preference that can be learned from; a clip is in memory only meanwhile."""
    scores: dict[str, NDArray[np.float32]] = {}
    steps: dict[str, Steps] = {}
    failures: dict[str, str] = {}
    for row in material.standing:
        label = row.label
        if not isinstance(label, Preference) or label.target is None:
            continue
        for clip in (label.first, label.second):
            if clip.digest in scores or clip.digest in failures:
                continue
            try:
                segment = folder.get(clip)
                judged, rewards = model.scores([segment])[:, 0], _steps(model, segment)
                if not all(np.isfinite(values).all() for values in (judged, rewards.learned, rewards.true)):
                    raise ValueError("its rewards are not all finite")
                scores[clip.digest], steps[clip.digest] = judged, rewards
            except FileNotFoundError:
                failures[clip.digest] = "one of its clips is gone"
            except (KeyError, IndexError, RuntimeError, ValueError) as error:
                failures[clip.digest] = f"one of its clips cannot be judged: {error}"
        broken = [failures[c.digest] for c in (label.first, label.second) if c.digest in failures]
        if broken:
            reason = f"{broken[0]}; left out of what compares answers with the reward"
            material.left_out.append(LeftOut(row.number, reason))
            continue
        material.pairs.append(
            JudgedPair(
                labeller=label.labeller,
                target=label.target[0],
                first=scores[label.first.digest],
                second=scores[label.second.digest],
                held_out=model.holds_out(label.first.digest, label.second.digest),
            )
        )
    clips = list(steps.values())
    if clips:
        total = sum(len(clip.true) for clip in clips)
        components = min(_COMPONENTS, total // _STEPS_PER_COMPONENT)
        reduced = principal_features([clip.features for clip in clips], components)
        clips = [clip._replace(features=part) for clip, part in zip(clips, reduced, strict=True)]
    material.clips = clips
    if not material.pairs:
        material.missing["pairs"] = "There is no preference whose clips the reward model can judge."


def _steps(model: RewardModel, segment: Segment) -> Steps:
    seen = segment.after if model.sees == "after" else segment.observations
    learned, _ = model.predict(seen, segment.actions)
    return Steps(
        learned=np.asarray(learned, float),
        true=np.asarray(segment.rewards, float),
        features=_features(segment.observations),
        terminated=segment.terminated,
    )


def _features(observations: Observations) -> NDArray[np.float64]:
    """Return a coarse description of what was seen before each step, shape (steps, features)."""
    parts = []
    for _, value in sorted(observations.items()):
        array = np.nan_to_num(np.asarray(value, float))
        if array.ndim == 4 and min(array.shape[1:3]) >= _CELLS:
            n, height, width, channels = array.shape
            rows, columns = height // _CELLS, width // _CELLS
            cut = array[:, : rows * _CELLS, : columns * _CELLS]
            array = cut.reshape(n, _CELLS, rows, _CELLS, columns, channels).mean((2, 4))
        flat = array.reshape(len(array), -1)
        if flat.shape[1] > _GROUPS:
            groups = np.array_split(flat, _GROUPS, axis=1)
            flat = np.stack([group.mean(1) for group in groups], axis=1)
        parts.append(flat)
    return np.concatenate(parts, axis=1)
