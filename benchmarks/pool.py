"""Many runs on several cores, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TypeVar

RunT = TypeVar("RunT")
ResultT = TypeVar("ResultT")


def results(
    execute: Callable[[RunT], ResultT], runs: Sequence[RunT], jobs: int
) -> Iterator[tuple[RunT, ResultT]]:
    """Yield every run with its result, as it ends; with one job in this process, in order.

    Args:
        execute: Does one run; must be importable, as the runs and results must be picklable.
        runs: The runs.
        jobs: Processes.
    """
    if jobs == 1:
        for run in runs:
            yield run, execute(run)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, context, initializer=_die_with, initargs=(os.getpid(),)) as pool:
        waiting = {pool.submit(execute, run): run for run in runs}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _die_with(parent: int) -> None:
    """End this process soon after its parent, which may have been killed and then cannot say so."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
