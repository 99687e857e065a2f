"""The last few pictures of a camera on top of each other, so that a policy without memory sees motion."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmenvs.core.arrays import ByteArray, IntArray
from mmenvs.core.kernels import entry_point, fast_function, kernel
from mmenvs.core.parallel import WorldPool


@kernel
def stack_worlds(
    begin: int,
    end: int,
    which: IntArray,
    fresh: bool,
    channels: int,
    newest: ByteArray,
    out: ByteArray,
) -> None:
    """Add the newest pictures of the worlds ``which[begin:end]``; see :class:`FrameStack`."""
    _stack_worlds(begin, end, which, fresh, channels, newest, out)


@fast_function
def _stack_worlds(
    begin: int,
    end: int,
    which: IntArray,
    fresh: bool,
    channels: int,
    newest: ByteArray,
    out: ByteArray,
) -> None:
    """Do it, pixel by pixel: all channels of a pixel lie together."""
    total = out.shape[2]
    for position in range(begin, end):
        world = which[position]
        for pixel in range(out.shape[1]):
            for k in range(total):
                age = total - channels - k
                if age > 0 and not fresh:
                    out[world, pixel, k] = out[world, pixel, k + channels]
                else:
                    out[world, pixel, k] = newest[world, pixel, k % channels]


class FrameStack:
    """Keeps the last pictures of one camera, the newest in the last channels.

    An episode begins with its first picture repeated.

    Attributes:
        frames: What policies see, shape (num_worlds, height, width, depth * channels), uint8.
    """

    def __init__(self, newest: NDArray[np.uint8], depth: int, pool: WorldPool) -> None:
        """Watch a buffer of pictures.

        Args:
            newest: The camera's buffer, shape (num_worlds, height, width, channels).
            depth: Pictures to keep.
            pool: Threads.
        """
        worlds, height, width, channels = newest.shape
        self.frames = np.zeros((worlds, height, width, depth * channels), np.uint8)
        self._arguments = (
            channels,
            newest.reshape(worlds, height * width, channels),
            self.frames.reshape(worlds, height * width, depth * channels),
        )
        self._pool = pool
        self._entry: Any = None

    def add(self, which: NDArray[np.int64], fresh: bool) -> None:
        """Add the newest pictures of some worlds; ``fresh`` begins an episode."""
        if self._entry is None:
            self._entry = entry_point(stack_worlds, 0, 1, which, fresh, *self._arguments)
        self._pool.run(self._entry, which, fresh, *self._arguments, count=len(which))
