"""The real orders of a live bot's database on the recordings made beside it: `fidelity --own`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from freqtrade.configuration.load_config import load_from_files
from freqtrade.enums import TradingMode

from freqtrade_ext.fidelity import playing
from freqtrade_ext.fidelity.own import Outcome, OwnOrder
from freqtrade_ext.fidelity.own_figures import figures
from freqtrade_ext.fidelity.own_replay import OwnReplay
from freqtrade_ext.fills.costs import symbol_of
from freqtrade_ext.paper.fee_rates import FeeRates, fee_rates
from freqtrade_ext.report.command import read_config
from freqtrade_ext.report.database import read_trades, url_of
from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.settings import UNMEASURED_MS, Settings
from freqtrade_ext.tape import Recording

USUAL_FEES = FeeRates(0.001, 0.001)


def settings_of(files: Sequence[Path]) -> Settings:
    """
    Read the settings that paper orders are predicted with: of the files, else of config.json.

    :raises OperationalException, SettingsError: a file cannot be read, or a setting is wrong.
    """
    return Settings.from_config(load_from_files([str(file) for file in files]) if files else read_config())


def compare(
    database: str,
    files: Iterable[Path],
    settings: Settings,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """
    Play the orders of a live database on recordings, and return `own_figures.figures`.

    :param database: file or URL.
    :param files: recordings, in the order in which they were made.
    :raises ValueError: the database holds no real order.
    :raises DatabaseError, RecordingError: something cannot be read.
    """
    trades = read_trades(url_of(database))
    latency_ms = UNMEASURED_MS if isinstance(settings.latency_ms, str) else settings.latency_ms
    orders = defaultdict[str, list[OwnOrder]](list)
    stops = 0
    for order in (order for trade in trades for order in own_orders(trade)):
        if order is None:
            stops += 1
        else:
            orders[symbol_of(order.pair)].append(order)
    if not orders:
        raise ValueError(f"{database} holds no real order to compare; those of a paper bot are no truth")
    outcomes = play(files, orders, latency_ms, progress)
    mode = TradingMode.FUTURES if ":" in trades[0].pair else TradingMode.SPOT
    found = figures(outcomes, fee_rates(trades[0].exchange, mode, settings) or USUAL_FEES)
    if stops:
        found["orders"] += stops
        found["left_out"]["stops on the exchange"] = stops
    return found


def play(
    files: Iterable[Path],
    orders: dict[str, list[OwnOrder]],
    latency_ms: tuple[float, float],
    progress: Callable[[int, int], None] | None = None,
) -> list[Outcome]:
    """:param orders: by `symbol_of` their pair."""
    replays = {symbol: OwnReplay(own, latency_ms) for symbol, own in orders.items()}
    playing.play(Recording(files, progress=progress), lambda symbol: replays.get(symbol_of(symbol)))
    for replay in replays.values():
        replay.finish()
    return [outcome for replay in replays.values() for outcome in replay.outcomes]


def own_orders(trade: TradeRow) -> Iterator[OwnOrder | None]:
    """Yield the real orders of a trade; None for a stop on the exchange, whose trigger nobody recorded."""
    for number, row in enumerate(trade.orders):
        if row.is_paper or row.placed is None or row.status in ("rejected", ""):
            continue
        if row.is_stop or row.kind not in ("market", "limit"):
            yield None
            continue
        record = row.record
        is_over = row.status not in ("open", "new")
        # freqtrade notes when a trade was opened right after the answer to its first order (2026.9
        # freqtradebot.py `execute_entry`)
        yield OwnOrder(
            pair=row.pair,
            side=row.side,
            amount=row.requested,
            limit=row.limit if row.kind == "limit" else None,
            arrival_ms=round(_ms(row.placed)),
            decision_ms=record.decision_ms if record else None,
            answer_ms=_ms(trade.opened) if number == 0 else None,
            end_ms=_end_ms(row) if is_over else None,
            is_done=row.status == "closed",
            filled_ms=_ms(row.filled_at) if row.filled_at else None,
            filled=row.filled,
            average=row.average,
            fee_ratio=row.fee_ratio,
            fee_currency=row.fee_currency,
        )


def _end_ms(row: OrderRow) -> float | None:
    ended = row.filled_at if row.status == "closed" else row.updated
    return None if ended is None else _ms(ended)


def _ms(time: datetime) -> float:
    return time.timestamp() * 1000
