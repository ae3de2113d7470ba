"""Play the messages of recordings to what follows each pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from freqtrade_ext.tape import DAMAGE, Record, Recording


class Replay(Protocol):
    """Takes one pair's messages in file order."""

    @property
    def top(self) -> Callable[[float, bytes], None]:
        """Takes a message of the best bid/ask stream: local time of its arrival, JSON text."""

    def snapshot(self, data: dict[str, Any]) -> None: ...

    def depth(self, local_ms: float, data: dict[str, Any]) -> None: ...

    def trade(self, local_ms: float, data: dict[str, Any]) -> None: ...


def play(recording: Recording, replay_of: Callable[[str], Replay | None]) -> int:
    """
    Play a recording to its end, and return how many messages it has.

    :param replay_of: asked once for each symbol; None leaves its messages out.
    """
    replays: dict[str, Replay | None] = {}
    events = 0
    for record in recording:
        events += 1
        kind, local_ms, symbol, raw = record
        if symbol not in replays:
            replays[symbol] = replay_of(symbol)
        replay = replays[symbol]
        if replay is None:
            continue
        if kind == "bookTicker":
            replay.top(local_ms, raw)
        else:
            _take(recording, replay, record)
    return events


def _take(recording: Recording, replay: Replay, record: Record) -> None:
    try:
        if record.kind == "depth":
            replay.depth(record.local_ms, record.data)
        elif record.kind in ("trade", "aggTrade"):
            replay.trade(record.local_ms, record.data)
        elif record.kind == "snapshot":
            replay.snapshot(record.data)
    except DAMAGE as error:
        recording.skip(record, f"{type(error).__name__}: {error}")
