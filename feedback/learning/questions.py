"""Asking: which pairs, whom, and what came of it; at once, or while something else goes on."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from gymnasium import spaces

from feedback.acquisition import choose_pairs
from feedback.clips import ClipFolder, Segment
from feedback.evidence import Comparison, Evidence, EvidenceConfig, evidence_of
from feedback.labels import Preference
from feedback.queries import QueryConfig, sample_pairs
from feedback.reward_models import RewardModel
from feedback.sources.base import PreferenceSource
from feedback.store import LabelStore

Pair = tuple[Segment, Segment]


class Questions:
    """Asks one source about pairs of segments, keeps every answer, and holds all that is known.

    An answer is in the store, and its clips beside it, before it is used.

    Attributes:
        left_out: Why labels of the store say nothing here, each reason with the number of labels.
    """

    def __init__(
        self,
        source: PreferenceSource | None,
        store: LabelStore,
        env_id: str,
        *,
        space: spaces.Dict,
        horizon: int,
        actions: bool = True,
        asked: int = 0,
        known: int = 0,
        seed: int = 0,
    ) -> None:
        """Begin with what the store knows.

        Args:
            source: Who answers; None for nobody.
            store: Where the answers go.
            env_id: What the segments are of.
            space: Observation space of one world.
            horizon: Steps of a segment [steps].
            actions: Whether takeovers and corrections count; see :class:`~feedback.evidence.EvidenceConfig`.
            asked: Questions of a run that this one goes on with, the unanswered ones included.
            known: Judgements that were known when so many were asked.
            seed: Seed of the choice of questions.
        """
        self._source, self._store = source, store
        self._clips = ClipFolder(store.clip_folder)
        reading = EvidenceConfig(horizon=horizon, actions=actions)
        found = evidence_of(store, self._clips, env_id, reading, space=space)
        self.left_out = found.left_out
        self._evidence: list[Evidence] = list(found.evidence)
        self._lock = threading.Lock()
        # A label that came after the state was kept was a question of the run as well.
        self._asked = self._settled = max(asked + len(self._evidence) - known, len(self._evidence))
        # Who goes on with what others asked must not ask the same questions again.
        self.rng = np.random.default_rng((seed, self._asked) if self._asked else seed)
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def evidence(self) -> list[Evidence]:
        """All that is known now, in the order of the labels."""
        with self._lock:
            return list(self._evidence)

    @property
    def asked(self) -> int:
        """Questions asked, those that stay unanswered and those that are still waiting included."""
        with self._lock:
            return self._asked

    @property
    def settled(self) -> tuple[int, int]:
        """Questions asked that are not waiting any more, and the judgements that are known."""
        with self._lock:
            return self._settled, len(self._evidence)

    def watch(self, episodes: Sequence[Segment]) -> None:
        """Let the source see episodes, by which simulated people learn what is usual, if it wants to."""
        watch = getattr(self._source, "watch", None)
        if watch is None:
            return
        if self._thread is None:
            watch(episodes)
        else:  # never while it answers
            self._waiting.put(partial(watch, episodes))

    def choose(
        self, episodes: Sequence[Segment], wanted: int, config: QueryConfig, reward_model: RewardModel | None
    ) -> list[Pair]:
        """Return pairs to ask about; without a reward model nothing says what it does not know."""
        if reward_model is None or config.method == "uniform":
            return sample_pairs(episodes, wanted, config, self.rng)
        pairs = sample_pairs(episodes, wanted * config.oversample, config, self.rng)
        left, right = (reward_model.scores([pair[side] for pair in pairs]) for side in range(2))
        return [pairs[k] for k in choose_pairs(config.method, wanted, left, right, self.rng)]

    def ask(self, pair: Pair) -> None:
        """Ask one question and wait for the answer."""
        with self._lock:
            self._asked += 1
        self._answer(pair)

    def submit(self, pairs: Sequence[Pair]) -> None:
        """Ask questions in the background, in order; answers count as soon as they are there."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="questions", daemon=True)
            self._thread.start()
        with self._lock:
            self._asked += len(pairs)
        for pair in pairs:
            self._waiting.put(partial(self._answer, pair))

    def wait(self, count: int, tell: Callable[[], None] | None = None) -> None:
        """Wait until so many judgements are known, or nothing is left to be answered.

        Args:
            count: How many.
            tell: Called now and then meanwhile.
        """
        while len(self.evidence) < count and self._waiting.unfinished_tasks:
            self.check()
            threading.Event().wait(0.05)
            if tell is not None:
                tell()
        self.check()

    def check(self) -> None:
        """Raise what went wrong in the background, if anything did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Ask no more; the answer that is being given is waited for, and what waits was never asked."""
        if self._thread is not None:
            while True:
                try:
                    self._waiting.get_nowait()
                    self._waiting.task_done()
                except queue.Empty:
                    break
            self._waiting.put(None)
            self._thread.join()
            self._thread = None
            with self._lock:
                self._asked = self._settled

    def _serve(self) -> None:
        while (job := self._waiting.get()) is not None:
            try:
                if self._error is None:
                    job()
            except BaseException as error:  # raised again where the run can hear it
                self._error = error
            finally:
                self._waiting.task_done()
        self._waiting.task_done()

    def _answer(self, pair: Pair) -> None:
        if self._source is None:
            raise ValueError("there is nobody to ask: the run learns from a store alone")
        first, second = pair
        preference = self._source.prefer(first, second)
        answer = None
        if preference is not None:
            for segment in pair:
                self._clips.add(segment)
            self._store.add(preference)
            answer = comparison(preference, first, second)
        with self._lock:
            self._settled += 1
            if answer is not None:
                self._evidence.append(answer)


def comparison(preference: Preference, first: Segment, second: Segment) -> Comparison | None:
    """Return what a preference says about two segments, which it may name the other way round."""
    target = preference.target
    if target is None:
        return None
    if preference.first.digest != first.digest:
        target = target[::-1]
    return Comparison(first, second, target, preference.labeller)


def due(labels: int, rounds: int, index: int, asked: int) -> int:
    """Return how many questions a round may ask, so that they are spread evenly."""
    return max(math.ceil(labels * (index + 1) / rounds) - asked, 0)
