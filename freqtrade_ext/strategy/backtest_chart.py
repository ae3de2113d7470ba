"""
Draw the trades of the newest backtest into the chart of `freqtrade webserver`.

freqtrade keeps no custom data with a backtest's result, but the tags of its orders: an entry's has the plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from freqtrade.data.btanalysis import load_backtest_data
from freqtrade.exceptions import OperationalException

from freqtrade_ext.plan.plan import Plan, PlanError
from freqtrade_ext.plan.position import Fill, Position
from freqtrade_ext.plan.progress import progress_of
from freqtrade_ext.strategy.chart import Drawing
from freqtrade_ext.tags import stage_of, tag_of
from freqtrade_ext.text import rate_text

MOST = 300
"""trades drawn of a pair, the newest"""
_STOP = re.compile(r"\| stop ([\d,.]+): ")
_TARGET = re.compile(r"([\d.]+) % at ([\d,.]+)")


def plan_text(plan: Plan) -> str:
    """Return what `plan_in` reads from an entry's tag: `stop 103,665.06: 25 % at 106,976.05, ...`."""
    targets = zip(plan.shares, plan.target_rates, strict=True)
    chunks = ", ".join(f"{share:g} % at {rate_text(rate)}" for share, rate in targets)
    return f"stop {rate_text(plan.stop_rate)}: {chunks}"


def plan_in(tag: str, entry_rate: float, *, is_short: bool) -> Plan | None:
    """Return the plan written in an entry's tag; None without one."""
    stop, chunks = _STOP.search(tag), _TARGET.findall(tag)
    if stop is None or not chunks:
        return None
    stop_rate = _rate(stop[1])
    rates = [_rate(rate) for _, rate in chunks]
    told = {
        "is_short": is_short,
        "entry_rate": entry_rate,
        "stop_rate": stop_rate,
        "target_rates": rates,
        "shares": [share for share, _ in chunks],
        "stop_percent": 100 * abs(stop_rate / entry_rate - 1),
        "target_percents": [round(100 * abs(rate / entry_rate - 1), 2) for rate in rates],
        "reasons": ["", "", ""],
    }
    try:
        return Plan.from_json(told)
    except PlanError:
        return None


def backtest_drawings(config: Mapping[str, Any], strategy: str, pair: str) -> Iterator[Drawing]:
    """
    Return the pair's trades in the newest backtest result, as far as they have plans.

    :param config: freqtrade's, which says where results are.
    :param strategy: name of the class.
    """
    try:
        found = load_backtest_data(Path(config["user_data_dir"]) / "backtest_results", strategy)
    except (ValueError, OSError, OperationalException):
        return
    trades = [row for row in found.to_dict("records") if row["pair"] == pair]
    for row in trades[-MOST:]:
        orders, is_short = row["orders"], bool(row["is_short"])
        plan = plan_in(orders[0]["ft_order_tag"] or "", orders[0]["safe_price"], is_short=is_short)
        if plan is not None:
            yield Drawing(
                plan=plan,
                progress=progress_of(plan, _position(orders, is_short)),
                stop_rate=row["stop_loss_abs"],
                opened=row["open_date"].to_pydatetime(),
                closed=row["close_date"].to_pydatetime(),
            )


def _position(orders: list[dict[str, Any]], is_short: bool) -> Position:
    fills = tuple(
        Fill(
            order["ft_is_entry"],
            order["amount"],
            order["safe_price"],
            0 if order["ft_is_entry"] else stage_of(tag_of(order["ft_order_tag"])),
        )
        for order in orders
    )
    return Position(is_short=is_short, held=0.0, fills=fills, stage_asked=0, stop_rate=0.0, lot=0.0)


def _rate(text: str) -> float:
    return float(text.rstrip(",.").replace(",", ""))
