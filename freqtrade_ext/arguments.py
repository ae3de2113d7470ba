"""What the commands' arguments have in common: their program, numbers within limits, lists of pairs."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any, TypeVar

Number = TypeVar("Number", int, float)


def parser_of(command: str, description: str) -> argparse.ArgumentParser:
    """Return an empty parser of `freqtrade-ext COMMAND`."""
    return argparse.ArgumentParser(prog=f"freqtrade-ext {command}", description=description)


class PairsAction(argparse.Action):
    """Read `--pairs BTC/USDT ETH/USDT` (or with commas) into pairs as freqtrade writes them, each once."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        pairs = [pair.strip().upper() for text in values for pair in text.split(",") if pair.strip()]
        for pair in pairs:
            base, _, quote = pair.partition("/")
            if not (base and quote):
                parser.error(f"argument {option_string}: a pair is BASE/QUOTE, is {pair}")
        if not pairs:
            parser.error(f"argument {option_string}: needs a pair")
        setattr(namespace, self.dest, list(dict.fromkeys(pairs)))


def between(low: Number, high: Number) -> Callable[[str], Number]:
    """Return an argparse type: a number of the limits' kind, limits included; NaN is none."""
    kind = type(low)

    def read(text: str) -> Number:
        value = kind(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be from {low:g} to {high:g}, is {text}")
        return value

    read.__name__ = kind.__name__  # argparse says it of what is no number
    return read
