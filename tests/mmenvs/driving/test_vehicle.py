"""The dynamic single-track model against cases computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as hs

from mmenvs.driving import state as st
from mmenvs.driving import vehicle as vh
from mmenvs.driving.dynamics import bicycle_step
from mmenvs.driving.vehicle import GRAVITY, MASS, side_limit, single_track_step, tyre_secant

X, Y, HEADING, SPEED, SIDE, YAW, STEERING = range(7)
WEIGHT = MASS * GRAVITY
BASE = vh.FRONT + vh.REAR


def start(speed=0.0, **changes):
    state = dict.fromkeys(("x", "y", "heading", "speed", "side", "yaw", "steering"), 0.0)
    return tuple((state | {"speed": speed} | changes).values())


def drive(state, seconds, target=0.0, drive=0.0, brake=0.0, friction=0.9, dt=0.1):
    """Return the states, shape (steps + 1, 7), and the accelerations, shape (steps, 2)."""
    states, accelerations = [state], []
    for _ in range(round(seconds / dt)):
        *state, along, across = single_track_step(*state, target, drive, brake, friction, dt)
        states.append(state)
        accelerations.append((along, across))
    return np.array(states), np.array(accelerations)


def energy(state):
    return 0.5 * MASS * (state[SPEED] ** 2 + state[SIDE] ** 2) + 0.5 * vh.INERTIA * state[YAW] ** 2


# ---------------------------------------------------------------- tyres


def test_the_tyre_is_linear_at_first_and_saturates():
    stiffness, limit = 100e3, 4000.0
    assert tyre_secant(0.0, stiffness, limit) == stiffness
    # Half of the way to full sliding, z = 1/2: the force is F (1 - (1 - z)^3) = 7/8 F.
    half = 0.5 * 3 * limit / stiffness
    assert half * tyre_secant(half, stiffness, limit) == pytest.approx(7 / 8 * limit)
    for slip in (3 * limit / stiffness, 1.0, 50.0):
        assert slip * tyre_secant(slip, stiffness, limit) == pytest.approx(limit)


@given(hs.floats(0, 10), hs.floats(0, 1), hs.floats(1, 1e4))
def test_more_slip_never_gives_less_force(slip, more, limit):
    before = slip * tyre_secant(slip, 120e3, limit)
    after = (slip + more) * tyre_secant(slip + more, 120e3, limit)
    assert before <= after * (1 + 1e-9) + 1e-9
    assert after <= limit * (1 + 1e-9)


def test_the_friction_circle():
    assert side_limit(5000.0, 3000.0) == pytest.approx(4000.0)
    assert side_limit(5000.0, -4000.0) == pytest.approx(3000.0)
    assert side_limit(5000.0, 0.0) == 5000.0


# ---------------------------------------------------------------- along a straight line


def test_full_throttle_and_a_full_stop():
    states, accelerations = drive(start(10.0), 5.0, drive=2.0)
    assert accelerations == pytest.approx(np.tile([2.0, 0.0], (50, 1)), abs=1e-9)
    assert states[-1][:3] == pytest.approx([10 * 5 + 0.5 * 2 * 25, 0, 0])
    assert states[-1][SPEED] == pytest.approx(20.0)
    states, _ = drive(start(20.0), 5.0, brake=5.0)
    assert states[-1][SPEED] == 0.0
    assert states[-1][X] == pytest.approx(20**2 / (2 * 5.0), abs=0.05)


@pytest.mark.parametrize("friction", [0.1, 0.3, 0.6])
def test_a_slippery_road_lengthens_the_braking_distance(friction):
    """The anti-lock control leaves 90 % of the grip: v^2 / (2 * 0.9 mu g)."""
    states, accelerations = drive(start(15.0), 30.0, brake=8.0, friction=friction)
    distance = 15**2 / (2 * vh.LONGITUDINAL_SHARE * friction * GRAVITY)
    assert states[-1][X] == pytest.approx(distance, rel=0.02)
    assert accelerations[0, 0] == pytest.approx(-vh.LONGITUDINAL_SHARE * friction * GRAVITY, rel=0.01)


def test_the_driven_axle_spins_on_ice():
    """The front carries b / L of the weight: 0.9 mu g b / L, less the load that moves to the rear."""
    _, accelerations = drive(start(5.0), 1.0, drive=3.0, friction=0.1)
    asked = vh.LONGITUDINAL_SHARE * 0.1 * GRAVITY
    load = MASS * (GRAVITY * vh.REAR - vh.HEIGHT * asked) / BASE
    assert accelerations[:, 0] == pytest.approx(vh.LONGITUDINAL_SHARE * 0.1 * load / MASS)


def test_brakes_hold_and_never_reverse():
    states, _ = drive(start(0.5), 2.0, target=0.3, brake=8.0)
    assert (states[:, SPEED] >= -1e-4).all()
    assert np.abs(states[-1][SPEED:STEERING]).max() < 1e-4


def test_reverse_gear_drives_back_to_where_it_came_from():
    there, _ = drive(start(2.0), 3.0, target=0.3)
    turned = [*there[-1][:3], *-there[-1][SPEED:STEERING], 0.3]
    back, _ = drive(turned, 3.0, target=0.3)
    assert back[-1][X:SPEED] == pytest.approx([0, 0, 0], abs=0.2)
    assert back[-1][SPEED] < -1.8
    gone, _ = drive(start(0.0), 2.0, drive=-1.0)
    assert gone[-1][SPEED] == pytest.approx(-2.0)


# ---------------------------------------------------------------- curves with grip


@pytest.mark.parametrize(
    ("speed", "steering"),
    [(0.5, 0.45), (0.5, -0.1), (2.0, 0.45), (2.0, -0.3), (5.0, -0.3), (5.0, 0.05), (8.0, 0.12), (8.0, -0.1)],
)
def test_with_grip_it_is_the_kinematic_bicycle(speed, steering):
    beta = math.atan(0.5 * math.tan(steering))
    yaw_rate = speed * math.sin(beta) / (0.5 * st.WHEELBASE)
    assert abs(speed * yaw_rate) < 4.0, "less than half of what the tyres give"
    begin = start(speed * math.cos(beta), side=vh.REAR * yaw_rate, yaw=yaw_rate, steering=steering)
    x, y, heading = 0.0, 0.0, 0.0
    seconds = min(0.5 * math.pi / abs(yaw_rate), 3.0)
    states, _ = drive(begin, seconds, target=steering)
    for _ in range(len(states) - 1):
        x, y, heading, _ = bicycle_step(x, y, heading, speed, steering, 0.1)
    path = speed * 0.1 * (len(states) - 1)
    assert math.hypot(states[-1][X] - x, states[-1][Y] - y) < 0.045 * path
    assert states[-1][YAW] == pytest.approx(yaw_rate, rel=0.05)


@pytest.mark.parametrize("speed", [10.0, 20.0, 30.0])
def test_steady_cornering_has_the_understeer_of_its_tyres(speed):
    """While tyres are linear, r = v delta / (L + K v^2) with K = m / L (b / C_f - a / C_r)."""
    steering = 0.005
    gradient = MASS / BASE * (vh.REAR / vh.FRONT_STIFFNESS - vh.FRONT / vh.REAR_STIFFNESS)
    assert math.degrees(gradient * GRAVITY) == pytest.approx(0.43, abs=0.01)
    states, accelerations = drive(start(speed, steering=steering), 3.0, target=steering)
    reached = states[-1][SPEED]
    expected = reached * steering / (BASE + gradient * reached**2)
    # The brush model softens at once; at this demand by up to z = 4 %.
    assert states[-1][YAW] == pytest.approx(expected, rel=0.02)
    assert accelerations[-1, 1] == pytest.approx(reached * states[-1][YAW], rel=0.01)


def test_wheels_turn_at_their_rate():
    states, _ = drive(start(5.0), 0.2, target=0.45)
    assert states[1:, STEERING] == pytest.approx([0.1 * st.STEERING_RATE, 0.2 * st.STEERING_RATE])
    assert drive(start(5.0, steering=0.1), 0.1, target=0.0)[0][-1][STEERING] == pytest.approx(0.0)


# ---------------------------------------------------------------- curves without


@pytest.mark.parametrize("friction", [0.1, 0.3, 0.6, 0.9])
def test_no_circle_is_tighter_than_friction_allows(friction):
    speed = 15.0
    states, accelerations = drive(start(speed), 4.0, target=0.3, friction=friction)
    assert np.hypot(*accelerations.T).max() <= friction * GRAVITY * 1.001
    # How fast the velocity turns in the world, and with it the radius of the path.
    course = np.unwrap(states[:, HEADING] + np.arctan2(states[:, SIDE], states[:, SPEED]))
    moving = np.hypot(states[:, SPEED], states[:, SIDE])
    radius = (moving[1:] + moving[:-1]) / 2 * 0.1 / np.maximum(np.diff(course), 1e-9)
    assert (radius >= 0.95 * np.minimum(moving[1:], moving[:-1]) ** 2 / (friction * GRAVITY)).all()


def test_snow_understeers_where_dry_road_turns():
    """15 m/s and 0.1 rad ask for 8 m/s^2, which snow (mu 0.3) cannot give."""
    kinematic = 15.0 * math.sin(math.atan(0.5 * math.tan(0.1))) / 1.4
    dry = drive(start(15.0), 2.0, target=0.1, friction=0.95)[0][-1]
    snow = drive(start(15.0), 2.0, target=0.1, friction=0.3)[0][-1]
    assert dry[YAW] > 0.75 * kinematic
    assert snow[YAW] < 0.45 * kinematic
    assert snow[Y] < 0.6 * dry[Y]
    # It goes wide and does not spin: its nose stays near its course.
    assert abs(snow[SIDE]) < 0.1 * snow[SPEED]


def test_braking_takes_side_force_away():
    free = drive(start(15.0), 1.0, target=0.2, friction=0.4)[1][-1]
    braked = drive(start(15.0), 1.0, target=0.2, friction=0.4, brake=8.0)[1][-1]
    # Within the circle 90 % of the grip along leaves 44 % across.
    assert abs(braked[1]) < 0.65 * abs(free[1])
    assert np.hypot(*braked) <= 0.4 * GRAVITY * 1.001


def test_on_ice_a_car_spins_about_its_centre_of_mass():
    """Positions are those of the middle between the axles, which is 0.2 m behind it."""
    behind = 0.5 * (vh.REAR - vh.FRONT)
    states, _ = drive(start(yaw=2.0, heading=1.0), 0.1, friction=0.001)
    angle = states[-1][HEADING]
    assert angle == pytest.approx(1.2, rel=1e-3)
    moved = [behind * (math.cos(1.0) - math.cos(angle)), behind * (math.sin(1.0) - math.sin(angle))]
    assert np.hypot(*moved) > 0.03
    assert states[-1][:2] == pytest.approx(moved, abs=2e-4)


def test_a_sideways_slide_is_sliding_friction():
    """Both axles slide; the front, with b / L of the weight, gives 5 % less than its grip."""
    _, accelerations = drive(start(0.0, side=5.0), 0.02, friction=0.3, dt=0.02)
    front, rear = vh.FRONT_SHARE * vh.REAR / BASE, vh.FRONT / BASE
    assert accelerations[0] == pytest.approx([0.0, -0.3 * GRAVITY * (front + rear)], rel=1e-3, abs=1e-6)


# ---------------------------------------------------------------- numbers

speeds = hs.floats(-15, 60)
states = hs.tuples(
    hs.floats(-1e3, 1e3),
    hs.floats(-1e3, 1e3),
    hs.floats(-3.1, 3.1),
    speeds,
    hs.floats(-20, 20),
    hs.floats(-4, 4),
    hs.floats(-st.MAX_STEERING, st.MAX_STEERING),
)
steerings = hs.floats(-st.MAX_STEERING, st.MAX_STEERING)
frictions = hs.floats(0.02, 1.2)
steps = hs.floats(0.01, 0.5)


@given(states, steerings, hs.floats(-4, 4), hs.floats(0, 10), frictions, steps)
@settings(max_examples=400, deadline=None)
def test_no_state_breaks_it(state, target, throttle, brake, friction, dt):
    for _ in range(20):
        *state, along, across = single_track_step(*state, target, throttle, brake, friction, dt)
        assert np.isfinite([*state, along, across]).all()
        assert -math.pi <= state[HEADING] <= math.pi
        assert abs(state[STEERING]) <= st.MAX_STEERING
        # Friction bounds what the road can do, on average over a step whose axes turn.
        assert math.hypot(along, across) <= friction * GRAVITY * 1.01 + 1e-3


@given(states, steerings, hs.floats(0, 10), frictions, steps)
@settings(max_examples=400, deadline=None)
def test_without_the_engine_no_energy_comes_from_anywhere(state, target, brake, friction, dt):
    for _ in range(20):
        before = energy(state)
        *state, _, _ = single_track_step(*state, target, 0.0, brake, friction, dt)
        assert energy(state) <= before * (1 + 1e-9) + 1e-9


@given(states, steerings, hs.floats(-4, 4), hs.floats(0, 10), frictions, steps)
@settings(max_examples=200, deadline=None)
def test_left_and_right_are_mirror_images(state, target, throttle, brake, friction, dt):
    mirror = np.array([1, -1, -1, 1, -1, -1, -1, 1, -1])
    here = np.array(single_track_step(*state, target, throttle, brake, friction, dt))
    there = np.array(single_track_step(*(mirror[:7] * state), -target, throttle, brake, friction, dt))
    error = here - mirror * there
    error[HEADING] -= 2 * math.pi * round(error[HEADING] / (2 * math.pi))
    assert error == pytest.approx(np.zeros(9), abs=1e-6)


def test_long_steps_are_made_of_short_ones():
    long, _ = drive(start(12.0), 2.0, target=0.15, drive=1.0, friction=0.5, dt=0.5)
    short, _ = drive(start(12.0), 2.0, target=0.15, drive=1.0, friction=0.5, dt=0.02)
    assert long[-1] == pytest.approx(short[-1], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("friction", [0.3, 0.9])
def test_the_short_step_is_short_enough(friction):
    coarse, _ = drive(start(12.0), 3.0, target=0.1, friction=friction)
    fine, _ = drive(start(12.0), 3.0, target=0.1, friction=friction, dt=0.001)
    path = 12.0 * 3.0
    assert math.hypot(coarse[-1][X] - fine[-1][X], coarse[-1][Y] - fine[-1][Y]) < 0.008 * path
    assert coarse[-1][SPEED] == pytest.approx(fine[-1][SPEED], rel=0.005)
