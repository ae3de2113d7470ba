"""Read what signal classes answer: strings, enums, numbers, tuples, mappings and objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from numbers import Real
from typing import Any, Literal

from pandas import DataFrame, Series

Action = Literal["BUY", "SELL", "HOLD"]

WORDS: dict[str, Action] = {
    **dict.fromkeys(("BUY", "STRONG_BUY", "LONG", "ENTER_LONG", "BULLISH"), "BUY"),
    **dict.fromkeys(("SELL", "STRONG_SELL", "SHORT", "EXIT", "EXIT_LONG", "CLOSE", "BEARISH"), "SELL"),
    **dict.fromkeys(("HOLD", "NEUTRAL", "NONE", "WAIT", "NO_SIGNAL"), "HOLD"),
}
NUMBERS: dict[Any, Action] = {1: "BUY", -1: "SELL", 0: "HOLD"}
ACTION_NAMES = ("action", "signal", "side", "direction", "signal_type")
CONFIDENCE_NAMES = ("confidence", "strength", "confidence_score")


class SignalError(ValueError):
    """An answer that is no signal; the message holds it."""


def read_signal(answer: Any) -> tuple[Action, float | None]:
    """
    Read an answer of a signal class.

    None is HOLD. An action is a word in either case (BUY, STRONG_BUY, LONG; SELL, SHORT; HOLD ...), an enum
    of one, or 1, -1, 0: alone, first in a tuple, or under a key or attribute of `ACTION_NAMES`. Of a frame or
    a column of answers the last counts.

    :return: action, and confidence from 0 to 1 or to 100 as answered; None where there is none.
    :raises SignalError: it is no such answer.
    """
    try:
        asked, confidence = _parts(_last(answer))
        return _action(asked), _confidence(confidence)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise SignalError(
            'generate_signal must answer e.g. {"action": "BUY"|"SELL"|"HOLD", "confidence": 0-100}, '
            f"is {answer!r}"
        ) from error


def _last(answer: Any) -> Any:
    """Return the last row or value of a frame or column, a row as a dictionary; anything else as it is."""
    if isinstance(answer, DataFrame | Series) and answer.empty:
        return None
    if isinstance(answer, DataFrame):
        answer = answer.iloc[-1]
    if not isinstance(answer, Series):
        return answer
    return answer.to_dict() if isinstance(answer.index[-1], str) else answer.iloc[-1]


def _parts(answer: Any) -> tuple[Any, Any]:
    """Return the parts of an answer that hold the action and the confidence."""
    if answer is None or isinstance(answer, str | Enum | Real | Decimal):
        return answer, None
    is_mapping = isinstance(answer, Mapping)
    found = {str(key).lower(): answer[key] for key in answer} if is_mapping else _attributes(answer)
    for name in ACTION_NAMES:
        if name in found:
            return found[name], next((found[key] for key in CONFIDENCE_NAMES if key in found), None)
    if isinstance(answer, Sequence) and answer:
        return answer[0], answer[1] if len(answer) > 1 else None
    raise ValueError("no action")


def _attributes(answer: Any) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in ACTION_NAMES + CONFIDENCE_NAMES if hasattr(answer, name)}


def _action(asked: Any) -> Action:
    for word in _words(asked):
        if word in WORDS:
            return WORDS[word]
    if isinstance(asked, Real | Decimal) and not isinstance(asked, bool):
        # missing values are those of the first candles, before an average is there
        number = 0 if asked != asked else asked  # NaN
        if number in NUMBERS:
            return NUMBERS[number]
    raise ValueError("no action")


def _words(asked: Any) -> Iterator[str]:
    texts = [asked.name, asked.value] if isinstance(asked, Enum) else [asked]
    for text in texts:
        if text is None or isinstance(text, str):
            yield str(text).strip().upper().replace(" ", "_").replace("-", "_")


def _confidence(confidence: Any) -> float | None:
    if confidence is None:
        return None
    number: Any = confidence  # mypy's Real has no order
    # compared before it is turned into anything: there are numbers that no float holds
    if isinstance(confidence, Real | Decimal) and not isinstance(confidence, bool) and 0 <= number <= 100:
        return float(confidence)
    raise ValueError("no confidence")
