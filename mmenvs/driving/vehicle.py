"""A dynamic single-track model: a car that slides when it asks more of its tyres than the road gives.

The kinematic bicycle of :mod:`mmenvs.driving.dynamics` goes where its wheels point.  This one has mass: each
axle's tyres make a side force that grows with their slip angle up to what friction, the load and the braking
leave.  At low speed, and on any road while the demand is small, the two agree.

Forces are solved for implicitly, as in Ge et al., "Numerically stable dynamic bicycle model for discrete-time
control" (IV Workshops 2021), who cure the model's singularity at standstill in that way.  We go two steps
further: the curve of the tyres enters by its secant, which keeps their saturation, and the change of
velocity is written as a rotation followed by dissipation, so the car cannot gain energy but from its engine.
"""

from __future__ import annotations

import math

from mmenvs.core.kernels import fast_function
from mmenvs.driving import state as st

# A mid-size car.  Mass and inertia lie between those of Rajamani ("Vehicle Dynamics and Control", 2012: 1573
# kg, 2873 kg m^2) and of CommonRoad (Althoff, Koschi and Manzinger, IV 2017, vehicle 2, a BMW 320i: 1093 kg,
# 1792 kg m^2).  The tyres are a little softer than theirs (18 to 25, and 21, times the load a radian; here 17
# in front and 19 behind) and give 0.4 degrees of understeer per g of lateral acceleration.
MASS = 1500.0  # [kg]
INERTIA = 2250.0  # about the vertical axis [kg m^2]
FRONT, REAR = 1.2, 1.6  # distance of the axles from the centre of mass [m]
HEIGHT = 0.55  # of the centre of mass [m]
FRONT_STIFFNESS, REAR_STIFFNESS = 140.0e3, 120.0e3  # cornering stiffness of an axle [N/rad]
GRAVITY = 9.81  # [m/s^2]
#: The share of its grip that an axle may spend on braking or driving: the anti-lock and traction control
#: keep the rest for steering.
LONGITUDINAL_SHARE = 0.9
#: The share of its grip that the front axle turns into side force.  In a curve load moves to the outer
#: wheels, which costs grip, and road cars are sprung so that the front pays more of it: it gives way first.
FRONT_SHARE = 0.95
#: Longest step of the integration [s].
LONGEST_STEP = 0.02

_BASE = FRONT + REAR
_AHEAD = 0.5 * (REAR - FRONT)  # the centre of mass lies this far ahead of the middle of the axles [m]
_SLOWEST = 0.2  # wheel speed below which slip angles are no longer worth telling apart [m/s]
_WRAP = 2.0 * math.pi


@fast_function
def tyre_secant(
    slip: float,
    stiffness: float,
    limit: float,
) -> float:
    """Return the ratio of an axle's side force to the tangent of its slip angle [N].

    Fiala's brush model (1954; Pacejka, "Tire and Vehicle Dynamics", 2012, section 3.2): with the tangent
    ``s`` and ``z = C s / (3 F)``, the force is ``C s (1 - z + z^2 / 3)`` up to ``z = 1`` and ``F`` beyond.

    Args:
        slip: Magnitude of the tangent of the slip angle.
        stiffness: Cornering stiffness ``C`` [N/rad].
        limit: Largest side force ``F``, what friction leaves [N]; positive.
    """
    reach = stiffness * slip
    if reach >= 3.0 * limit:
        return limit / slip
    z = reach / (3.0 * limit)
    return stiffness * (1.0 - z + z * z / 3.0)


@fast_function
def side_limit(
    grip: float,
    force: float,
) -> float:
    """Return the side force that an axle has left beside a longitudinal one: the friction circle [N].

    Args:
        grip: Friction coefficient times load [N].
        force: Longitudinal force [N], smaller than ``grip``.
    """
    return math.sqrt(max(grip * grip - force * force, 1.0))


@fast_function
def single_track_step(
    x: float,
    y: float,
    heading: float,
    speed: float,
    side_speed: float,
    yaw_rate: float,
    steering: float,
    target: float,
    drive: float,
    brake: float,
    friction: float,
    dt: float,
) -> tuple[float, float, float, float, float, float, float, float, float]:
    """Move the car by one step, in as many sub-steps as it needs.

    The front wheels drive; the brakes are shared out by the load on the axles, which shifts with the
    acceleration.  ``drive`` and ``brake`` are what the pedals ask for, without air and rolling
    resistance; the car gets it as far as friction allows.

    Args:
        x: East, of the middle between the axles [m].
        y: North, of the middle between the axles [m].
        heading: Heading [rad].
        speed: Velocity of the centre of mass along the car [m/s].
        side_speed: Velocity of the centre of mass across the car, left positive [m/s].
        yaw_rate: Yaw rate [rad/s].
        steering: Angle of the front wheels [rad], left positive.
        target: Angle that the front wheels turn to, at most ``state.STEERING_RATE`` fast [rad].
        drive: Acceleration asked of the engine [m/s^2]; negative in reverse gear.
        brake: Deceleration asked of the brakes [m/s^2], not negative; it overrides ``drive``, and stops the
            car but never reverses it.
        friction: Friction coefficient of the road: about 0.9 dry, 0.6 wet, 0.3 snow, 0.1 ice; positive.
        dt: Time step [s].

    Returns:
        The new x, y, heading (in [-pi, pi)), speed, side speed, yaw rate and steering, and the mean
        acceleration of the centre of mass along and across the car [m/s^2].
    """
    count = math.ceil(dt / LONGEST_STEP - 1.0e-9)
    step = dt / count
    turn = st.STEERING_RATE * step
    sum_along, sum_across = 0.0, 0.0
    east, north = math.cos(heading), math.sin(heading)
    x += _AHEAD * east
    y += _AHEAD * north
    for _ in range(count):
        x += 0.5 * step * (speed * east - side_speed * north)
        y += 0.5 * step * (speed * north + side_speed * east)

        # The car turns under its velocity.
        angle = yaw_rate * step
        cos, sin = math.cos(angle), math.sin(angle)
        heading += angle
        east, north = east * cos - north * sin, north * cos + east * sin
        along = speed * cos + side_speed * sin
        across = side_speed * cos - speed * sin
        before_along, before_across = along, across

        # The pedals: what they ask for shifts the load, and the load says what they get.
        steering = min(max(target, steering - turn), steering + turn)
        cos, sin = math.cos(steering), math.sin(steering)
        rolling = along * cos + (across + FRONT * yaw_rate) * sin
        most = LONGITUDINAL_SHARE * friction
        braking = brake > 0.0
        asked = (-brake if along > 0.0 else brake) if braking else drive
        asked = min(max(asked, -most * GRAVITY), most * GRAVITY)
        front_load = max(MASS * (GRAVITY * REAR - HEIGHT * asked) / _BASE, 1.0)
        rear_load = max(MASS * GRAVITY - front_load, 1.0)
        if braking:
            # No more than stops the car, nor a wheel; each axle against its own rolling.
            force = min(MASS * abs(asked), MASS * abs(along) / step)
            share = front_load / (front_load + rear_load)
            lever = FRONT * sin
            light = 1.0 / (1.0 / MASS + lever * lever / INERTIA)
            front_force = min(min(force * share, most * front_load), light * abs(rolling) / step)
            rear_force = min(force * (1.0 - share), most * rear_load)
            front_force = -front_force if rolling > 0.0 else front_force
            rear_force = -rear_force if along > 0.0 else rear_force
        else:
            front_force = min(max(MASS * drive, -most * front_load), most * front_load)
            rear_force = 0.0
        along += step / MASS * (front_force * cos + rear_force)
        across += step / MASS * front_force * sin
        yaw_rate += step / INERTIA * FRONT * front_force * sin

        # Side forces oppose the sideways velocity that the wheels have at the end of the step (backward
        # Euler): two equations for two axles, each force a secant times the velocity it brings about.
        # A second pass takes the secants there, which matters where the tyres saturate.
        front_side = (across + FRONT * yaw_rate) * cos - along * sin
        rear_side = across - REAR * yaw_rate
        front_rolling = 1.0 / max(abs(along * cos + (across + FRONT * yaw_rate) * sin), _SLOWEST)
        rear_rolling = 1.0 / max(abs(along), _SLOWEST)
        front_limit = FRONT_SHARE * side_limit(friction * front_load, front_force)
        rear_limit = side_limit(friction * rear_load, rear_force)
        # How much the velocity at one axle answers to a force at itself, and at the other.
        front_front = step * (1.0 / MASS + FRONT * FRONT * cos * cos / INERTIA)
        front_rear = step * cos * (1.0 / MASS - FRONT * REAR / INERTIA)
        rear_rear = step * (1.0 / MASS + REAR * REAR / INERTIA)
        front_end, rear_end = front_side, rear_side
        front_push, rear_push = 0.0, 0.0
        for _ in range(2):
            front_damping = front_rolling * tyre_secant(
                abs(front_end) * front_rolling, FRONT_STIFFNESS, front_limit
            )
            rear_damping = rear_rolling * tyre_secant(
                abs(rear_end) * rear_rolling, REAR_STIFFNESS, rear_limit
            )
            a, b = 1.0 + front_front * front_damping, front_rear * rear_damping
            c, d = front_rear * front_damping, 1.0 + rear_rear * rear_damping
            scale = 1.0 / (a * d - b * c)
            front_end = scale * (d * front_side - b * rear_side)
            rear_end = scale * (a * rear_side - c * front_side)
            front_push = -front_damping * front_end
            rear_push = -rear_damping * rear_end
        front_push = min(max(front_push, -front_limit), front_limit)
        rear_push = min(max(rear_push, -rear_limit), rear_limit)
        speed = along - step / MASS * front_push * sin
        side_speed = across + step / MASS * (front_push * cos + rear_push)
        yaw_rate += step / INERTIA * (FRONT * front_push * cos - REAR * rear_push)
        sum_along += speed - before_along
        sum_across += side_speed - before_across

        x += 0.5 * step * (speed * east - side_speed * north)
        y += 0.5 * step * (speed * north + side_speed * east)
    heading -= _WRAP * math.floor((heading + math.pi) / _WRAP)
    x -= _AHEAD * east
    y -= _AHEAD * north
    return x, y, heading, speed, side_speed, yaw_rate, steering, sum_along / dt, sum_across / dt
