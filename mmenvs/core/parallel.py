"""Runs a kernel over slices of the batch on a pool of threads.

The kernels release the GIL, so plain threads scale.  Numba's own ``parallel=True`` is avoided: its
thread layers do not survive a fork, and ``AsyncVectorEnv`` and ``SubprocVecEnv`` fork.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

_MIN_SLICE = 8  # worlds a slice; below that the hand-over costs more than it saves
_SHARES = 4  # slices a thread, on average
_pools: weakref.WeakSet[WorldPool] = weakref.WeakSet()


def available_cores() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class WorldPool:
    """Shares ``range(num_worlds)`` among threads, of which the calling one is the first."""

    def __init__(self, num_worlds: int, threads: int | None = None) -> None:
        """Prepare the slices; no thread starts before the first :meth:`run`.

        Args:
            num_worlds: Size of the batch.
            threads: Threads to use; by default as many as there are cores, if the batch is worth it.

        Raises:
            ValueError: If ``threads`` is below 1.
        """
        if threads is not None and (isinstance(threads, bool) or int(threads) != threads or threads < 1):
            raise ValueError(f"threads={threads!r} must be an integer of at least 1, or None")
        self.threads = max(1, min(available_cores() if threads is None else threads, num_worlds))
        self._least = 1 if threads else _MIN_SLICE
        self._num_worlds = num_worlds
        self._executor: ThreadPoolExecutor | None = None
        _pools.add(self)

    def run(self, function: Callable[..., Any], *arguments: Any, count: int | None = None) -> None:
        """Call ``function(begin, end, *arguments)`` on slices of ``range(count)`` and wait for all of them.

        Args:
            function: A kernel, or a Python function that releases the GIL.
            arguments: What follows ``begin`` and ``end``.
            count: Number of worlds to share out; all of them by default.
        """
        total = self._num_worlds if count is None else count
        threads = max(1, min(self.threads, total // self._least))
        if threads == 1:
            function(0, total, *arguments)
            return
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.threads - 1, "mmenvs")
        # More slices than threads, taken in turn: a thread whose core is busy elsewhere takes fewer.
        slices = max(threads, min(threads * _SHARES, total // self._least))
        edges = [total * i // slices for i in range(slices + 1)]
        queue = iter(list(pairwise(edges)))  # taking the next one is atomic

        def work() -> None:
            for begin, end in queue:
                function(begin, end, *arguments)

        futures = [self._executor.submit(work) for _ in range(threads - 1)]
        work()
        for future in futures:
            future.result()

    def close(self) -> None:
        """Stop the threads; a later :meth:`run` starts new ones."""
        if self._executor is not None:
            self._executor.shutdown(wait=False)
            self._executor = None

    def _forget(self) -> None:
        self._executor = None


def _after_fork() -> None:
    # Threads do not cross a fork: the child must not wait for its parent's.
    for pool in _pools:
        pool._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
