"""A bot that serves freqtrade's API, with its database where the test wants it."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from sqlalchemy import create_engine, inspect, text

from tests.bot_process import ROOT, Bot, Forked, Market

WS_TOKEN = "a-token-of-this-test-only"


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


class ServedBot(Bot):
    """
    Enters at once, and is asked over its API as FreqUI asks.

    :param db_url: its database; SQLite in the bot's folder where there is none.
    :param overlays: further configuration files.
    :param environment: configuration by FREQTRADE__... variables.
    :param origins: pages that may ask it, beside its own.
    :param is_live: its orders go to the embedded exchange's signed endpoints.
    """

    def __init__(
        self,
        folder: Path,
        market: Market,
        strategy: str = "AlwaysEnter",
        *,
        db_url: str | None = None,
        pairs: Sequence[str] = ("BTC/USDT",),
        overlays: Sequence[Path] = (),
        environment: Mapping[str, str] | None = None,
        origins: Sequence[str] = (),
        is_live: bool = False,
        **changes: Any,
    ) -> None:
        self.port = free_port()
        self.db_url = db_url or f"sqlite:///{folder}/bot.sqlite"
        self.overlays = overlays
        self.mode = [] if is_live else ["--dry-run"]
        self.environment = environment or {}
        config = json.loads((ROOT / "config.json").read_text())
        defaults = {
            "exchange": config["exchange"] | {"pair_whitelist": list(pairs)},
            "strategy_path": str(ROOT / "tests" / "strategies"),
            "api_server": {
                "enabled": True,
                "listen_ip_address": "127.0.0.1",
                "listen_port": self.port,
                "username": "tester",
                "password": "secret",
                "jwt_secret_key": "of this test only " * 2,
                "ws_token": WS_TOKEN,
                "CORS_origins": list(origins),
                "verbosity": "error",
            },
        }
        super().__init__(folder, market, strategy, **defaults | changes)

    def start(self) -> None:
        command = ["trade", *self.mode, "--db-url", self.db_url, "--logfile", "bot.log"]
        for config in ("config.json", "overlay.json", *self.overlays):
            command += ["--config", config]
        self.process = Forked(self.folder, "freqtrade", *command, **self.environment)

    def rows(self, query: str, **values: object) -> list[dict[str, Any]]:
        """Read the bot's database, of either kind; nothing while its tables are not there yet."""
        engine = create_engine(self.db_url)
        try:
            with engine.connect() as connection:
                tables = inspect(connection).get_table_names()
                if not {"trades", "orders", "trade_custom_data"} <= set(tables):
                    return []
                return [dict(row) for row in connection.execute(text(query), values).mappings()]
        finally:
            engine.dispose()

    def plans(self) -> dict[str, dict[str, Any]]:
        """Tell the plan of each pair's trade."""
        rows = self.rows(
            "select trades.pair, cd_value from trades join trade_custom_data on ft_trade_id = trades.id "
            "where cd_key = 'plan'"
        )
        return {row["pair"]: json.loads(row["cd_value"]) for row in rows}

    def state(self) -> dict[str, Any]:
        """Tell what the paper exchange keeps."""
        return {row["key"]: json.loads(row["value"]) for row in self.rows("select * from paper_state")}

    def get(self, path: str, **parameters: object) -> Any:
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self._ask(path + query)

    def post(self, path: str, **body: object) -> Any:
        return self._ask(path, json.dumps(body).encode())

    def _ask(self, path: str, body: bytes | None = None) -> Any:
        request = Request(f"http://127.0.0.1:{self.port}/api/v1/{path}", body)
        request.add_header("Authorization", "Basic " + base64.b64encode(b"tester:secret").decode())
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=30) as answer:
            return json.load(answer)


def exits(bot: Bot, market: Market, pair: str, rates: Sequence[float]) -> list[dict[str, Any]]:
    """Let the best bid be at each rate in turn, thin at the top, and wait for the exit that it leads to."""
    found = sales(bot, pair)
    for count, rate in enumerate(rates, len(found) + 1):
        tick = round(rate / 100_000, 2)
        bids = [(round(rate + 2 * tick, 2), 0.0002), (round(rate + tick, 2), 500.0)]
        market.freeze(pair.replace("/", ""), bids, [(round(rate + 30 * tick, 2), 500.0)])
        bot.wait(lambda count=count: len(sales(bot, pair)) == count, f"exit {count} of {pair}")
    return sales(bot, pair)


def sales(bot: Bot, pair: str) -> list[dict[str, Any]]:
    return [o for o in bot.orders() if o["ft_pair"] == pair and o["ft_order_side"] == "sell"]
