"""Dropout and blackout: readings that are lost."""

from __future__ import annotations

from mmenvs.core.arrays import ByteArray, IntArray
from mmenvs.core.faults.effect import Effect, Turn, as_bytes, copy_bytes
from mmenvs.core.faults.sensor import Picture, Sensor
from mmenvs.core.kernels import kernel
from mmenvs.core.random import UIntArray, derive, uniform

_BLOCKS = 10  # blocks along the shorter side of a picture


class Dropout(Effect):
    """Parts of a reading say nothing; which ones is drawn at every step.

    A lost part reads as no return (scans, depth), as invalid (objects, events), as padding (words), or zero.
    """

    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """See :class:`~mmenvs.core.faults.effect.Effect`; ``severity`` is the share of what is lost."""
        nothing = as_bytes(sensor.nothing)
        if sensor.form == "image":
            picture = sensor.picture
            block = max(1, min(picture.height, picture.width) // _BLOCKS)
            self.kernel = _drop_blocks
            self.arguments = (nothing, severity, picture, block)
        else:
            self.kernel = _drop_rows
            self.arguments = (nothing, severity, sensor.features * sensor.itemsize)


class Blackout(Effect):
    """The whole reading says nothing."""

    def __init__(self, sensor: Sensor, severity: float, num_worlds: int) -> None:
        """See :class:`~mmenvs.core.faults.effect.Effect`; ``severity`` does not matter."""
        self.kernel = _black_out
        self.arguments = (as_bytes(sensor.nothing),)


@kernel
def _black_out(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    nothing: ByteArray,
) -> None:
    for position in range(begin, end):
        world = which[position]
        if turn.active[world, fault]:
            copy_bytes(view[world], nothing)


@kernel
def _drop_rows(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    nothing: ByteArray,
    share: float,
    length: int,
) -> None:
    """Lose rows of ``length`` bytes, each with chance ``share``."""
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], turn.steps[world])
        for first in range(0, view.shape[1], length):
            if uniform(streams, world) < share:
                for k in range(first, first + length):
                    view[world, k] = nothing[k]


@kernel
def _drop_blocks(
    begin: int,
    end: int,
    which: IntArray,
    turn: Turn,
    fault: int,
    seeds: UIntArray,
    streams: UIntArray,
    view: ByteArray,
    nothing: ByteArray,
    share: float,
    picture: Picture,
    block: int,
) -> None:
    """Lose blocks of ``block`` by ``block`` pixels, in all channels, each with chance ``share``."""
    height, width = picture.rows * picture.height, picture.columns * picture.width
    stride = width * picture.pixel
    for position in range(begin, end):
        world = which[position]
        if not turn.active[world, fault]:
            continue
        streams[world] = derive(seeds[world], turn.steps[world])
        for top in range(0, height, block):
            for left in range(0, width, block):
                if uniform(streams, world) >= share:
                    continue
                bottom, right = min(top + block, height), min(left + block, width)
                for plane in range(picture.planes):
                    for y in range(top, bottom):
                        start = (plane * height + y) * stride
                        first, last = start + left * picture.pixel, start + right * picture.pixel
                        copy_bytes(view[world, first:last], nothing[first:last])
