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
    found: list[Crossing] = []
    taken = [0.5 * (crossing.start + crossing.end) for crossing in network.crossings]
    for lane in network.lanes:
        if lane.junction >= 0 or lane.kind != net.DRIVING or lane.limit > SLOW_ENOUGH:
            continue
        count = int((lane.length - APART) // APART)
        if count < 1:
            continue
        share = np.arange(1, count + 1) / (count + 1)
        rows = lane.centre[np.round(share * (len(lane.centre) - 1)).astype(int)]
        path = np.zeros((count, PATH_COLUMNS), np.float32)
        path[:, [P_X, P_Y, P_COS, P_SIN]] = rows[:, [net.X, net.Y, net.COS, net.SIN]]
        left, right = mask.edges(path)
        for row, to_left, to_right in zip(rows.astype(np.float64), left, right, strict=True):
            if to_left + to_right > WIDEST or max(to_left, to_right) > EDGE_REACH - 1.0:
                continue
            place, aside = row[[net.X, net.Y]], np.array([-row[net.SIN], row[net.COS]])
            start, end = place - aside * to_right, place + aside * to_left
            middle = 0.5 * (start + end)
            if taken and np.hypot(*(np.array(taken) - middle).T).min() < APART:
                continue
            taken.append(middle)
            found.append(Crossing(start, end, WIDTH))
            if len(found) == MOST:
                return found
    return found
