"""Compile with numba where it is installed; else the same functions run as they are, twenty times slower."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freqtrade_ext.fills import queue

try:
    import numba
    from numba.typed import Dict
except ImportError:
    numba = None


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of numbers, arrays and tuples of them; its machine code is kept between runs."""
    return function if numba is None else numba.njit(cache=True)(function)


def new_index() -> Any:
    """Return an empty dict of whole numbers that compiled functions can use."""
    return {} if numba is None else Dict.empty(numba.int64, numba.int64)


def _cache_folder() -> str:
    """numba does not notice that a function called from another file has changed: a folder for each state."""
    sources = [Path(queue.__file__), *sorted(Path(__file__).parent.glob("*.py"))]
    state = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:16]
    return str(Path.home() / ".cache" / "freqtrade_ext" / state)


if numba is not None:
    numba.config.CACHE_DIR = _cache_folder()
