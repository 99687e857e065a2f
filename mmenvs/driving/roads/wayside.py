"""Where people cross a street although nothing is painted there."""

from __future__ import annotations

import numpy as np

from mmenvs.driving.roads import network as net
from mmenvs.driving.roads.network import Crossing, Network
from mmenvs.driving.roads.routes import EDGE_REACH, P_COS, P_SIN, P_X, P_Y, PATH_COLUMNS, DrivableMask

SLOW_ENOUGH = 14.5  # nobody crosses where more is allowed [m/s]
WIDEST = 16.0  # nor a wider road [m]
APART = 28.0  # from each other, from crossings and from junctions [m]
MOST = 16  # of one network
WIDTH = 2.0  # of the strip in which people walk [m]


def places_to_cross(network: Network, mask: DrivableMask) -> list[Crossing]:
    """Return unpainted places to cross, from kerb to kerb, at most :data:`MOST`.

    Args:
        network: The roads.
        mask: Where their asphalt is.
    """
    tables = [np.zeros((0, net.LANE_COLUMNS), np.float32)]
    for lane in network.lanes:
        count = int((lane.length - APART) // APART)
        if lane.junction < 0 and lane.kind == net.DRIVING and lane.limit <= SLOW_ENOUGH and count > 0:
            share = np.arange(1, count + 1) / (count + 1)
            tables.append(lane.centre[np.round(share * (len(lane.centre) - 1)).astype(int)])
    rows = np.concatenate(tables)
    path = np.zeros((len(rows), PATH_COLUMNS), np.float32)
    path[:, [P_X, P_Y, P_COS, P_SIN]] = rows[:, [net.X, net.Y, net.COS, net.SIN]]
    left, right = mask.edges(path)
    narrow = (left + right <= WIDEST) & (np.maximum(left, right) <= EDGE_REACH - 1.0)
    place = rows[:, [net.X, net.Y]].astype(np.float64)
    aside = np.stack([-rows[:, net.SIN], rows[:, net.COS]], 1).astype(np.float64)
    starts, ends = place - aside * right[:, None], place + aside * left[:, None]
    found: list[Crossing] = []
    taken = [0.5 * (crossing.start + crossing.end) for crossing in network.crossings]
    for start, end in zip(starts[narrow], ends[narrow], strict=True):
        middle = 0.5 * (start + end)
        if taken and np.hypot(*(np.array(taken) - middle).T).min() < APART:
            continue
        taken.append(middle)
        found.append(Crossing(start, end, WIDTH))
        if len(found) == MOST:
            break
    return found
