"""Pictures: every product differs from every other, at the size that an agent sees and that a person sees."""

import itertools

import numpy as np
import pytest

from mmenvs.recommender.items.canvas import Canvas
from mmenvs.recommender.items.pictures import (
    KINDS,
    PATTERNS,
    PRESENTATIONS,
    draw_no_picture,
    draw_product,
)


def test_every_product_differs_from_every_other_and_from_its_background():
    choices = itertools.product(range(len(KINDS)), range(len(PATTERNS)), (False, True))
    drawn = np.stack([draw_product(kind, 0.6, pattern, glossy, 32) for kind, pattern, glossy in choices])
    flat = drawn.reshape(len(drawn), -1).astype(np.int16)
    assert (np.ptp(flat, axis=1) > 100).all()
    for i in range(1, len(flat)):
        assert np.abs(flat[:i] - flat[i]).mean(axis=1).min() > 0.5


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_a_presentation_shows_on_every_product(kind):
    plain, styled, premium = (
        draw_product(kind, 0.1, 0, False, 32, level).astype(int) for level in range(len(PRESENTATIONS))
    )
    for first, second in itertools.combinations((plain, styled, premium), 2):
        assert np.abs(first - second).mean() > 8.0
    corner = np.s_[1:6, 24:29]  # the badge is golden: more red than blue
    assert (premium[corner][..., 0] - premium[corner][..., 2]).mean() > 50
    assert abs((plain[corner][..., 0] - plain[corner][..., 2]).mean()) < 20


@pytest.mark.parametrize("presentation", range(len(PRESENTATIONS)))
def test_a_picture_is_the_same_product_at_any_size(presentation):
    small, large = (draw_product(0, 0.3, 1, True, size, presentation).astype(float) for size in (32, 96))
    averaged = large.reshape(32, 3, 32, 3, 3).mean(axis=(1, 3))
    assert np.abs(averaged - small).mean() < 6.0


def test_hue_changes_colours_and_nothing_else():
    red, blue = (draw_product(4, hue, 0, False, 32).astype(float) for hue in (0.0, 2 / 3))
    np.testing.assert_allclose(red, blue[..., ::-1], atol=1.0)


def test_drawing_is_repeatable_and_hands_out_pictures_of_ones_own():
    first = draw_product(3, 0.5, 2, True, 40, 2)
    again = first.copy()
    first[:] = 0
    np.testing.assert_array_equal(draw_product(3, 0.5, 2, True, 40, 2), again)
    assert again.dtype == np.uint8 and again.shape == (40, 40, 3)


@pytest.mark.parametrize("size", [8, 32, 96])
def test_the_card_for_a_missing_picture_is_grey_and_not_empty(size):
    card = draw_no_picture(size).astype(int)
    assert card.shape == (size, size, 3)
    assert np.ptp(card, axis=2).max() < 10 and np.ptp(card) > 20


def test_paint_covers_what_lies_below_by_its_opacity():
    canvas = Canvas(16)
    canvas.paint(canvas.box(0.0, 0.0, 1.0, 1.0), (200.0, 0.0, 0.0))
    canvas.paint(canvas.box(0.0, 0.0, 1.0, 1.0), "main", 0.25)
    layers = canvas.layers()
    filled = layers.over(np.full((256, 3), 99.0, np.float32), np.full((3, 3), 100.0, np.float32))
    np.testing.assert_allclose(filled, np.tile([175.0, 25.0, 25.0], (256, 1)), rtol=1e-5)
