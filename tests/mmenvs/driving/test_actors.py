"""Traffic, people and signals: who heeds whom, and that nobody touches anybody."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest

import mmenvs  # noqa: F401
from benchmarks.traffic import watch
from mmenvs.core.kernels import kernel
from mmenvs.driving import state as st
from mmenvs.driving.actors.junctions import may_enter
from mmenvs.driving.actors.lists import (
    I_PARTING,
    I_STATION,
    fill_lists,
    first_ahead,
    follower,
    insert,
    items_needed,
    leader,
    make_lists,
)
from mmenvs.driving.actors.people import PACE, WAITING, WALKING
from mmenvs.driving.actors.signals import AMBER_TIME, light_at
from mmenvs.driving.collision import place_cars
from mmenvs.driving.expert import ScriptedDriver
from mmenvs.driving.roads import layouts
from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.compiled import (
    F_LANE,
    F_YIELDS,
    K_GROUP,
    K_X0,
    K_X1,
    K_Y0,
    K_Y1,
    L_BEFORE,
    L_CONFLICT,
    L_CONFLICTS,
    L_END,
    L_GROUP,
    L_LENGTH,
    L_NEXT,
    L_RULE,
    MOST_SUCCESSORS,
    compile_network,
)
from mmenvs.driving.roads.ground import rasterise_network
from mmenvs.driving.roads.lanes import place_on_lane
from mmenvs.driving.roads.meetings import gives_way
from mmenvs.driving.roads.routes import P_LEFT, find_route


def straight(x0, y0, x1, y1, **fields):
    count = max(int(math.hypot(x1 - x0, y1 - y0)) + 1, 2)
    points = np.stack([np.linspace(x0, x1, count), np.linspace(y0, y1, count)], 1)
    return net.Lane(*net.centre_line(points, 3.5), limit=14.0, **fields)


def table_of(lanes):
    area = net.Area(net.ASPHALT, np.array([(-60.0, -60.0), (160, -60), (160, 60), (-60, 60)]))
    made = net.Network(tuple(lanes), (area,))
    route = find_route(made, 0, [len(lanes) - 1]) or find_route(made, 0, [0])
    return compile_network(made, rasterise_network(made), [route])


# ---------------------------------------------------------------- lists


def test_items_are_sorted_and_found_ahead_and_behind():
    lists = make_lists(2, 8)
    lanes = table_of([straight(0, 0, 100, 0, successors=(1,)), straight(100, 0, 150, 0)])["lanes"]
    for station in (50.0, 10.0, 30.0):
        insert(0, station, 2.0, -0.9, 0.9, 5.0, lists)
    order = []
    item = lists.head[0]
    while item >= 0:
        order.append(lists.items[item, I_STATION])
        item = lists.follow[item]
    assert order == [10.0, 30.0, 50.0]
    assert first_ahead(-1, 0, 20.0, -0.9, 0.9, lists)[:2] == (28.0, 5.0)
    assert follower(0, 20.0, lanes, lists)[1] == pytest.approx(10.0)
    assert follower(1, 5.0, lanes, lists)[1] == pytest.approx(55.0)  # across the border of two lanes


def test_the_leader_is_found_on_the_next_lane_and_only_where_it_is_in_the_way():
    lanes = table_of([straight(0, 0, 100, 0, successors=(1,)), straight(100, 0, 150, 0)])["lanes"]
    lists = make_lists(2, 8)
    insert(1, 20.0, 2.0, -0.9, 0.9, 3.0, lists)
    gap, speed = leader(-1, 0, 80.0, 2.5, 1, -0.9, 0.9, lanes, lists)
    assert (gap, speed) == (pytest.approx(100 - 82.5 + 18), 3.0)
    assert leader(-1, 0, 80.0, 2.5, 1, 2.3, 4.1, lanes, lists)[0] > 900  # more than 35 cm beside it
    assert leader(-1, 0, 80.0, 2.5, -1, -0.9, 0.9, lanes, lists)[0] > 900  # another way


def test_the_end_of_a_dropped_lane_is_a_wall():
    lanes = [straight(0, 0, 100, 0, right=1, successors=(2,)), straight(0, -3.5, 100, -3.5, left=0)]
    table = table_of([*lanes, straight(100, 0, 150, 0)])["lanes"]
    assert table[1, L_END] == 2
    gap, speed = leader(-1, 1, 50.0, 2.0, -1, -0.9, 0.9, table, make_lists(3, 4))
    assert (gap, speed) == (pytest.approx(47.0), 0.0)


# ---------------------------------------------------------------- right of way


def test_lights_by_hand():
    assert [light_at(t, 40.0, 5.0, 10.0) for t in (4.9, 5.0, 14.9, 15.0, 17.9, 18.0, 45.0)] == [
        st.RED, st.GREEN, st.GREEN, st.AMBER, st.AMBER, st.RED, st.GREEN,
    ]  # fmt: skip


def arriving(heading, turn=net.STRAIGHT, rule=net.FREE):
    x, y = math.cos(heading), math.sin(heading)
    return straight(-10 * x, -10 * y, 10 * x, 10 * y, junction=0, turn=turn, rule=rule)


def test_who_gives_way():
    east, north, west = (arriving(k * math.pi / 2) for k in range(3))
    assert gives_way(east, north)  # it comes from the right
    assert not gives_way(north, east)
    assert gives_way(arriving(0, net.LEFT), west)  # turning left across oncoming traffic
    assert not gives_way(west, arriving(0, net.LEFT))
    assert gives_way(arriving(0, rule=net.STOP), arriving(math.pi / 2, rule=net.YIELD))
    assert gives_way(arriving(math.pi / 2, rule=net.YIELD), east)
    signalled = [arriving(k * math.pi / 2, rule=net.SIGNAL) for k in range(2)]
    assert not gives_way(*signalled) and not gives_way(*signalled[::-1])


def test_crossing_lanes_conflict_and_parallel_ones_do_not():
    lanes = [
        straight(-10, 0, 10, 0, junction=0),
        straight(-10, 3.5, 10, 3.5, junction=0),
        arriving(math.pi / 2),
    ]
    made = table_of(lanes)

    def against(lane):
        row = made["lanes"][lane]
        first, count = int(row[L_CONFLICT]), int(row[L_CONFLICTS])
        return sorted(made["conflicts"][first : first + count, F_LANE].astype(int).tolist())

    assert against(0) == [2]
    assert against(1) == [2]
    assert against(2) == [0, 1]


@pytest.mark.parametrize(
    "name",
    ["road", "highway", "merge", "exit", "crossroads", "signals", "roundabout", "crossings", "town", "SXCrR"],
)
def test_traffic_alone_touches_nobody_and_keeps_moving(name):
    row = watch(name, 40.0, count=10)  # four minutes each: time enough for a queue to lock up
    assert row.collisions == 0
    assert row.run_over == 0
    assert row.jams == 0
    assert row.speed > 1.5


@kernel
def place_all(begin, end, worlds, roads):
    for world in range(begin, end):
        place_cars(world, worlds, roads)


@kernel
def tails_on(begin, end, lane, worlds, roads, out):
    """Write how many tails of others lie on a lane, and whether they are in the way there."""
    lists = make_lists(roads.lanes.shape[1], items_needed(worlds.cars.shape[2], worlds.obstacles.shape[2]))
    for world in range(begin, end):
        fill_lists(world, worlds, roads, lists)
        out[0] = 0
        for k in range(lists.used[0]):
            out[0] += lists.items[k, I_PARTING] > 0.5
        out[1] = first_ahead(-1, lane, 0.0, -1.0, 1.0, lists)[2] >= 0


@kernel
def ask(begin, end, lane, worlds, roads, out):
    """Write whether a car at 6 m/s, 5 m before the line, may enter a lane."""
    lists = make_lists(roads.lanes.shape[1], items_needed(worlds.cars.shape[2], worlds.obstacles.shape[2]))
    for world in range(begin, end):
        slot = worlds.slot[world]
        fill_lists(world, worlds, roads, lists)
        out[0] = may_enter(
            lane, 5.0, 6.0, 0.0, 4.4, False, worlds.cars[world], worlds.ego[world], False,
            worlds.lights[world], roads.lanes[slot], roads.conflicts[slot], lists,
        )  # fmt: skip


def test_a_lorry_stands_on_its_axles_where_the_road_bends():
    """Its middle is still on the straight, but the front axle has turned: it points between the two."""
    env = gym.make("mmenvs/Roundabout-v0", sensors=("state",), traffic_vehicles=1).unwrapped
    env.reset(seed=0)
    simulator = env.simulator
    worlds, roads = simulator.worlds, simulator.roads
    lanes, samples = roads.lanes[worlds.slot[0]], roads.samples[worlds.slot[0]]
    entry = next(k for k in range(len(lanes)) if lanes[k, L_RULE] == net.YIELD)
    before = int(lanes[entry, L_BEFORE])
    car = worlds.cars[0, :, 0]
    car[[st.C_ACTIVE, st.C_LANE, st.C_NEXT, st.C_PREVIOUS, st.C_FROM]] = 1, before, entry, -1, -1
    car[[st.C_OFFSET, st.C_REST]] = 0.0
    for length in (4.4, 9.0):
        car[st.C_STATION], car[st.C_LENGTH] = lanes[before, L_LENGTH] - 0.1, length
        simulator.pool.run(place_all, worlds, roads)
        box = worlds.boxes[0, 0]
        x, y, cos, sin = place_on_lane(before, car[st.C_STATION], 0.0, lanes, samples)
        if length < 5.0:
            assert box[[st.B_X, st.B_Y, st.B_COS, st.B_SIN]] == pytest.approx([x, y, cos, sin], abs=1e-5)
            continue
        front_x, front_y, _, _ = place_on_lane(entry, 0.3 * length - 0.1, 0.0, lanes, samples)
        rear_x, rear_y, _, _ = place_on_lane(before, car[st.C_STATION] - 0.3 * length, 0.0, lanes, samples)
        gap = math.hypot(front_x - rear_x, front_y - rear_y)
        assert box[st.B_COS] == pytest.approx((front_x - rear_x) / gap, abs=1e-4)
        assert box[st.B_SIN] == pytest.approx((front_y - rear_y) / gap, abs=1e-4)
        assert box[st.B_X] == pytest.approx(0.5 * (front_x + rear_x), abs=1e-4)
        assert abs(cos * box[st.B_SIN] - sin * box[st.B_COS]) > 0.01  # not simply along the lane


def test_a_tail_is_in_the_way_of_who_takes_the_other_branch_until_they_part():
    env = gym.make("mmenvs/Intersection-v0", sensors=("state",), traffic_vehicles=1).unwrapped
    env.reset(seed=0)
    worlds, roads = env.simulator.worlds, env.simulator.roads
    lanes = roads.lanes[worlds.slot[0]]
    before = next(k for k in range(len(lanes)) if lanes[k, L_NEXT + 1] >= 0)
    own, other = int(lanes[before, L_NEXT]), int(lanes[before, L_NEXT + 1])
    car = worlds.cars[0, :, 0]
    car[[st.C_ACTIVE, st.C_LANE, st.C_NEXT, st.C_PREVIOUS, st.C_FROM]] = 1, own, -1, before, -1
    car[[st.C_OFFSET, st.C_REST, st.C_LENGTH, st.C_WIDTH]] = 0.0, 0.0, 9.0, 2.5
    found = []
    out = np.zeros(2, np.int64)
    for station in (2.0, 5.0, 20.0):
        car[st.C_STATION] = station
        env.simulator.pool.run(tails_on, other, worlds, roads, out)
        found.append(out.tolist())
    branches = int((lanes[before, L_NEXT : L_NEXT + MOST_SUCCESSORS] >= 0).sum()) - 1
    assert found == [[branches, 1], [branches, 1], [0, 0]]


def test_whoever_waits_too_long_is_let_through():
    """The one with the right of way is not granted the junction while another starves at its line."""
    env = gym.make("mmenvs/Intersection-v0", sensors=("state",), traffic_vehicles=2).unwrapped
    for scenario in range(30):
        env.reset(seed=0, options={"scenario": scenario})
        worlds, roads = env.simulator.worlds, env.simulator.roads
        lanes, conflicts = roads.lanes[worlds.slot[0]], roads.conflicts[worlds.slot[0]]
        meetings = [
            (k, int(conflicts[row, F_LANE]))
            for k in range(len(lanes))
            for row in range(int(lanes[k, L_CONFLICT]), int(lanes[k, L_CONFLICT] + lanes[k, L_CONFLICTS]))
            if lanes[k, L_RULE] == net.FREE and conflicts[row, F_YIELDS] < 0.5
        ]
        meetings = [pair for pair in meetings if min(lanes[pair[0], L_BEFORE], lanes[pair[1], L_BEFORE]) >= 0]
        if meetings:
            break
    lane, other = meetings[0]
    worlds.cars[0] = 0.0
    car = worlds.cars[0, :, 1]
    car[st.C_ACTIVE], car[st.C_LANE], car[st.C_NEXT] = 1, lanes[other, L_BEFORE], other
    car[st.C_LENGTH], car[st.C_STATION] = 4.4, lanes[int(lanes[other, L_BEFORE]), L_LENGTH] - 3.0
    granted = []
    out = np.zeros(1, np.int64)
    for waited in (3.0, 40.0):
        car[st.C_WAIT] = waited
        env.simulator.pool.run(ask, lane, worlds, roads, out)
        granted.append(bool(out[0]))
    assert granted == [True, False]


def test_no_car_enters_at_red():
    env = gym.make_vec("mmenvs/SignalisedIntersection-v0", num_envs=16, sensors=("state",))
    env.reset(seed=0)
    simulator = env.unwrapped.simulator
    worlds, lanes = simulator.worlds, simulator.roads.lanes
    red_for = np.zeros((16, st.MOST_GROUPS))
    before = worlds.cars[:, st.C_LANE].astype(int).copy()
    entered = 0
    for _ in range(600):
        simulator.step(np.zeros((16, 2), np.float32), np.ones(16, bool))
        red_for = np.where(worlds.lights == st.RED, red_for + 0.1, 0.0)
        now = worlds.cars[:, st.C_LANE].astype(int)
        for world, car in zip(*np.nonzero((now != before) & (worlds.cars[:, st.C_ACTIVE] > 0)), strict=True):
            row = lanes[worlds.slot[world], now[world, car]]
            if row[L_RULE] == net.SIGNAL and worlds.cars[world, st.C_PREVIOUS, car] == before[world, car]:
                entered += 1
                assert red_for[world, int(row[L_GROUP])] < 1.5  # who could not stop at amber
        before = now.copy()
    assert entered > 20


def test_people_step_off_only_while_they_can_still_get_over():
    env = gym.make_vec("mmenvs/SignalisedIntersection-v0", num_envs=16, sensors=("state",))
    env.reset(seed=1)
    simulator = env.unwrapped.simulator
    worlds, roads = simulator.worlds, simulator.roads
    before = worlds.people[:, st.W_STATE].copy()
    green_for, shown = np.zeros((16, st.MOST_GROUPS)), [[], []]
    for _ in range(900):
        simulator.step(np.zeros((16, 2), np.float32), np.ones(16, bool))
        green_for = np.where(worlds.lights == st.GREEN, green_for + 0.1, 0.0)
        now = worlds.people[:, st.W_STATE].copy()
        for world, person in zip(*np.nonzero((before == WAITING) & (now == WALKING)), strict=True):
            slot, crossing = worlds.slot[world], int(worlds.people[world, st.W_CROSSING, person])
            row = roads.crossings[slot, crossing]
            if row[K_GROUP] < 0:
                continue
            group = int(row[K_GROUP])
            length = math.hypot(row[K_X1] - row[K_X0], row[K_Y1] - row[K_Y0])
            left = roads.groups[slot, group, 2] + AMBER_TIME - green_for[world, group]
            shown[0].append(green_for[world, group])
            shown[1].append(left - length / PACE)
        before = now
    assert len(shown[0]) > 30 and min(shown[0]) > 0.0
    assert min(shown[1]) > -0.15 and min(shown[1]) < 1.0


# ---------------------------------------------------------------- the ego among others


def test_the_scripted_driver_waits_at_the_line_and_passes_no_queue():
    env = gym.make_vec("mmenvs/SignalisedIntersection-v0", num_envs=32, sensors=("state",))
    env.reset(seed=0)
    simulator = env.unwrapped.simulator
    worlds, lanes, driver = simulator.worlds, simulator.roads.lanes, ScriptedDriver(simulator)
    alive, stops = np.ones(32, bool), []
    for _ in range(500):
        simulator.step(driver.actions(), alive)
        alive &= ~simulator.terminated
        for world in np.flatnonzero(alive):
            ego, cars = worlds.ego[world], worlds.cars[world]
            ahead = cars[st.C_STATION] - ego[st.LANE_STATION]
            mates = (cars[st.C_LANE] == ego[st.LANE]) & (ahead > 0.0) & (cars[st.C_ACTIVE] > 0.0)
            first = ego[st.LANE_DIRECTION] > 0.0 and not mates.any()
            if ego[st.NEXT_LANE] < 0.0 or not 0.0 < ego[st.TO_NEXT] < 40.0:
                continue
            assert ego[st.LANE_DIRECTION] > 0.0
            row = lanes[worlds.slot[world], int(ego[st.NEXT_LANE])]
            red = worlds.lights[world, int(row[L_GROUP])] == st.RED
            if first and red and 3.0 < ego[st.WAIT] < 3.15:
                stops.append(ego[st.TO_NEXT])
    assert len(stops) > 10
    assert np.median(stops) < 1.0 and np.max(stops) < 8.0


@pytest.mark.parametrize(
    ("env_id", "flag", "ends"),
    [("mmenvs/SignalisedIntersection-v0", "red_light", True), ("mmenvs/Intersection-v0", "stop_sign", False)],
)
def test_a_red_light_ends_the_episode_and_a_stop_line_costs(env_id, flag, ends):
    env = alone(env_id, 48, pedestrians=0)
    simulator = env.unwrapped.simulator
    done, seen = np.zeros(48, bool), 0
    for _ in range(120):
        simulator.step(keep_to("OFFSET", simulator.worlds.ego, pedal=0.1), ~done)
        hit = simulator.infos[flag] & ~done
        done |= simulator.terminated
        seen += int(hit.sum())
        assert (simulator.terminated[hit] == ends).all()
        assert (simulator.infos["cost"][hit] == 1.0).all()
        name, price = ("infraction", -10.0) if ends else ("stop_sign", -3.0)
        assert (simulator.infos["reward_terms"][name][hit] == price).all()
    assert seen > 2


def alone(env_id, count, **settings):
    env = gym.make_vec(
        env_id, num_envs=count, sensors=("state",), traffic_vehicles=0, autoreset_mode="DISABLED", **settings
    )
    env.reset(seed=0)
    return env


def keep_to(line, ego, pedal):
    """Actions that follow the path (``OFFSET``) or whatever lane the ego is in (``LANE_OFFSET``)."""
    steering = -0.3 * ego[:, getattr(st, line)] - 1.5 * ego[:, st.HEADING_ERROR]
    return np.stack([np.clip(steering, -1, 1), np.broadcast_to(pedal, len(ego))], 1)


def test_whoever_is_not_on_a_road_of_the_route_is_off_the_route():
    simulator = alone("mmenvs/Exit-v0", 1).unwrapped.simulator
    worlds, roads = simulator.worlds, simulator.roads
    begin, count = roads.routes[0, 0, :2].astype(int)
    path = roads.path[0, begin : begin + count]
    row = path[count - 20]  # on the exit road, which lies beside the motorway
    for beyond, expected in ((-1.5, False), (4.0, True)):
        aside = row[P_LEFT] + beyond
        worlds.ego[0, st.X] = row[0] - aside * row[3]
        worlds.ego[0, st.Y] = row[1] + aside * row[2]
        worlds.ego[0, st.HEADING] = math.atan2(row[3], row[2])
        worlds.ego[0, st.SPEED], worlds.ego_index[0] = 0.0, count - 20
        simulator.step(np.zeros((1, 2), np.float32), np.ones(1, bool))
        assert simulator.infos["off_route"][0] == expected


def test_whoever_holds_up_the_ambulance_fails():
    simulator = alone("mmenvs/EmergencyVehicle-v0", 4, lanes=1).unwrapped.simulator
    done, held = np.zeros(4, bool), np.zeros(4, bool)
    for _ in range(400):
        ego = simulator.worlds.ego
        simulator.step(keep_to("LANE_OFFSET", ego, np.clip(4.0 - ego[:, st.SPEED], -1, 0.3)), ~done)
        held |= simulator.infos["obstruction"]
        done |= simulator.terminated
    assert held.all()  # on one lane there is no way round
    assert not simulator.infos["collision"].any()


def test_layouts_have_the_routes_that_tasks_promise():
    layout = layouts.crossroads(3)
    found = [find_route(layout.network, layout.starts[0], [goal]) for goal in layout.goals]
    turns = {layout.network.lanes[lane].turn for way in found for lane in way.lanes}
    assert turns == {net.STRAIGHT, net.LEFT, net.RIGHT}
