"""Which market a bot gets: the configured exchange where it answers, or the embedded one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ccxt

from freqtrade_ext.run.beside import StartError

EMBEDDED = "binance"
"""the exchange that the embedded one stands in for"""
PROBE_TIMEOUT_MS = 4000


def choose_market(wanted: str, exchange: Mapping[str, Any]) -> tuple[str, str]:
    """
    Decide where the bot trades.

    :param wanted: `auto`, `embedded` or the name of the configured exchange.
    :param exchange: the `exchange` section of the whole configuration, overlays included.
    :return: `embedded` or the exchange's name, and the reason in words.
    :raises StartError: the exchange is demanded and does not answer, or is not the configured one; or the
        embedded exchange, which is a Binance, is left for another one's configuration.
    """
    name = exchange["name"]
    if wanted not in ("auto", "embedded", name):
        raise StartError(f"--market must be auto, embedded or {name} (the exchange configured), is {wanted}")
    if wanted == "embedded":
        if name != EMBEDDED:
            raise StartError(f"the embedded exchange stands in for {EMBEDDED}, the configuration says {name}")
        return "embedded", "asked for; not the real market"
    # freqtrade itself would fail in market loading after 3 s and then hang until killed (2026.9)
    failure = probe(exchange)
    if failure is None:
        return name, "its public API answers"
    if wanted == name or name != EMBEDDED:
        hint = "; --market embedded (make trade MARKET=embedded) runs without it" if name == EMBEDDED else ""
        raise StartError(f"{name} does not answer ({failure}){hint}")
    return "embedded", f"{name} does not answer: {failure}; not the real market"


def probe(exchange: Mapping[str, Any]) -> str | None:
    """
    Ask the exchange for its time, without keys.

    :return: None if it answers, otherwise what went wrong, in one short line.
    :raises StartError: ccxt does not know the exchange.
    """
    client = getattr(ccxt, exchange["name"], None)
    if client is None:
        raise StartError(f"ccxt knows no exchange named {exchange['name']}")
    try:
        time_ms = client({**exchange.get("ccxt_config", {}), "timeout": PROBE_TIMEOUT_MS}).fetch_time()
    except ccxt.BaseError as error:
        return type(error).__name__
    # a login page of a hotel answers everything with status 200
    return "no time in the answer" if time_ms is None else None
