"""What happens to orders, in columns: the one form into which every order-by-order tape is read."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

NEW, SET, CUT, DELETE, EXECUTION, PRINT = range(6)
"""placed; left after a change; taken off; gone; executed by an aggressor; a public trade of no known order"""
UNITS = 1e8
"""amounts are whole numbers of 1e-8, so that sums of them are exact"""
COLUMNS = ("time_ms", "kind", "id", "side", "rate", "amount")


class Events(NamedTuple):
    """A chunk of a tape, in columns; `side` is 1 for bids, -1 for asks, 0 where it is not told."""

    time_ms: np.ndarray
    kind: np.ndarray
    id: np.ndarray
    side: np.ndarray
    rate: np.ndarray
    amount: np.ndarray
    """in `UNITS`"""

    @classmethod
    def of(cls, rows: Any) -> Events:
        """:param rows: of (time_ms, kind, id, side, rate, amount)."""
        frame = pd.DataFrame(rows, columns=COLUMNS)
        types = (np.float64, np.int64, np.int64, np.int64, np.float64, np.float64)
        # copies: pandas hands out views that cannot be written to, which would be compiled for anew
        return cls(*(np.array(frame[name], kind) for name, kind in zip(COLUMNS, types, strict=True)))
