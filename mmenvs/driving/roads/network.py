"""A road: a reference line with lanes beside it, and the scenery around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]

#: Columns of :attr:`Road.reference`.
X, Y, COS, SIN, CURVATURE = range(5)

#: Kinds of scenery, and the columns of :attr:`Road.scenery`.
TREE, BUSH, POST, HOUSE, LAMP = range(5)
S_KIND, S_X, S_Y, S_COS, S_SIN, S_HALF_LENGTH, S_HALF_WIDTH, S_HEIGHT, S_HUE = range(9)
SCENERY_COLUMNS = 9

#: Road before the start line and after the finish line [m].
RUN_IN = 40
RUN_OUT = 60


@dataclass(frozen=True)
class Road:
    """One road, in metres and radians, x east and y north.

    Attributes:
        reference: Samples of the reference line, 1 m apart, shape (samples, 5): x [m], y [m], cosine and
            sine of the heading, curvature [1/m] (positive turns left).
        lane_offsets: Lateral offset of each lane's centre [m], left positive, shape (lanes,); the lanes
            of travel come first, from right to left.
        lane_directions: 1 along the reference line, -1 against it, shape (lanes,).
        left_edge: Lateral offset of the asphalt's left edge [m].
        right_edge: Lateral offset of the asphalt's right edge [m].
        markings: Paint lines, shape (lines, 3): offset [m], colour (0 white, 1 yellow), dashed (0 or 1).
        scenery: Objects beside the road, shape (items, 9); see the column constants of this module.
    """

    reference: FloatArray
    lane_offsets: FloatArray
    lane_directions: FloatArray
    left_edge: float
    right_edge: float
    markings: FloatArray
    scenery: FloatArray

    @property
    def length(self) -> float:
        """Length of the reference line [m]."""
        return float(len(self.reference) - 1)

    def position(self, station: NDArray[np.float64], offset: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the point at a station and lateral offset.

        Args:
            station: Distance along the reference line [m], shape (n,).
            offset: Lateral offset [m], left positive, shape (n,).

        Returns:
            Points [m], shape (n, 2).
        """
        index = np.clip(station.astype(int), 0, len(self.reference) - 2)
        share = (station - index)[:, None]
        sample = self.reference[index] * (1 - share) + self.reference[index + 1] * share
        normal = np.stack([-sample[:, SIN], sample[:, COS]], 1)
        return np.asarray(sample[:, :2] + normal * offset[:, None], np.float64)
