"""Compilation of kernels: where the cache lies, and a call without dispatch overhead.

Numba's own cache has two habits that hurt a library.  It watches only the file of the outermost
function, so an edit to a helper in another file leaves a stale kernel; and it refuses to import when
neither the package folder nor the home folder can be written.  Here the cache folder is named after
a fingerprint of all of the package's sources and falls back to a temporary folder.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import config as numba_config

from mmenvs.core.parallel import available_cores

Function = TypeVar("Function", bound=Callable[..., Any])

_PATIENCE = 2.0  # seconds before we tell the user why the first call takes long
_announced = threading.Event()


@lru_cache(maxsize=1)
def cache_directory() -> Path:
    """Return the folder of compiled kernels: ``$MMENVS_CACHE_DIR``, else the user's cache folder."""
    package = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for source in sorted(package.rglob("*.py")):
        digest.update(str(source.relative_to(package)).encode())
        digest.update(source.read_bytes())
    name = digest.hexdigest()[:16]
    chosen = os.environ.get("MMENVS_CACHE_DIR")
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "mmenvs"
    for root in ([Path(chosen)] if chosen else []) + [user, Path(tempfile.gettempdir()) / "mmenvs"]:
        folder = root / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return Path(tempfile.mkdtemp(prefix="mmenvs-"))


def _compile(function: Callable[..., Any], **options: Any) -> Any:
    """Decorate with Numba, cached in our folder; the user's own Numba settings stay as they were."""
    settings: Any = numba_config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(cache_directory())
    try:
        return numba.njit(nogil=True, cache=True, error_model="numpy", **options)(function)
    finally:
        settings.CACHE_DIR = before


# Numba counts references to every array that a function takes out of a structure or makes a view of, with
# atomic operations: in code that touches many small arrays that is three quarters of the time.  The helpers
# below are compiled without (``_nrt=False``); they can neither allocate an array nor return a view.


def device_function(function: Function) -> Function:
    """Compile a scalar helper that kernels call; exact arithmetic, no reordering, no allocation."""
    compiled: Function = _compile(function, _nrt=False)
    return compiled


def fast_function(function: Function) -> Function:
    """Compile a helper whose floating-point arithmetic may be reordered; no allocation."""
    compiled: Function = _compile(function, fastmath={"contract", "arcp", "nsz"}, _nrt=False)
    return compiled


def hot_function(function: Function) -> Function:
    """Compile a helper that is called per car or per beam, always as a part of its caller's machine code.

    A call hands over every field of every array; for a small helper that costs more than its work.
    """
    compiled: Function = _compile(
        function, fastmath={"contract", "arcp", "nsz"}, forceinline=True, _nrt=False
    )
    return compiled


def allocating_function(function: Function) -> Function:
    """Compile a helper that may allocate: the scratch of a kernel before its loop, or a map."""
    compiled: Function = _compile(function, fastmath={"contract", "arcp", "nsz"})
    return compiled


def inner_function(function: Function) -> Function:
    """Compile like :func:`fast_function` what only other compiled functions call.

    Without the wrapper through which Python would call it, a function of many arguments compiles in
    two thirds of the time.
    """
    compiled: Function = _compile(
        function,
        fastmath={"contract", "arcp", "nsz"},
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        _nrt=False,
    )
    return compiled


def inlined_function(function: Function) -> Function:
    """Mark a helper with few call sites to be compiled as a part of its caller, not by itself.

    Numba optimises a helper's code once for itself and again in every caller above it; for the large
    ones, that is most of the time of a first compilation.
    """
    marked: Any = numba.njit(
        inline="always", nogil=True, error_model="numpy", fastmath={"contract", "arcp", "nsz"}
    )(function)
    compiled: Function = marked
    return compiled


def kernel(function: Function) -> Function:
    """Compile the outer part of a loop over worlds, ``function(begin, end, *arrays)``, run by ``WorldPool``.

    It may allocate scratch; the loop itself belongs into a :func:`fast_function`, which is much faster.
    """
    compiled: Function = _compile(function, fastmath={"contract", "arcp", "nsz"})
    return compiled


def _announce() -> None:
    if not _announced.is_set():
        _announced.set()
        print(
            "mmenvs: compiling kernels, once per installation; about half a minute "
            f"(kept in {cache_directory()})",
            file=sys.stderr,
            flush=True,
        )


def is_cached(dispatcher: Any) -> bool:
    """Say whether a compiled form of a kernel lies in the cache folder, for some types."""
    return any(cache_directory().rglob(f"*.{dispatcher.__name__}-*.nbi"))


def compile_aside(module: str, function: str) -> subprocess.Popen[bytes] | None:
    """Call ``module.function()`` in another process, which leaves what it compiles in the cache folder.

    Numba compiles under one lock, so a second core helps only a second process.

    Returns:
        The process, to be waited for; None where there is but one core, or no process can be started.
    """
    if available_cores() < 2:
        return None
    try:
        return subprocess.Popen(
            [sys.executable, "-c", f"import {module} as m; m.{function}()"],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        return None


def entry_point(dispatcher: Any, *arguments: Any) -> Callable[..., Any]:
    """Compile ``dispatcher`` for the types of ``arguments`` and return its direct entry.

    The entry skips Numba's type dispatch, which costs more than a light kernel's work when the
    arguments are structures of many arrays.  Call it only with arguments of the same types.

    Args:
        dispatcher: A function decorated with :func:`kernel`.
        arguments: One example of each argument.

    Returns:
        A callable that takes the same arguments.
    """
    type_of: Any = numba.typeof
    signature = tuple(type_of(argument) for argument in arguments)
    timer = threading.Timer(_PATIENCE, _announce)
    timer.daemon = True
    timer.start()
    try:
        dispatcher.compile(signature)
    finally:
        timer.cancel()
    entry: Callable[..., Any] = dispatcher.overloads[signature].entry_point
    return entry
