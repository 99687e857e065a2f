"""The running slope: exact for a ramp, and a step peaks as nuPlan's filter would."""

from __future__ import annotations

import numpy as np
import pytest

from mmenvs.driving.metrics.columns import METRIC_COLUMNS, STEPS, YAW_ONCE, YAW_TWICE
from mmenvs.driving.metrics.smoothing import smoothed_slope


def slopes(signal, dt):
    row = np.zeros(METRIC_COLUMNS)
    out = []
    for value in signal:
        out.append(smoothed_slope(row, YAW_ONCE, YAW_TWICE, float(value), dt))
        row[STEPS] += 1
    return np.array(out), row


@pytest.mark.parametrize("dt", [0.02, 0.1, 0.25])
def test_a_ramp_gives_its_slope_and_a_constant_none(dt):
    found, _ = slopes(3.0 * dt * np.arange(round(6 / dt)), dt)
    assert found[0] == 0.0
    assert found[-1] == pytest.approx(3.0, rel=1e-4)
    still, row = slopes([2.5] * 20, dt)
    assert (still == 0.0).all()
    assert row[YAW_ONCE] == 2.5


def test_one_step_by_hand():
    """Gain 0.1 / 0.475; the first smoothing moves by it, the second by its square."""
    found, row = slopes([0.0, 1.0], 0.1)
    gain = 0.1 / 0.475
    assert row[YAW_ONCE] == pytest.approx(gain)
    assert row[YAW_TWICE] == pytest.approx(gain**2)
    assert found[1] == pytest.approx((gain - gain**2) / 0.375)


def test_a_unit_step_peaks_at_about_one_a_second():
    """A least-squares slope over 15 samples, nuPlan's, peaks at 28 / 280 a sample: 1 a second at 10 Hz."""
    window = np.arange(-7, 8)
    assert window[window > 0].sum() / (window**2).sum() / 0.1 == pytest.approx(1.0)
    found, _ = slopes([0.0] + [1.0] * 50, 0.01)
    assert found.max() == pytest.approx(1.0, abs=0.05)
