"""Random streams, the thread pool, action checking and the kernel cache."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as hs

from mmenvs.core import random
from mmenvs.core.actions import ActionChecker
from mmenvs.core.parallel import WorldPool


def test_splitmix_matches_its_published_sequence():
    # First outputs of SplitMix64 for the state 1234567 (the generator's reference vectors).
    stream = np.array([1234567], np.uint64)
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [int(random.next_integer(stream, 0)) for _ in expected] == expected


def test_streams_have_the_right_moments():
    stream = np.array([1], np.uint64)
    uniform = np.array([random.uniform(stream, 0) for _ in range(20000)])
    assert 0 <= uniform.min() < uniform.max() < 1
    assert abs(uniform.mean() - 0.5) < 0.01
    normal = np.array([random.normal(stream, 0) for _ in range(20000)])
    assert abs(normal.mean()) < 0.03
    assert abs(normal.std() - 1) < 0.03


@given(hs.integers(0, 2**64 - 1), hs.integers(0, 2**32))
def test_derived_seeds_agree_between_kernel_and_numpy(seed, index):
    by_numpy = random.derive_seeds(np.array([seed], np.uint64), np.array([index], np.uint64))[0]
    assert int(random.derive(np.uint64(seed), np.uint64(index))) % 2**64 == int(by_numpy)


@given(hs.integers(1, 50), hs.integers(1, 6))
def test_the_pool_covers_every_world_once(count, threads):
    seen = np.zeros(count, np.int64)
    lock = threading.Lock()

    def visit(begin, end):
        with lock:
            seen[begin:end] += 1

    pool = WorldPool(count, threads)
    pool.run(visit)
    pool.close()
    assert (seen == 1).all()


def test_an_error_in_a_thread_reaches_the_caller():
    def fail(begin, end):
        if begin:
            raise RuntimeError("world trouble")

    with pytest.raises(RuntimeError, match="world trouble"):
        WorldPool(8, 2).run(fail)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_threads_must_be_positive(threads):
    with pytest.raises(ValueError, match="threads="):
        WorldPool(4, threads)


BOX = ActionChecker(spaces.Box(-1, 1, (2,), np.float32))
DISCRETE = ActionChecker(spaces.Discrete(3))
MULTI = ActionChecker(spaces.MultiDiscrete([2, 3]))


@pytest.mark.parametrize(
    ("checker", "action", "worlds", "message"),
    [
        (BOX, [0.0, np.nan], None, r"action\[1\]=nan is outside what .* allows: \[-1.0, 1.0\]"),
        (BOX, [0.0, 1.5], None, r"action\[1\]=1.5 is outside"),
        (BOX, [0.0], None, r"shape \(1,\), but .* needs shape \(2,\)"),
        (BOX, np.zeros((3, 2)), 4, r"needs shape \(4, 2\) for 4 worlds"),
        (BOX, ["a", "b"], None, "must hold numbers"),
        (DISCRETE, 3, None, r"action=3 is outside what Discrete\(3\) allows: \[0, 2\]"),
        (DISCRETE, 0.5, None, "whole numbers"),
        (DISCRETE, [0, 1, 5], 3, r"action\[2\]=5 is outside"),
        (MULTI, [1, 3], None, r"action\[1\]=3 is outside .*\[0, 2\]"),
        (MULTI, None, None, "shape|numbers"),
    ],
)
def test_a_wrong_action_is_named(checker, action, worlds, message):
    with pytest.raises(ValueError, match=message):
        checker.check(action, worlds)


def test_valid_actions_pass_unchanged():
    assert np.array_equal(BOX.check([0.5, -1.0]), np.array([[0.5, -1.0]], np.float32))
    assert DISCRETE.check(np.int32(2)).tolist() == [2]
    assert DISCRETE.check(2.0).dtype == np.int64
    strided = np.array([[0, 9], [2, 9]])[:, 0]
    assert DISCRETE.check(strided, 2).flags.c_contiguous


def test_a_read_only_installation_still_compiles(tmp_path):
    """Neither the package folder nor the home folder can be written: a temporary folder serves."""
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "mmenvs").touch()  # a file where the cache folder should go
    code = (
        "from mmenvs.core.kernels import cache_directory; import sys; "
        "p = cache_directory(); assert p.is_dir(), p; assert not str(p).startswith(sys.argv[1]), p; "
        "from mmenvs.core import random; import numpy as np; "
        "print(int(random.mix(np.uint64(0))))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(closed), "TMPDIR": str(tmp_path)}
    environment.pop("MMENVS_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", code, str(closed)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "0"
