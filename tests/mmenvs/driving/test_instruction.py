"""Instructions: every sentence is made of known words and means one thing."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as hs

from mmenvs.driving.sensors import instruction as ins

TOKENS, TEXTS = ins.instruction_table()


@pytest.mark.parametrize(
    "sentence",
    [
        "turn left at the next junction",
        "go straight at the traffic light",
        "take the second exit of the roundabout",
        "keep right and leave by the exit",
        "merge to the left before the lane ends",
        "let the ambulance pass",
        "stop for people who cross",
        "follow the road",
        "the limit is fifty",
        "park in the free space on the left",
    ],
)
def test_a_sentence_comes_back_as_it_was(sentence):
    tokens = ins.encode(sentence)
    assert tokens.shape == (ins.INSTRUCTION_LENGTH,)
    assert tokens.dtype == np.int64
    count = len(sentence.split())
    assert (tokens[:count] > ins.UNKNOWN).all()
    assert (tokens[count:] == ins.PADDING).all()
    assert ins.decode(tokens) == sentence


def test_case_and_punctuation_do_not_matter():
    assert (
        ins.encode("Turn LEFT, at the next junction.") == ins.encode("turn left at the next junction")
    ).all()


def test_the_names_of_the_meanings_are_their_numbers():
    named = [name for name in ins.MEANINGS if hasattr(ins, name)]
    assert [getattr(ins, name) for name in named] == [ins.MEANINGS.index(name) for name in named]
    assert set(ins.MEANINGS) - set(named) == {f"LIMIT_{k}" for k in range(30, 140, 10)}


def test_every_meaning_has_its_wordings_and_no_two_share_one():
    assert TOKENS.shape == (len(ins.MEANINGS) * ins.VARIANTS, ins.INSTRUCTION_LENGTH)
    assert len(set(TEXTS)) == len(TEXTS)
    assert [ins.decode(row) for row in TOKENS] == list(TEXTS)
    for meaning, name in enumerate(ins.MEANINGS):
        said = [TEXTS[ins.sentence_index(meaning, variant)] for variant in range(ins.VARIANTS)]
        assert len(set(said)) == ins.VARIANTS
        for word in ("left", "right"):
            if name.endswith(word.upper()) or f"{word.upper()}_AT" in name:
                assert all(word in sentence.split() for sentence in said)


def test_no_word_marks_a_meaning_by_its_place():
    """Language is not a code of one token: the wordings of a meaning begin and end differently."""
    for meaning in range(len(ins.MEANINGS)):
        said = [TEXTS[ins.sentence_index(meaning, variant)].split() for variant in range(ins.VARIANTS)]
        assert len({words[0] for words in said}) > 1
        assert len({tuple(words[-2:]) for words in said}) > 1


def test_the_wordings_kept_for_tests_hold_no_new_word():
    variant = np.arange(len(TEXTS)) % ins.VARIANTS
    trained = set(TOKENS[variant < ins.TRAINING_VARIANTS].ravel())
    assert set(TOKENS[variant >= ins.TRAINING_VARIANTS].ravel()) <= trained
    assert trained | {ins.UNKNOWN} == set(range(len(ins.VOCABULARY)))


@given(hs.integers(0, len(ins.MEANINGS) - 1), hs.integers(-(2**63), 2**63 - 1))
def test_any_variant_gives_a_sentence_of_its_meaning(meaning, variant):
    index = ins.sentence_index(meaning, variant)
    assert index // ins.VARIANTS == meaning
    assert ins.sentence_index(meaning, (variant + ins.VARIANTS) % 2**62) in range(len(TEXTS))


def test_kernels_can_choose_a_sentence():
    @numba.njit
    def choose(limit, variant):
        return ins.sentence_index(ins.limit_meaning(limit), variant)

    assert "fifty" in TEXTS[choose(13.9, 5)].split()


@pytest.mark.parametrize(
    ("kmh", "name"),
    [(50, "LIMIT_50"), (54, "LIMIT_50"), (56, "LIMIT_60"), (5, "LIMIT_20"), (200, "LIMIT_130")],
)
def test_a_limit_is_rounded_to_what_signs_show(kmh, name):
    assert ins.MEANINGS[ins.limit_meaning(kmh / 3.6)] == name


def test_errors_name_the_word_and_what_may_be_meant():
    with pytest.raises(ValueError, match=r"'junctoin' .*did you mean 'junction'"):
        ins.encode("turn left at the next junctoin")
    assert ins.encode("turn xylophone", strict=False)[1] == ins.UNKNOWN
    with pytest.raises(ValueError, match="has 17 words, must be at most 16"):
        ins.encode("turn " * 17)
    with pytest.raises(ValueError, match="token 9999 must be from 0 to"):
        ins.decode([9999])
