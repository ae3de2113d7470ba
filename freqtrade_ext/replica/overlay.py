"""The freqtrade configuration that leads ccxt to the embedded exchange, and nowhere else."""

from __future__ import annotations

import re
from typing import Any

from freqtrade_ext.replica.private import API_KEY, API_SECRET

LABEL = "embedded exchange, NOT the real market"
_HOST = re.compile(r"^(http|ws)s?://[^/]+")


def overlay(url: str, *, is_futures: bool = False, is_recorded: bool = False) -> dict[str, Any]:
    """
    What to merge over a freqtrade configuration (`freqtrade trade -c config.json -c overlay.json`).

    Every API url of ccxt is led to loopback, the unused ones too, so that nothing can leave.

    :param url: of the running exchange, e.g. http://127.0.0.1:8790.
    :param is_futures: load the USD-M perpetuals instead of the spot markets.
    :param is_recorded: the market is a recording, not an invented one.
    """
    # a second of work, which only a caller who leads a bot here should wait for
    import ccxt.pro

    api = rehost(ccxt.pro.binance().urls["api"], url)
    kind = "recorded" if is_recorded else "invented"
    # ccxt takes a socket for a spot one by `/stream` in its url
    api["ws"]["spot"] = url.replace("http", "ws", 1) + "/stream/ws"
    return {
        # FreqUI's header has no room for more
        "bot_name": f"embedded ({kind})",
        "exchange": {
            "name": "binance",
            # in place of the user's own, which are none of this exchange's business
            "key": API_KEY,
            "secret": API_SECRET,
            "ccxt_config": {
                # by which log, start message, FreqUI and report call the exchange
                "name": f"{kind}, {LABEL}",
                "options": {
                    "fetchMarkets": {"types": ["linear" if is_futures else "spot"]},
                    "fetchMargins": False,
                    "fetchCurrencies": False,
                },
                "urls": {"api": api},
            },
        },
    }


def rehost(value: Any, url: str) -> Any:
    """Lead every url in ccxt's table to another host."""
    if isinstance(value, dict):
        return {name: rehost(inner, url) for name, inner in value.items()}
    if not isinstance(value, str):
        return value
    host = url.removeprefix("http")
    return _HOST.sub(lambda found: found.group(1) + host, value)
