"""One class per driving task: its docstring is the task's page.

All of them are :class:`~mmenvs.driving.env.DrivingEnv` with other settings; that page says what the
actions, the sensors and the reward terms are.
"""

from __future__ import annotations

from typing import Any, ClassVar

from numpy.typing import NDArray

from mmenvs.driving.env import DrivingEnv, DrivingVectorEnv
from mmenvs.driving.sensors.goal import goal_reward


class TaskEnv(DrivingEnv):
    """Base of the classes below: a task with a name."""

    task: ClassVar[str]

    def __init__(self, task: str | None = None, render_mode: str | None = None, **settings: Any) -> None:
        """Make one world; the arguments are those of :class:`~mmenvs.driving.env.DrivingEnv`."""
        super().__init__(task or self.task, render_mode, **settings)


class PathPlanningEnv(TaskEnv):
    """Weave through traffic and obstacles at a steady pace.

    ## Description
    The car keeps 9 m/s; the agent chooses left, straight or right five times a second.  Rows of parked
    cars, barriers and cones block a lane every 48 m, slower cars drive in the others, and the lane on the
    left is for oncoming traffic.  What blocks the way is seen by camera and lidar alone.

    ## Action Space
    ``Discrete(3)``: 0 left, 1 straight, 2 right (``action="steer"``).

    ## Observation Space
    ``camera`` (64, 64, 3), ``lidar`` (120,), ``state`` (10,).

    ## Rewards
    1 for a step that keeps the car safe and moves it along the road by at least half of its pace, else 0
    (``reward="safe_step"``).

    ## Starting State
    Any of the three lanes of travel, 40 m into a road of 260 m.

    ## Episode End
    Success 160 m further on; failure on a collision or off the road; truncation after 200 steps.

    ## Version History
    - v0: first version
    """

    task = "path_planning"


class HighwayEnv(TaskEnv):
    """Make your way through motorway traffic.

    ## Description
    Four lanes one way, gentle bends, and 12 to 24 cars, vans and lorries that want 14 to 22 m/s, while the
    limit for the ego is 30 m/s.  Overtaking wins time; hitting anybody loses everything.  How fast the car
    ahead closes in is what the ``radar`` says at once and the ``camera`` only in sequence.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal; or the discrete actions of the base class.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default; any sensor on request.

    ## Rewards
    The terms of the base class: progress pays, speeding and shaking cost, a collision ends the episode.

    ## Starting State
    Any lane, at half the speed limit.

    ## Episode End
    Success after 600 m; failure on a collision or off the road; truncation after 600 steps.

    ## Version History
    - v0: first version
    """

    task = "highway"


class MergeEnv(TaskEnv):
    """Join the motorway before the acceleration lane ends.

    ## Description
    The ego comes down an on-ramp onto an acceleration lane that narrows and ends; two or three lanes of
    traffic at 13 to 19 m/s do not wait.  The gap is found beside and behind, where the camera does not
    look: ``lidar`` sees it.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default.

    ## Rewards
    The terms of the base class.

    ## Starting State
    On the ramp, at half the speed limit.

    ## Episode End
    Success at the end of the motorway; failure on a collision, off the road or off the route; truncation
    after 600 steps.

    ## Version History
    - v0: first version
    """

    task = "merge"


class ExitEnv(TaskEnv):
    """Cross the lanes in time and leave the motorway by the exit.

    ## Description
    The ego starts in the middle of three lanes; the exit leaves on the right.  The way-points of
    ``navigation`` show it, the ``camera`` sees the dashed line of the exit lane, and whoever misses it
    is off the route.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default.

    ## Rewards
    The terms of the base class.

    ## Starting State
    The middle lane, at half the speed limit.

    ## Episode End
    Success at the end of the exit road; failure on a collision, off the road or off the route; truncation
    after 600 steps.

    ## Version History
    - v0: first version
    """

    task = "exit"


class IntersectionEnv(TaskEnv):
    """Cross, or turn at, crossroads where signs say who goes first.

    ## Description
    Four arms of about 80 m.  The route goes straight on, left or right.  On a minor road the ego must stop
    at the line, or give way; on the major road it must mind who turns across its way.  Rolling over a stop
    line costs; a collision ends the episode.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default.

    ## Rewards
    The terms of the base class; ``stop_sign`` is -3 for crossing a stop line without stopping.

    ## Starting State
    On the southern arm, at half the speed limit.

    ## Episode End
    Success on the chosen arm; failure on a collision, off the road or off the route; truncation after
    600 steps.

    ## Version History
    - v0: first version
    """

    task = "intersection"


class SignalisedIntersectionEnv(TaskEnv):
    """Obey the lights at crossroads where people cross, too.

    ## Description
    As :class:`IntersectionEnv`, but with lights: green, three seconds of amber, red.  Which it is stands in
    the picture alone: no other sensor knows the colour.  Who turns left at green waits for oncoming cars.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default.

    ## Rewards
    The terms of the base class; passing the line at red ends the episode.

    ## Starting State
    On the southern arm, at half the speed limit.

    ## Episode End
    Success on the chosen arm; failure on a collision, at a red light, off the road or off the route;
    truncation after 900 steps.

    ## Version History
    - v0: first version
    """

    task = "signalised_intersection"


class RoundaboutEnv(TaskEnv):
    """Enter a roundabout, and leave it at the right exit.

    ## Description
    Three or four arms; who circulates goes first.  Cars come from the left round the bend, and are seen by
    the ``lidar`` before they are in the picture.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default.

    ## Rewards
    The terms of the base class.

    ## Starting State
    On one of the arms, at half the speed limit.

    ## Episode End
    Success on the chosen arm; failure on a collision, off the road or off the route; truncation after
    600 steps.

    ## Version History
    - v0: first version
    """

    task = "roundabout"


class RacetrackEnv(TaskEnv):
    """Drive one lap of a closed circuit as fast as it goes.

    ## Description
    Two lanes of 4.5 m, bends of every radius, no traffic.  Progress pays per metre, so a faster lap earns
    the same in less time; who is too fast for the tyres leaves the track.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default.

    ## Rewards
    The terms of the base class.

    ## Starting State
    Behind the line, at half the speed limit.

    ## Episode End
    Success after one lap; failure off the track; truncation after 900 steps.

    ## Version History
    - v0: first version
    """

    task = "racetrack"


class PedestrianCrossingEnv(TaskEnv):
    """Let people cross.

    ## Description
    A street in town with three to five zebra crossings and ten people about.  Whoever steps out does so
    when an attentive driver can still stop in comfort, and then has priority.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default.

    ## Rewards
    The terms of the base class.

    ## Starting State
    At the beginning of the street, at half the speed limit.

    ## Episode End
    Success at its end; failure on a collision or off the road; truncation after 900 steps.

    ## Version History
    - v0: first version
    """

    task = "pedestrian_crossing"


class EmergencyVehicleEnv(TaskEnv):
    """Make way for an ambulance.

    ## Description
    Three lanes of slow traffic, and an ambulance from behind that wants 16 m/s.  The ``lidar`` sees it
    come; whoever stays in its lane and holds it up for six seconds has failed.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``state``, ``navigation`` by default.

    ## Rewards
    The terms of the base class; holding up the ambulance ends the episode.

    ## Starting State
    Any lane, at half the speed limit, the ambulance 35 m behind in the same lane.

    ## Episode End
    Success after 400 m; failure on a collision, off the road, or for holding up the ambulance; truncation
    after 900 steps.

    ## Version History
    - v0: first version
    """

    task = "emergency_vehicle"


class NightFogEnv(TaskEnv):
    """Drive by night, or in fog.

    ## Description
    The road of :class:`~mmenvs.driving.env.DrivingEnv` when little can be seen.  By night the ``camera``
    shows what the headlights reach and the lamps of others, while the ``lidar`` sees as by day; in fog both
    see a few tens of metres, and the ``radar`` looks through.  No single sensor is enough.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``radar``, ``state``, ``navigation``.

    ## Rewards
    The terms of the base class.

    ## Starting State
    As there; each episode draws night or fog.

    ## Episode End
    As there; truncation after 600 steps.

    ## Version History
    - v0: first version
    """

    task = "night_fog"


class InstructedEnv(TaskEnv):
    """Go where you are told.

    ## Description
    Crossroads with lights, and one sentence such as "turn left at the next traffic light", in one of several
    wordings; those of the test split are never heard in training.  Neither way-points nor anything else says
    where the route goes.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal.

    ## Observation Space
    ``camera``, ``lidar``, ``motion`` (6,) and ``instruction`` (16,) token ids; ``instruction_text`` of the
    unwrapped environment is the sentence itself.

    ## Rewards
    The terms of the base class.

    ## Starting State
    As in :class:`SignalisedIntersectionEnv`.

    ## Episode End
    Success on the arm that was asked for; failure as there, and on any other arm; truncation after 1500
    steps.

    ## Version History
    - v0: first version
    """

    task = "instructed"


class GoalReward:
    """The reward of goals that were not pursued, which hindsight experience replay asks for."""

    def compute_reward(
        self, achieved_goal: NDArray[Any], desired_goal: NDArray[Any], info: Any
    ) -> NDArray[Any] | float:
        """Return 0 where the achieved goal is the desired one, else -1.

        Args:
            achieved_goal: Shape (5,) or (batch, 5).
            desired_goal: The same.
            info: Not used.
        """
        reward = goal_reward(achieved_goal, desired_goal)
        return reward if reward.ndim else float(reward)


class ParkingEnv(GoalReward, TaskEnv):
    """Park in a given space.

    ## Description
    A yard with four rows of parking spaces, upright or slanted, more than half of them taken.  The car may
    drive forwards into its space or reverse into it.  A bump or a kerb stops the car, and the episode goes
    on.  The environment is goal-conditioned and works with hindsight experience replay, for example
    ``HerReplayBuffer`` of Stable-Baselines3.

    ## Action Space
    ``Box(-1, 1, (2,))``: steering, pedal; at standstill a negative pedal reverses, at up to 3 m/s.

    ## Observation Space
    | Key | Shape | Meaning |
    | --- | --- | --- |
    | ``observation`` | (42,) float32 | ``motion`` (6) and a lidar of 36 beams and 20 m |
    | ``achieved_goal`` | (5,) float32 | x and y / 100 m, cosine and sine of the heading, speed / 10 m/s |
    | ``desired_goal`` | (5,) float32 | the same of the parking space |

    ## Rewards
    0 in the space, else -1 a step; ``compute_reward(achieved_goal, desired_goal, info)`` gives it for any
    goals.

    ## Starting State
    On the way in, at half the speed limit of 4 m/s.

    ## Episode End
    Success once the car stands within 0.6 m along, 0.35 m across and 10 degrees, below 0.5 m/s; truncation
    after 500 steps.

    ## Version History
    - v0: first version
    """

    task = "parking"


class ParkingVectorEnv(GoalReward, DrivingVectorEnv):
    """Many worlds of :class:`ParkingEnv`, advanced together."""
