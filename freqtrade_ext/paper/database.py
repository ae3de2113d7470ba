"""One account, one database: what keeps trades of other exchanges, modes and of real money out of it."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from freqtrade.exceptions import OperationalException
from freqtrade.exchange import Exchange
from freqtrade.persistence import Trade
from sqlalchemy import Engine, event

from freqtrade_ext.paper.stock import config_of

logger = logging.getLogger(__name__)

DEFAULTS = ("tradesv3.dryrun.sqlite", "tradesv3.sqlite")
"""freqtrade's own databases, on paper and with real money"""
WAIT = "pragma busy_timeout = 60000"
"""in ms"""
_OPEN = "select count(*) from trades where is_open and exchange = ? and upper(trading_mode) = ?"


def check_database(exchange: Exchange) -> None:
    """
    Refuse a database whose open trades are not this bot's, and point at one that has some of this bot's.

    :raises OperationalException: naming both exchanges, or modes, and what to do.
    """
    is_paper = bool(config_of(exchange)["dry_run"])
    own = _name(exchange.id, exchange.trading_mode.value, is_paper)
    for trade in Trade.get_open_trades():
        mode = trade.trading_mode.value if trade.trading_mode else "spot"
        orders = [order.order_id for order in trade.orders]
        was_paper = all(order_id.startswith("dry_run") for order_id in orders) if orders else is_paper
        other = _name(trade.exchange, mode, was_paper)
        if other != own:
            raise OperationalException(
                f"The database holds an open trade of {other}: {trade.pair} (#{trade.id}), and this bot "
                f"trades {own}. Give it a database of its own (`db_url` in the configuration, or --db-url), "
                f"or end that trade with the configuration it was opened with."
            )
    engine = Trade.session.get_bind()
    used = Path(engine.url.database or "").name if isinstance(engine, Engine) else ""
    default = DEFAULTS[0 if is_paper else 1]
    if used != default and (count := _open_trades(Path(default), exchange)):
        logger.warning(
            "%s holds %s open trade(s) of %s, which this bot does not see: its database is %s. "
            "`--db-url sqlite:///%s` goes on with them.",
            default,
            count,
            own,
            used or "another one",
            default,
        )


def wait_for_locks() -> None:
    """
    Wait a minute where another program locks the database.

    SQLite's own five seconds end stock freqtrade (2026.9 persistence/models.py `init_db`), with trades open.
    """
    engine = Trade.session.get_bind()
    if isinstance(engine, Engine) and engine.dialect.name == "sqlite":
        # a checkout, as there are connections already
        event.listen(engine, "checkout", lambda connection, *_: connection.execute(WAIT))


def _name(exchange: str, mode: str, is_paper: bool) -> str:
    return f"{exchange} {mode}, {'paper' if is_paper else 'real money'}"


def _open_trades(path: Path, exchange: Exchange) -> int:
    """Count this exchange's open trades in another database; 0 where that cannot be read."""
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as database:
            row = database.execute(_OPEN, (exchange.id, exchange.trading_mode.value.upper())).fetchone()
    except sqlite3.Error:
        return 0
    return int(row[0])
