"""What the car is told: short sentences about the route and the rules, as token ids.

A sentence has a meaning and a wording.  Each meaning has :data:`VARIANTS` wordings, so that an agent has to
read: no single token, and no fixed sentence, stands for a meaning.  :data:`TRAINING_VARIANTS` of them are for
training and the rest for tests on sentences never seen; every word of those occurs in the former.

Kernels know a sentence by its row in :func:`instruction_table`, which :func:`sentence_index` gives.
"""

from __future__ import annotations

import difflib
import itertools
import re
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.kernels import device_function

#: Tokens of a sentence; shorter ones are filled up with padding.
INSTRUCTION_LENGTH = 16
PADDING, UNKNOWN = 0, 1

#: Wordings of each meaning, and how many of them, the first, are for training.
VARIANTS, TRAINING_VARIANTS = 8, 6

#: Names of the meanings; a meaning is an index into this tuple.
MEANINGS: tuple[str, ...] = (
    "FOLLOW",
    "KEEP_LANE",
    "TURN_LEFT",
    "GO_STRAIGHT",
    "TURN_RIGHT",
    "TURN_LEFT_AT_SIGNAL",
    "GO_STRAIGHT_AT_SIGNAL",
    "TURN_RIGHT_AT_SIGNAL",
    "ROUNDABOUT_1",
    "ROUNDABOUT_2",
    "ROUNDABOUT_3",
    "ROUNDABOUT_4",
    "MERGE",
    "MERGE_LEFT",
    "MERGE_RIGHT",
    "EXIT",
    "AVOID",
    "YIELD",
    "STOP_SIGN",
    "YIELD_EMERGENCY",
    "YIELD_PEDESTRIANS",
    "YIELD_CYCLISTS",
    "PARK",
    "PARK_LEFT",
    "PARK_RIGHT",
    "FINISH",
    "LIMIT_20",
    "LIMIT_30",
    "LIMIT_40",
    "LIMIT_50",
    "LIMIT_60",
    "LIMIT_70",
    "LIMIT_80",
    "LIMIT_90",
    "LIMIT_100",
    "LIMIT_110",
    "LIMIT_120",
    "LIMIT_130",
)
(
    FOLLOW,
    KEEP_LANE,
    TURN_LEFT,
    GO_STRAIGHT,
    TURN_RIGHT,
    TURN_LEFT_AT_SIGNAL,
    GO_STRAIGHT_AT_SIGNAL,
    TURN_RIGHT_AT_SIGNAL,
    ROUNDABOUT_1,
    ROUNDABOUT_2,
    ROUNDABOUT_3,
    ROUNDABOUT_4,
    MERGE,  # join a road with more traffic
    MERGE_LEFT,  # the own lane ends
    MERGE_RIGHT,
    EXIT,  # leave a motorway
    AVOID,  # something blocks the lane
    YIELD,
    STOP_SIGN,
    YIELD_EMERGENCY,
    YIELD_PEDESTRIANS,
    YIELD_CYCLISTS,
    PARK,
    PARK_LEFT,
    PARK_RIGHT,
    FINISH,
    LIMIT_20,  # limits in km/h, 10 apart
) = range(27)

#: Lowest and highest speed limit that has a sentence, and their distance [km/h].
LOWEST_LIMIT, HIGHEST_LIMIT, LIMIT_STEP = 20, 130, 10

_TURN = (
    "{turn|go} {side} at the {next|coming} {junction|crossroads}",
    "at the {next|coming} {junction|crossroads} {turn|go} {side}",
    "take the {next|coming} {street|road} on the {side}",
    "{turn|go} {side} where the roads cross",
)
_TURN_AT_SIGNAL = (
    "{turn|go} {side} at the {next|coming} {traffic light|signal}",
    "at the {next|coming} {traffic light|signal} {turn|go} {side}",
    "wait for green and then {turn|go} {side}",
)
_ROUNDABOUT = (
    "take the {exit} exit {of|in} the roundabout",
    "in the roundabout take the {exit} {exit|road}",
    "at the roundabout leave by the {exit} {exit|road}",
    "{go|drive} into the roundabout and leave it at the {exit} exit",
)
_MERGE_SIDE = (
    "merge to the {side} before the lane ends",
    "{your|the} lane ends {so|now} {change|move|merge} to the {side}",
    "{change|move} to the lane on the {side} because {your|this} lane ends",
)
_PARK_SIDE = (
    "park in the {free|empty} {space|place} on the {side}",
    "there is {a free|an empty} {space|place} on the {side} park {there|in it}",
    "on the {side} is {a free|an empty} {space|place} to park",
)
_LIMIT = (
    "the {speed|} limit is {number}",
    "{drive|go} at {number} or {slower|less}",
    "{do not drive|do not go} faster than {number}",
    "{keep|stay} below {number} {here|now}",
    "{number} is the {speed|} limit {here|now}",
)

#: How each meaning is said: ``{a|b}`` stands for one of its parts, which may be empty.
_TEMPLATES: dict[str, tuple[str, ...]] = {
    "FOLLOW": (
        "follow {the|this} {road|street}",
        "{stay|keep} on {the|this} {road|street}",
        "{go|drive} on along {the|this} {road|street}",
    ),
    "KEEP_LANE": (
        "{stay|keep} in {your|this} lane",
        "do not {change|leave} {your|the} lane",
        "stay where you are and do not change {the|your} lane",
    ),
    "GO_STRAIGHT": (
        "{go|drive} straight {on|ahead} at the {next|coming} {junction|crossroads}",
        "at the {next|coming} {junction|crossroads} {go|keep} straight {on|ahead}",
        "do not turn at the {next|coming} {junction|crossroads}",
        "cross the {next|coming} {road|street}",
    ),
    "GO_STRAIGHT_AT_SIGNAL": (
        "{go|drive} straight {on|ahead} at the {next|coming} {traffic light|signal}",
        "at the {next|coming} {traffic light|signal} {go|keep} straight {on|ahead}",
        "do not turn at the {traffic light|signal}",
        "wait for green and then {go|drive} straight {on|ahead}",
    ),
    "MERGE": (
        "{join|merge into} the traffic {ahead|now}",
        "{find|use} a gap and {join|merge into} the traffic",
        "{join|merge onto} the {motorway|main road}",
    ),
    "EXIT": (
        "keep right and leave by the {next|coming} exit",
        "{take|use} the {next|coming} exit on the right",
        "leave the motorway {here|now} on the right",
        "leave the motorway {by|at} the {next|coming} exit",
    ),
    "AVOID": (
        "something {blocks|is in} your lane so {pass|go around} it",
        "{pass|go around} what {blocks|is in} your lane",
        "your lane is {blocked|closed} ahead so {pass|go around} it",
    ),
    "YIELD": (
        "{yield|give way} to the {traffic|cars} on the main road",
        "{wait|yield} until the {main road|junction} is {free|empty}",
        "the others go first so {yield|give way} {here|now}",
    ),
    "STOP_SIGN": (
        "stop at the {next|coming} stop sign",
        "there is a stop sign {ahead|here} so stop",
        "come to a stop at the {stop sign|line} and then {go|drive} on",
    ),
    "YIELD_EMERGENCY": (
        "let the {ambulance|emergency car} pass",
        "{make way|move aside} for the {ambulance|emergency car}",
        "an {ambulance|emergency car} comes so {make way|move aside}",
    ),
    "YIELD_PEDESTRIANS": (
        "stop for people who {cross|walk}",
        "{let people|wait for people to} cross the {road|street}",
        "{yield|give way} to {people|pedestrians} {here|ahead}",
        "{people|pedestrians} cross here so {wait|stop} for them",
    ),
    "YIELD_CYCLISTS": (
        "{yield|give way} to the {cyclist|bicycle}",
        "let the {cyclist|bicycle} {pass|go first}",
        "{wait|stop} for the {cyclist|bicycle} {here|ahead}",
    ),
    "PARK": (
        "park in {a free|an empty|the free} {space|place}",
        "find {a free|an empty} {space|place} and park {there|in it}",
    ),
    "FINISH": (
        "stop {at|in} the {goal|end of the road}",
        "you {are there|have come to the goal} so stop",
        "this is the {goal|end} so {stop|halt} {here|now}",
    ),
}
_NUMBERS = (
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "one hundred",
    "one hundred ten",
    "one hundred twenty",
    "one hundred thirty",
)


def _filled(templates: tuple[str, ...], slot: str, word: str) -> tuple[str, ...]:
    return tuple(template.replace("{" + slot + "}", word) for template in templates)


def _templates(meaning: str) -> tuple[str, ...]:
    if meaning in _TEMPLATES:
        return _TEMPLATES[meaning]
    base, _, last = meaning.partition("_")
    if base == "LIMIT":
        return _filled(_LIMIT, "number", _NUMBERS[(int(last) - LOWEST_LIMIT) // LIMIT_STEP])
    if base == "ROUNDABOUT":
        return _filled(_ROUNDABOUT, "exit", ("first", "second", "third", "fourth")[int(last) - 1])
    side = "left" if "LEFT" in meaning else "right"
    turn = _TURN_AT_SIGNAL if "SIGNAL" in meaning else _TURN
    return _filled({"TURN": turn, "MERGE": _MERGE_SIDE, "PARK": _PARK_SIDE}[base], "side", side)


def _wordings(template: str) -> list[str]:
    """Return all sentences that a template stands for."""
    parts = [part.split("|") for part in re.split(r"[{}]", template)]
    return [" ".join("".join(choice).split()) for choice in itertools.product(*parts)]


def _words(sentences: Iterable[str]) -> set[str]:
    return {word for sentence in sentences for word in sentence.split()}


def _choose(templates: Iterable[str]) -> list[str]:
    """Return :data:`VARIANTS` wordings; those for tests, the last, hold as few new words as can be."""
    every = [_wordings(template) for template in templates]
    # By turns of different templates; a stride through each changes more than its last word.
    spread = [[words[(k * 5) % len(words)] for k in range(len(words))] for words in every]
    turns = itertools.chain.from_iterable(itertools.zip_longest(*spread))
    chosen = list(dict.fromkeys(words for words in turns if words))[:VARIANTS]
    # The first, plainest wording is for training; of equal pairs we hold out the last.
    held_out = min(
        itertools.combinations(chosen[:0:-1], VARIANTS - TRAINING_VARIANTS),
        key=lambda pair: len(_words(pair) - _words(set(chosen) - set(pair))),
    )
    return [sentence for sentence in chosen if sentence not in held_out] + list(held_out)


@lru_cache(maxsize=1)
def _sentences() -> tuple[str, ...]:
    return tuple(sentence for meaning in MEANINGS for sentence in _choose(_templates(meaning)))


#: Words by token id: padding, unknown, then all words of all sentences in alphabetical order.
VOCABULARY: tuple[str, ...] = ("<padding>", "<unknown>", *sorted(_words(_sentences())))
_IDS = {word: index for index, word in enumerate(VOCABULARY)}


def encode(sentence: str, *, strict: bool = True) -> NDArray[np.int64]:
    """Return the token ids of a sentence, shape (16,), filled up with :data:`PADDING`.

    Args:
        sentence: Words separated by spaces; case, commas and full stops do not matter.
        strict: Whether an unknown word is an error; else it becomes :data:`UNKNOWN`.

    Raises:
        ValueError: If a word is unknown, naming it and the closest ones, or the sentence is too long.
    """
    words = re.sub(r"[.,!?;:]", " ", sentence.lower()).split()
    if len(words) > INSTRUCTION_LENGTH:
        raise ValueError(f"{sentence!r} has {len(words)} words, must be at most {INSTRUCTION_LENGTH}")
    tokens = np.full(INSTRUCTION_LENGTH, PADDING, np.int64)
    for place, word in enumerate(words):
        if strict and word not in _IDS:
            close = difflib.get_close_matches(word, VOCABULARY[2:], 3, 0.5)
            hint = f"; did you mean {' or '.join(map(repr, close))}?" if close else ""
            raise ValueError(f"{word!r} is not one of the {len(VOCABULARY)} words of an instruction{hint}")
        tokens[place] = _IDS.get(word, UNKNOWN)
    return tokens


def decode(tokens: Iterable[int] | NDArray[np.integer]) -> str:
    """Return the sentence of some token ids; padding is left out.

    Raises:
        ValueError: If an id is outside of the vocabulary.
    """
    words = []
    for token in tokens:
        if not 0 <= int(token) < len(VOCABULARY):
            raise ValueError(f"token {int(token)} must be from 0 to {len(VOCABULARY) - 1}")
        if token != PADDING:
            words.append(VOCABULARY[int(token)])
    return " ".join(words)


@lru_cache(maxsize=1)
def instruction_table() -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return all sentences: token ids, shape (sentences, 16), not to be written to, and texts."""
    tokens = np.stack([encode(sentence) for sentence in _sentences()])
    tokens.flags.writeable = False
    return tokens, _sentences()


@device_function
def sentence_index(
    meaning: int,
    variant: int,
) -> int:
    """Return the row of :func:`instruction_table` that says a meaning.

    Args:
        meaning: Index into :data:`MEANINGS`.
        variant: Any integer; it chooses one of :data:`VARIANTS` wordings, of which the first
            :data:`TRAINING_VARIANTS` are for training.
    """
    return meaning * VARIANTS + int(variant) % VARIANTS


@device_function
def limit_meaning(
    limit: float,
) -> int:
    """Return the meaning that announces a speed limit, rounded to what signs show.

    Args:
        limit: Speed limit [m/s].
    """
    step = int(3.6 * limit / LIMIT_STEP + 0.5) - LOWEST_LIMIT // LIMIT_STEP
    return LIMIT_20 + min(max(step, 0), (HIGHEST_LIMIT - LOWEST_LIMIT) // LIMIT_STEP)
