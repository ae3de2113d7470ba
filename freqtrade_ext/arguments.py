"""What the commands' arguments have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

Number = TypeVar("Number", int, float)


def between(low: Number, high: Number) -> Callable[[str], Number]:
    """Make an argparse type: a number of the limits' kind, limits included; NaN is none."""
    kind = type(low)

    def read(text: str) -> Number:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be from {low:g} to {high:g}, is {text}")
        return value

    read.__name__ = kind.__name__  # argparse says it of what is no number
    return read
