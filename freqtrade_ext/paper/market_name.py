"""Call an exchange that is not the real one by its name, wherever a person looks."""

from __future__ import annotations

from typing import Any

from freqtrade.persistence import KeyValueStore

MARKET_KEY = "freqtrade_ext market"
"""of freqtrade's key-value table: what the report calls the market; not there for the real one"""


def name_market(config: dict[str, Any]) -> None:
    """
    Show the name that `ccxt_config` gives the exchange, in freqtrade's start message, FreqUI and the report.

    freqtrade 2026.9 reads the name in `config` for nothing else once the bot's exchange is there.
    """
    name = config["exchange"].get("ccxt_config", {}).get("name")
    if name is not None:
        # the exchange shares this section with the bot
        config["exchange"] = {**config["exchange"], "name": name}
        KeyValueStore.store_value(MARKET_KEY, name)
