"""Keep freqtrade's log readable: what it would say in every loop it says once a minute, with how often."""

from __future__ import annotations

import logging

LOGGERS = tuple(
    f"freqtrade.{name}"
    for name in ("freqtradebot", "exchange.exchange", "exchange.common", "strategy.interface")
)
SECONDS = 60
DETAILS = "Orderbook:"
"""what follows in a message of freqtrade's differs each time"""


class Repeats(logging.Filter):
    """
    Allows a warning or error only where the same has not been logged for a minute.

    An empty order book of an open trade is two warnings a loop (2026.9 freqtradebot.py `exit_positions`,
    `process_open_trade_positions`), which no callback of a strategy can prevent.
    """

    def __init__(self) -> None:
        super().__init__()
        # text -> when it was said last, in seconds since 1970, and how often it was held back since
        self._said: dict[str, tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return True
        message = record.getMessage()
        text, now = message.partition(DETAILS)[0], record.created
        said, repeats = self._said.get(text, (now - SECONDS, 0))
        if now - said < SECONDS:
            self._said[text] = (said, repeats + 1)
            return False
        self._said = {old: known for old, known in self._said.items() if now - known[0] < 2 * SECONDS}
        self._said[text] = (now, 0)
        if repeats:
            record.msg, record.args = f"{message} (and {repeats} times since it was said last)", ()
        return True


def quieten() -> None:
    """Put the filter on freqtrade's loggers, once however often a bot is started in the process."""
    for name in LOGGERS:
        log = logging.getLogger(name)
        if not any(isinstance(known, Repeats) for known in log.filters):
            log.addFilter(Repeats())
