"""The paint of crossings and parking spaces, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.roads.markings import outline_of, zebra
from mmenvs.driving.roads.network import Crossing, Spot


def test_stripes_lie_in_the_middle_and_along_the_road() -> None:
    stripes = zebra(Crossing(np.array([0.0, 1.0]), np.array([0.0, 8.0]), 4.0))
    assert len(stripes) == 6  # 7 m from kerb to kerb, a stripe a metre, a little free on either side
    middles = np.array([stripe.line.mean(axis=0) for stripe in stripes])
    assert middles[:, 0] == pytest.approx(0.0)
    assert middles[:, 1] == pytest.approx([2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    for stripe in stripes:
        assert np.hypot(*np.diff(stripe.line, axis=0)[0]) == pytest.approx(4.0)
        assert stripe.line[0, 1] == pytest.approx(stripe.line[1, 1])
        assert stripe.width == 0.5


def test_a_parking_space_has_a_line_on_either_side() -> None:
    right, left = outline_of(Spot(10.0, 20.0, np.pi / 2, 5.0, 2.5))
    assert right.line == pytest.approx(np.array([[11.25, 17.5], [11.25, 22.5]]))
    assert left.line == pytest.approx(np.array([[8.75, 17.5], [8.75, 22.5]]))
