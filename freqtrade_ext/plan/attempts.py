"""When to ask again for an exit that was asked for and moved nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

RETRY_SECONDS = 15
MAX_TRIES = 8


@dataclass(frozen=True, slots=True)
class Attempt:
    """The last exit that was asked for on a trade."""

    stage: int
    held: float
    """base units before it; less of them now means that it moved something"""
    tries: int
    again: datetime
    """not before then"""


def next_attempt(last: Attempt | None, stage: int, held: float, now: datetime) -> Attempt | None:
    """
    Tell whether to ask for an exit: at once when target or position have changed since, otherwise after
    15, 30, 60 ... seconds; after MAX_TRIES no more, so that the chunk waits for the next target.

    :return: the attempt to remember, None for not now.
    """
    if last is None or (last.stage, last.held) != (stage, held):
        last = Attempt(stage, held, 0, now)
    if now < last.again or last.tries >= MAX_TRIES:
        return None
    return replace(last, tries=last.tries + 1, again=now + timedelta(seconds=RETRY_SECONDS * 2**last.tries))
