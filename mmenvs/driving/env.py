"""The two faces of the driving world."""

from __future__ import annotations

from typing import Any

from gymnasium.vector import AutoresetMode

from mmenvs.core.env import WorldEnv
from mmenvs.core.vector_env import WorldVectorEnv
from mmenvs.driving.config import DrivingConfig
from mmenvs.driving.simulator import DrivingSimulator
from mmenvs.driving.tasks import task_defaults


class DrivingEnv(WorldEnv):
    """Drive along a road among other cars and static obstacles; the base of all driving tasks.

    ## Description
    A procedural road with several lanes, curves and a run of obstacles.  Cars, vans and lorries follow the
    Intelligent Driver Model, change lanes by MOBIL and keep the rules at junctions; oncoming traffic uses
    the lanes on the left.  The ego must reach the end of its route without touching anything and without
    leaving the asphalt.  ``map`` chooses other roads: a layout such as ``"roundabout"`` or ``"town"``, a
    string of blocks such as ``"SXCrR"``, or an OpenDRIVE file.

    ## Action Space
    | ``action`` | Space | Meaning |
    | --- | --- | --- |
    | ``"continuous"`` | ``Box(-1, 1, (2,))`` | steering (left positive), pedal (positive accelerates, negative brakes) |
    | ``"discrete"`` | ``Discrete(15)`` | steering 0.5, 0.12, 0, -0.12, -0.5 by pedal -0.6, 0, 0.8; index ``3 rows of 5`` |
    | ``"steer"`` | ``Discrete(3)`` | 0 left, 1 straight, 2 right, at a steady pace |

    Full steering is 0.45 rad at the front wheels, reached at 1.2 rad/s at most; the pedal gives up to
    3 m/s² or brakes with up to 7 m/s²; tyres saturate at 7 m/s² of lateral acceleration.

    ## Observation Space
    A ``Dict`` of the sensors asked for:

    | Key | Shape | Range | Meaning |
    | --- | --- | --- | --- |
    | ``camera`` | (H, W, 3) uint8 | 0 to 255 | picture from the driver's place |
    | ``depth`` | (H, W, 1) float32 | 0 to 1 | distance along the view / ``camera_range``; 1 is that far or farther |
    | ``semantic`` | (H, W, 1) uint8 | 0 to 13 | class, see ``mmenvs.driving.roads.surface.SEMANTIC_CLASSES`` |
    | ``lidar`` | (layers * beams,) float32 | 0 to 1 | distance / ``lidar_range``, beam 0 ahead, counter-clockwise; 1 is no return |
    | ``radar`` | (targets * 4,) float32 | -1 to 1 | range / ``radar_range``, azimuth / pi, radial velocity / 40 m/s, valid |
    | ``state`` | (10,) float32 | -1 to 1 | speed / 30, acceleration / 8, lateral acceleration / 8, steering / 0.45, yaw rate, sine of the heading error, lateral offset / 8, clearance to the left and to the right edge / 16, pedal (SI units) |
    | ``motion`` | (6,) float32 | -1 to 1 | speed, acceleration, lateral acceleration, steering, yaw rate and pedal of ``state``: what the car feels without knowing where it is |
    | ``navigation`` | (12,) float32 | -1 to 1 | way-points 5, 10, 20, 30, 50 m ahead as (x ahead, y left) / 50 m, speed limit / 30, share of the route done |
    | ``instruction`` | (16,) int64 | 0 to 129 | token ids of a sentence about the route; ``mmenvs.driving.sensors.instruction`` |
    | ``bev`` | (64, 64, 1) uint8 | 0 to 13 | classes seen from above, the car at the lower middle and ahead up; 3 colours with ``bev_colour`` |

    ## Rewards
    With ``reward="progress"`` the sum of the terms that ``info["reward_terms"]`` names: ``progress`` 0.1
    per metre along the route (negative for going back), ``speeding`` -0.05 per m/s above the limit and
    second, ``wrong_side`` -0.5 a second among the oncoming lanes, ``comfort`` -0.05 per full sweep of the
    steering, ``stop_sign`` -3 for rolling over a stop line, ``infraction`` -10 for what ends the episode
    badly, ``success`` +10 at the finish.  With ``reward="safe_step"`` (PathPlanning) 1 for a step that
    keeps the car safe and moves it along the route by at least half of its pace, else 0.  With
    ``reward="goal"`` (Parking) 0 in the space, else -1.

    ## Starting State
    The ego stands near the middle of its lane, or with ``any_lane`` of any lane beside it, at half the speed
    limit (or at its pace).  Roads, route, traffic and obstacles follow from the scenario, which
    ``reset(seed=...)`` draws or ``reset(options={"scenario": k})`` names.

    ## Episode End
    Terminates on a collision, when two wheels are off the asphalt, off the route, at a red light, for
    holding up an ambulance, and at the finish; truncates after 600 steps (other tasks: see their pages).
    ``info`` holds ``success``, ``collision``, ``off_road``, ``off_route``, ``red_light``, ``stop_sign``,
    ``obstruction``, ``route_completion``, ``speed`` [m/s], ``cost`` (1 on an infraction),
    ``reward_terms``, and ``metrics``, the scores of the episode by now; see
    :mod:`mmenvs.driving.metrics.episode`.

    ## Arguments
    The fields of :class:`~mmenvs.driving.config.DrivingConfig`, for example
    ``gym.make("mmenvs/Driving-v0", sensors=("camera", "lidar"), camera_size=(64, 64), traffic_vehicles=5)``,
    and ``render_mode`` None, ``"rgb_array"`` or ``"human"``.

    ## Version History
    - v0: first version
    """

    def __init__(self, task: str = "driving", render_mode: str | None = None, **settings: Any) -> None:
        """Make one world; see the class for the arguments."""
        config = DrivingConfig.from_keywords(task_defaults(task), settings)
        super().__init__(DrivingSimulator(1, config), render_mode)

    @property
    def instruction_text(self) -> str:
        """What the instruction says, whether the sensor is on or not."""
        simulator: Any = self.simulator
        return str(simulator.instruction_text(0))


class DrivingVectorEnv(WorldVectorEnv):
    """Many worlds of :class:`DrivingEnv`, advanced together; see there."""

    def __init__(
        self,
        num_envs: int = 1,
        task: str = "driving",
        *,
        max_episode_steps: int | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        copy: bool = True,
        render_mode: str | None = None,
        **settings: Any,
    ) -> None:
        """Make ``num_envs`` worlds; see :class:`DrivingEnv` and :class:`~mmenvs.core.vector_env.WorldVectorEnv`."""
        config = DrivingConfig.from_keywords(task_defaults(task), settings)
        super().__init__(
            DrivingSimulator(num_envs, config),
            max_episode_steps=max_episode_steps,
            autoreset_mode=autoreset_mode,
            copy=copy,
            render_mode=render_mode,
            threads=config.threads,
        )
