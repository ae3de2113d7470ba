"""Read freqtrade's database, and write nothing to it."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from freqtrade import __version__ as freqtrade_version
from freqtrade.persistence import Order, Trade
from freqtrade.persistence.custom_data import _CustomData
from freqtrade.persistence.key_value_store import _KeyValueStoreModel
from sqlalchemy import (
    Connection,
    DateTime,
    Engine,
    column,
    create_engine,
    func,
    inspect,
    make_url,
    select,
    table,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from freqtrade_ext.fills.orders import PaperOrder
from freqtrade_ext.paper.market_name import MARKET_KEY
from freqtrade_ext.paper.store import PaperState
from freqtrade_ext.report.reading import Row, text, trade_row, utc
from freqtrade_ext.report.rows import TradeRow

T = TypeVar("T")

TRADE_COLUMNS = (
    "id exchange pair is_short is_open open_date close_date open_rate stop_loss min_rate max_rate "
    "stake_amount max_stake_amount stake_currency realized_profit close_profit close_profit_abs fee_open "
    "fee_close fee_open_currency fee_close_currency exit_reason funding_fee_running"
)
ORDER_COLUMNS = (
    "ft_trade_id ft_order_side ft_pair ft_amount ft_price ft_order_tag order_id status amount filled average "
    "price stop_price order_type order_date order_filled_date order_update_date funding_fee"
)


class DatabaseError(RuntimeError):
    """The database cannot be read; the message names it, without its password, and says why."""


@dataclass(frozen=True, slots=True)
class About:
    """What a database contains about its bot besides trades."""

    market: str = ""
    """name of a market that is not the real one; empty for that"""
    until: datetime | None = None
    """UTC, when the bot last kept its balance"""


def url_of(database: str) -> str:
    """Return a database's URL; a file is one of SQLite."""
    return database if "://" in database else f"sqlite:///{database}"


def read_trades(db_url: str) -> list[TradeRow]:
    """
    Read all trades with their orders, plans and fill records, oldest first.

    :param db_url: as freqtrade takes it.
    :raises DatabaseError: there is none, it does not answer, or it is not freqtrade's.
    """
    return _read(db_url, _trades)


def read_about(db_url: str) -> About:
    """Read what is known of the bot; raises as `read_trades` does."""
    return _read(db_url, _about)


def _read(db_url: str, reading: Callable[[Connection, str], T]) -> T:
    try:
        name = str(make_url(db_url))
    except ArgumentError as error:
        raise DatabaseError(
            f"{db_url!r} is no database URL, e.g. sqlite:///tradesv3.dryrun.sqlite"
        ) from error
    try:
        engine = _engine(db_url)
        try:
            with engine.connect() as connection:
                if connection.dialect.name == "sqlite":
                    connection.exec_driver_sql("begin")  # sqlite3 itself begins only to write
                return reading(connection, name)
        finally:
            engine.dispose()
    except ModuleNotFoundError as error:
        raise DatabaseError(f"{name} needs a driver: pip install {error.name}") from error
    except NoSuchModuleError as error:
        raise DatabaseError(f"{name}: there is no such kind of database") from error
    except DBAPIError as error:
        why = str(error.orig).strip().splitlines()[0]
        raise DatabaseError(f"{name} cannot be read with freqtrade {freqtrade_version}: {why}") from error
    except (SQLAlchemyError, ValueError) as error:
        raise DatabaseError(f"{name} cannot be read: {error}") from error


def _engine(db_url: str) -> Engine:
    """:raises DatabaseError: the file of an SQLite database is not there."""
    url = make_url(db_url)
    if url.get_backend_name() != "sqlite":
        # one snapshot, whatever the bot writes meanwhile; no other database knows the second option
        return create_engine(url).execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
    path = Path(url.database or "")
    if not path.is_file():
        raise DatabaseError(f"there is no database {url}: start the bot first, or name another with --db-url")
    # SQLite alone would make a missing file, and its plain mode could write
    return create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    )


def _trades(connection: Connection, name: str) -> list[TradeRow]:
    tables = set(inspect(connection).get_table_names())
    if not tables:
        return []
    if not {"trades", "orders"} <= tables:
        raise DatabaseError(f"{name} is not a database of freqtrade: it has no tables trades and orders")
    orders: defaultdict[int, list[Row]] = defaultdict(list)
    for row in _rows(connection, Order.__table__, ORDER_COLUMNS):
        orders[row["ft_trade_id"]].append(row)
    custom: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    if "trade_custom_data" in tables:
        for row in _rows(connection, _CustomData.__table__, "ft_trade_id cd_key cd_value"):
            custom[row["ft_trade_id"]][row["cd_key"]] = _json(row["cd_value"])
    records = _records(connection) if "paper_state" in tables else {}
    trades = _rows(connection, Trade.__table__, TRADE_COLUMNS)
    return [trade_row(trade, orders[trade["id"]], custom[trade["id"]], records) for trade in trades]


def _about(connection: Connection, name: str) -> About:
    tables = set(inspect(connection).get_table_names())
    market, until = "", None
    if "KeyValueStore" in tables:
        rows = _rows(connection, _KeyValueStoreModel.__table__, "key string_value")
        market = next((text(row["string_value"]) for row in rows if row["key"] == MARKET_KEY), "")
    if "wallet_history" in tables:
        # freqtrade has the table since 2026.5, and no class for it before
        latest = func.max(column("timestamp", DateTime))
        until = utc(connection.scalar(select(latest).select_from(table("wallet_history"))))
    return About(market, until)


def _records(connection: Connection) -> dict[str, Any]:
    """Return order id -> record of the paper engine's own rows."""
    records = {}
    for row in _rows(connection, PaperState.__table__, "key value"):
        kind, _, order_id = row["key"].partition("/")
        if kind == "order":
            try:
                records[order_id] = PaperOrder.from_json(_json(row["value"])).record().to_json()
            except (TypeError, KeyError, ValueError, AttributeError, ZeroDivisionError):
                continue  # of another version: the trade's custom data has to do
    return records


def _rows(connection: Connection, table: Any, columns: str) -> list[Row]:
    order = next(iter(table.primary_key.columns))
    query = select(*(table.c[column] for column in columns.split())).order_by(order)
    return [dict(row) for row in connection.execute(query).mappings()]


def _json(stored: str | None) -> Any:
    """Decode a stored value; None where it is not JSON."""
    try:
        return json.loads(stored or "")
    except (ValueError, RecursionError):
        return None
