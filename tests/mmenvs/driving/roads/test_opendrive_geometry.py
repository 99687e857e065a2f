"""Plan views against hand-computed cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs
from opendrive_text import document, lane, line, road, section

from mmenvs.driving.roads.network import RoadError
from mmenvs.driving.roads.opendrive.geometry import STEP, Bend, Cubics, ReferenceLine
from mmenvs.driving.roads.opendrive.parse import parse
from mmenvs.driving.roads.opendrive.plan_view import read_plan_view

DRIVING = section(lane(-1))


def reference(tmp_path, plan, length=100.0) -> ReferenceLine:
    path = tmp_path / "plan.xodr"
    path.write_text(document(road("1", plan, DRIVING, length)))
    found = read_plan_view(parse(path).all("road")[0])
    assert found is not None
    return found


def pose(found: ReferenceLine, s: float) -> tuple[float, float, float, float]:
    x, y, heading, curvature = found.at(np.array([s]))
    return x[0], y[0], heading[0], curvature[0]


def integrated(length, first, last, steps=100_000):
    """The end of a clothoid by Simpson's rule."""
    s = np.linspace(0, length, 2 * steps + 1)
    angle = first * s + 0.5 * (last - first) / length * s * s
    weights = np.ones(len(s))
    weights[1:-1:2], weights[2:-1:2] = 4, 2
    weights *= length / (2 * steps) / 3
    return weights @ np.cos(angle), weights @ np.sin(angle), angle[-1]


def test_a_line_runs_along_its_heading(tmp_path):
    found = reference(tmp_path, line(10.0, x=1.0, y=2.0, hdg=math.pi / 6), 10.0)
    assert pose(found, 10.0) == pytest.approx((1 + 5 * math.sqrt(3), 7.0, math.pi / 6, 0.0))
    assert found.length == 10.0


@pytest.mark.parametrize("side", [1, -1])
def test_a_quarter_circle_ends_beside_its_centre(tmp_path, side):
    length = 50 * math.pi / 2
    found = reference(tmp_path, line(length, shape=f'<arc curvature="{0.02 * side}"/>'), length)
    assert pose(found, length) == pytest.approx((50.0, 50.0 * side, side * math.pi / 2, 0.02 * side))
    half = math.sqrt(0.5) * 50
    assert pose(found, length / 2)[:2] == pytest.approx((half, side * (50 - half)))


def test_an_arc_of_hardly_any_curvature_is_exact(tmp_path):
    found = reference(tmp_path, line(1000.0, shape='<arc curvature="1e-13"/>'), 1000.0)
    assert pose(found, 1000.0)[:2] == pytest.approx((1000.0, 5e-8), rel=1e-9)


def test_a_clothoid_ends_where_fresnels_integrals_say(tmp_path):
    """From curvature 0 to pi over 1 m the end is (C(1), S(1)); Abramowitz and Stegun, table 7.7."""
    found = reference(tmp_path, line(1.0, shape=f'<spiral curvStart="0" curvEnd="{math.pi}"/>'), 1.0)
    assert pose(found, 1.0) == pytest.approx((0.7798934, 0.4382591, math.pi / 2, math.pi), abs=1e-7)


@pytest.mark.parametrize(
    ("length", "first", "last"),
    [(30.0, 0.0, 0.05), (80.0, -0.02, 0.03), (12.0, 0.18, -1e-9), (400.0, 0.001, 0.2), (5.0, 0.2, 0.2)],
)
def test_a_clothoid_agrees_with_numerical_integration(tmp_path, length, first, last):
    shape = f'<spiral curvStart="{first}" curvEnd="{last}"/>'
    found = reference(tmp_path, line(length, shape=shape), length)
    assert pose(found, length)[:3] == pytest.approx(integrated(length, first, last), abs=1e-8)
    part = 0.37 * length
    middle = first + (last - first) * 0.37
    assert pose(found, part)[:3] == pytest.approx(integrated(part, first, middle), abs=1e-8)


@settings(deadline=None, max_examples=30)
@given(hs.floats(1, 200), hs.floats(-0.2, 0.2), hs.floats(-0.2, 0.2))
def test_a_clothoid_has_unit_speed(length, first, last):
    bend = Bend(0.0, length, 3.0, 4.0, 0.5, first, last)
    s = np.linspace(0, length, 2001)
    x, y, heading, curvature = bend.at(s)
    np.testing.assert_allclose(np.hypot(np.diff(x), np.diff(y)), length / 2000, rtol=1e-3)
    np.testing.assert_allclose(np.diff(heading), curvature[:-1] * length / 2000, atol=2e-5)


def test_a_cubic_is_measured_along_its_curve(tmp_path):
    """v = u² / 100: the length up to u has a closed form."""
    a, u = 0.01, 20.0
    arc = 0.5 * u * math.hypot(1, 2 * a * u) + math.asinh(2 * a * u) / (4 * a)
    found = reference(tmp_path, line(25.0, shape=f'<poly3 a="0" b="0" c="{a}" d="0"/>'), 25.0)
    x, y, heading, curvature = pose(found, arc)
    assert (x, y) == pytest.approx((20.0, 4.0), abs=1e-9)
    assert heading == pytest.approx(math.atan(0.4))
    assert curvature == pytest.approx(2 * a / (1 + 0.16) ** 1.5)


def test_a_parametric_cubic_by_arc_length(tmp_path):
    shape = '<paramPoly3 pRange="arcLength" aU="0" bU="1" cU="0" dU="0" aV="0" bV="0" cV="0.01" dV="0"/>'
    found = reference(tmp_path, line(20.0, x=5.0, hdg=math.pi / 2, shape=shape), 20.0)
    x, y, heading, _ = pose(found, 10.0)
    assert (x, y) == pytest.approx((4.0, 10.0))
    assert heading == pytest.approx(math.pi / 2 + math.atan(0.2))


@pytest.mark.parametrize("range_", ['pRange="normalized"', ""])
def test_a_parametric_cubic_by_share(tmp_path, range_):
    shape = f'<paramPoly3 {range_} aU="0" bU="20" cU="0" dU="0" aV="0" bV="0" cV="4" dV="0"/>'
    found = reference(tmp_path, line(20.5, shape=shape), 20.5)
    assert pose(found, 10.25)[:3] == pytest.approx((10.0, 1.0, math.atan2(4, 20)))
    assert pose(found, 20.5)[:3] == pytest.approx((20.0, 4.0, math.atan2(8, 20)))


def test_a_parametric_cubic_that_starts_at_rest_still_has_a_direction(tmp_path):
    shape = '<paramPoly3 aU="0" bU="0" cU="30" dU="-20" aV="0" bV="0" cV="30" dV="-20"/>'
    found = reference(tmp_path, line(14.15, shape=shape), 14.15)
    for s in (0.0, 7.0, 14.15):
        assert pose(found, s)[2] == pytest.approx(math.pi / 4)
    assert np.isfinite(found.at(np.linspace(0, 14.15, 50))).all()


def test_pieces_follow_each_other(tmp_path):
    quarter = 10 * math.pi / 2
    plan = line(10.0) + line(quarter, s=10.0, x=10.0, shape='<arc curvature="0.1"/>')
    plan += line(5.0, s=10.0 + quarter, x=20.0, y=10.0, hdg=math.pi / 2)
    found = reference(tmp_path, plan, 15.0 + quarter)
    assert pose(found, found.length)[:3] == pytest.approx((20.0, 15.0, math.pi / 2))
    assert pose(found, 10.0)[:2] == pytest.approx((10.0, 0.0))
    assert found.turning() == pytest.approx(math.pi / 2)


def test_straight_lines_get_few_points_and_bends_many(tmp_path):
    plan = line(100.0) + line(20.0, s=100.0, x=100.0, shape='<arc curvature="0.01"/>')
    found = reference(tmp_path, plan, 120.0)
    s = found.stations(0.0, 120.0, dense=False)
    assert s[0] == 0.0 and s[-1] == 120.0 and s[1] == 100.0
    assert np.diff(s[1:]).max() <= STEP + 1e-9
    assert np.diff(found.stations(0.0, 120.0, dense=True)).max() <= STEP + 1e-9


def test_cubics_count_from_their_own_start():
    cubics = Cubics(np.array([10.0, 0.0]), np.array([[1.0, 2.0, 3.0, 4.0], [5.0, 0.0, 0.0, 0.0]]))
    assert cubics.at(np.array([-1.0, 0.0, 9.9, 10.0, 12.0])) == pytest.approx([5, 5, 5, 1, 1 + 4 + 12 + 32])


def test_shapes_that_no_road_has_are_refused(tmp_path):
    for shape, message in (
        ("<spline/>", "must be a line, arc"),
        ("", "holds nothing"),
        ('<arc curvature="9"/>', "times round"),
        ('<paramPoly3 aU="0" bU="900" cU="0" dU="0" aV="0" bV="0" cV="0" dV="0"/>', "draws 900 m"),
        ('<paramPoly3 aU="0" bU="0" cU="0" dU="0" aV="0" bV="0" cV="0" dV="0"/>', "draws 0 m"),
        ('<arc curvature="fast"/>', 'curvature="fast"'),
        ('<spiral curvStart="0"/>', "no curvEnd"),
    ):
        with pytest.raises(RoadError, match=r"plan\.xodr, line 7, road 1: .*" + message):
            reference(tmp_path, line(100.0, shape=shape))
