"""Names for the arrays that kernels take; the width of a number is said where the array is made."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]
IntArray = NDArray[np.integer[Any]]
ByteArray = NDArray[np.uint8]
BoolArray = NDArray[np.bool_]
