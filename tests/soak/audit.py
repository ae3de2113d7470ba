"""Recompute a paper account from the database of a bot, on another way than the engine takes."""

import json
import re
import sqlite3
from collections import Counter, defaultdict
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

CENT = Decimal("0.005")
DUST = Decimal("1e-9")
STUCK_SECONDS = 15 * 60
"""an order may be open for 10 minutes (unfilledtimeout) and until the next loop"""


class Books:
    """What is in the database: freqtrade's tables, and the engine's own rows beside them."""

    def __init__(self, path: Path) -> None:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            self.trades = [dict(row) for row in database.execute("select * from trades order by id")]
            self.orders = [dict(row) for row in database.execute("select * from orders order by id")]
            custom = database.execute("select ft_trade_id, cd_key, cd_value from trade_custom_data")
            self.custom: defaultdict[int, dict[str, Any]] = defaultdict(dict)
            for row in custom:
                self.custom[row["ft_trade_id"]][row["cd_key"]] = json.loads(row["cd_value"])
            state = {
                row["key"]: json.loads(row["value"]) for row in database.execute("select * from paper_state")
            }
        self.account = state.get("account", {"moved": {}})
        self.paper = {key[len("order/") :]: value for key, value in state.items() if key[:6] == "order/"}
        self.ledgers = {key: value["ledger"] for key, value in state.items() if key[:5] == "pair/"}

    def moved(self) -> dict[str, Decimal]:
        """What orders and fees moved per asset, from freqtrade's orders and the fees of the fills."""
        moved: defaultdict[str, Decimal] = defaultdict(Decimal)
        for order in self.orders:
            if order["filled"]:
                base, quote = order["ft_pair"].split("/")
                sign = 1 if order["side"] == "buy" else -1
                amount = Decimal(repr(order["filled"]))
                moved[base] += sign * amount
                moved[quote] -= sign * amount * Decimal(repr(order["average"]))
                for currency, fee in self.paper[order["order_id"]]["fees"].items():
                    moved[currency] -= Decimal(repr(fee))
        return dict(moved)


def audit(path: Path, end: str) -> list[str]:
    """
    Name everything that is wrong.

    :param end: virtual time of the end, as the database writes times.
    """
    books = Books(path)
    return [
        *_unbalanced(books),
        *_unguarded(books),
        *_oversold(books),
        *_stuck(books, end),
        *_profits(books),
    ]


def _unbalanced(books: Books) -> list[str]:
    known = {order["order_id"] for order in books.orders}
    strangers = [
        f"the engine filled an order that freqtrade does not know: {order_id}"
        for order_id, order in books.paper.items()
        if order["taker_amount"] + order["maker_amount"] > 0 and order_id not in known
    ]
    if strangers:
        return strangers
    engine = {asset: Decimal(amount) for asset, amount in books.account["moved"].items()}
    orders = books.moved()
    return [
        f"{asset}: the engine moved {engine.get(asset, 0)}, the orders {orders.get(asset, 0)}"
        for asset in {*engine, *orders}
        if abs(engine.get(asset, Decimal(0)) - orders.get(asset, Decimal(0)))
        > (CENT if asset == "USDT" else DUST)
    ]


def _unguarded(books: Books) -> list[str]:
    return [
        f"trade {trade['id']} of {trade['pair']} has no {what}"
        for trade in books.trades
        if entered(books, trade)
        for what, has in (("stop", trade["stop_loss"]), ("plan", books.custom[trade["id"]].get("plan")))
        if not has
    ]


def entered(books: Books, trade: dict[str, Any]) -> bool:
    return any(o["filled"] and o["side"] == "buy" for o in books.orders if o["ft_trade_id"] == trade["id"])


def _held(books: Books, trade: dict[str, Any]) -> Decimal:
    """What orders and fees left of a trade, base units."""
    held = Decimal(0)
    base = trade["pair"].split("/")[0]
    for order in books.orders:
        if order["ft_trade_id"] == trade["id"] and order["filled"]:
            held += (1 if order["side"] == "buy" else -1) * Decimal(repr(order["filled"]))
            held -= Decimal(repr(books.paper[order["order_id"]]["fees"].get(base, 0.0)))
    return held


def _oversold(books: Books) -> list[str]:
    """The trades of a pair sell at most what they bought together, less the fees in the asset received."""
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in books.trades:
        held[trade["pair"]] += _held(books, trade)
    problems = [
        f"{pair}: sold {-amount} more than was bought" for pair, amount in held.items() if amount < -DUST
    ]
    for trade in books.trades:
        left = held[trade["pair"]]
        if trade["is_open"] and left - Decimal(repr(trade["amount"])) < -DUST:
            problems.append(
                f"trade {trade['id']} of {trade['pair']} holds {trade['amount']}, orders say {left}"
            )
    return problems


def _stuck(books: Books, end: str) -> list[str]:
    problems = []
    for order in (o for o in books.orders if o["ft_is_open"]):
        seconds = _seconds(end) - _seconds(order["order_date"])
        if seconds > STUCK_SECONDS:
            problems.append(f"order {order['order_id']} is open since {order['order_date']}")
    open_here = {order["order_id"] for order in books.orders if order["ft_is_open"]}
    open_there = {order_id for order_id, order in books.paper.items() if order["status"] == "open"}
    if open_there - open_here:
        problems.append(f"open for the engine alone: {sorted(open_there - open_here)}")
    return problems


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def _profits(books: Books) -> list[str]:
    """
    Compare freqtrade's profit of each closed trade with the money that moved. It takes what cannot be sold,
    less than a lot, for sold at what it cost with its fee; the rest of a trade that was written off is lost.
    """
    problems = []
    for trade in (trade for trade in books.trades if not trade["is_open"] and entered(books, trade)):
        money = Decimal(0)
        for order in (o for o in books.orders if o["ft_trade_id"] == trade["id"] and o["filled"]):
            sign = 1 if order["side"] == "sell" else -1
            money += sign * Decimal(repr(order["filled"])) * Decimal(repr(order["average"]))
            money -= Decimal(repr(books.paper[order["order_id"]]["fees"].get("USDT", 0.0)))
        rate = Decimal(repr(trade["open_rate"])) * (1 + Decimal(repr(trade["fee_open"])))
        dust, written_off = _held(books, trade) * rate, Decimal(repr(trade["amount"])) * rate
        claimed = Decimal(repr(trade["close_profit_abs"] or 0.0))
        if min(abs(claimed - money - dust), abs(claimed - money - dust + written_off)) > 2 * CENT:
            problems.append(
                f"trade {trade['id']} of {trade['pair']} claims {claimed:.4f}, "
                f"money {money:.4f}, dust {dust:.4f}, {trade['exit_reason']}"
            )
    return problems


STOCK_ERRORS = (
    "Could not load markets",
    "Error during async candle",
    "Unable to create trade",
    "Error during cleanup",
    "Exception in continuously_async_watch_ohlcv",
)
"""told with their tracebacks"""
DATABASE_ERRORS = ("database or disk is full", "database is locked", "transaction has been rolled back")
SAID_LENGTH = 160
"""enough for the reason behind the longest of our callbacks' names"""
LINE = re.compile(r"^\S+ \S+ (- )?(?P<name>\S+) (- )?(?P<level>WARNING|ERROR|CRITICAL) (- )?(?P<text>.*)$")
"""of the log of a bot in virtual time, and of freqtrade's own log file"""


def complaints(log: Path) -> Counter[str]:
    """Count warnings and errors by how what they say begins, numbers and ids left out; tracebacks as such."""
    counted: Counter[str] = Counter()
    for line in log.read_text().splitlines():
        if line.startswith("Traceback"):
            counted["Traceback"] += 1
        elif (found := LINE.match(line)) is not None:
            text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]+|\d[\d.,:]*", "#", found["text"])
            counted[f"{found['level']} {found['name']}: {text[:SAID_LENGTH]}"] += 1
    return counted


def is_bug(complaint: str) -> bool:
    """Tell an error of ours from what stock freqtrade logs, with its traceback, of an exchange that fails."""
    return complaint.startswith(("ERROR", "CRITICAL")) and not is_known(complaint)


def is_known(text: str) -> bool:
    """Tell errors that the troubles make from others."""
    return any(error in text for error in (*STOCK_ERRORS, *DATABASE_ERRORS))
