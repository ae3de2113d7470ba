"""What the trades earned, what a naive dry-run would have claimed, and how the plans fared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.settings import MOST_TARGETS
from freqtrade_ext.tags import STOPS, target_tag

TARGETS = {target_tag(number): f"TP{number}" for number in range(1, MOST_TARGETS + 1)}
NOTHING = 1e-12
"""base units: what sums of floats leave"""
PLANNED = (*TARGETS.values(), "stop")
"""the ways out that a plan knows; all others keep the name that freqtrade or the strategy gave them"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EquityPoint:
    """The account after a trade has closed; stake currency."""

    time: datetime
    trade_id: int
    balance: float
    """start + cash in and out so far + coins left behind, at their last rate"""
    claimed: float
    """the same with the profits that a naive dry-run would have shown"""
    drawdown_abs: float
    """below the highest balance so far; 0 at a new high"""
    drawdown_ratio: float
    """of that highest balance; 0 where the start is unknown"""


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """Coins of a pair that fees and lots kept from being sold."""

    amount: float
    """base units"""
    value: float
    """stake currency, at the rate of the pair's newest fill"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Of some closed trades; `_abs` in stake currency."""

    trades: int
    winners: int
    profit_abs: float
    """cash in and out"""
    claimed_abs: float
    mean_ratio: float
    """mean of the trades' profits, each as a ratio of its stake"""

    @property
    def win_ratio(self) -> float:
        return self.winners / self.trades


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitResult:
    """Of all exits for one reason."""

    reason: str
    exits: int
    planned_share: float | None
    """mean of what plans would sell here; ratio of the position"""
    sold_share: float | None
    """mean of what was sold here, over the same trades"""
    level_bps: float | None
    """average rate against the plan's level, positive is worse, weighted by value"""
    profit_abs: float
    """after the fees of the exits and of their part of the entries"""


def claimed_abs(trade: TradeRow) -> float:
    """
    Tell the profit that freqtrade's own dry-run would have shown, in stake currency.

    Its own profit + sum over fills of
    direction * filled * (average - stock_average) * (1 + direction * fee_ratio).
    Fills for which stock freqtrade's answer is not on record count as they are.
    """
    return trade.booked_abs + sum(
        fill.direction
        * fill.filled
        * (fill.average - fill.record.stock_average)
        * (1 + fill.direction * fill.fee_ratio)
        for fill in trade.fills
        if fill.record and fill.record.stock_average
    )


def last_rates(trades: Iterable[TradeRow]) -> dict[str, float]:
    """Return pair -> rate of its newest fill, quote per base."""
    fills = [(fill.time, fill) for trade in trades for fill in trade.fills if fill.time]
    return {fill.pair: fill.average for _, fill in sorted(fills, key=lambda known: known[0])}


def left_behind(closed: Iterable[TradeRow], rates: Mapping[str, float]) -> dict[str, LeftBehind]:
    """
    Sum what closed trades have left of their pairs' coins, where anything is left.

    :param rates: pair -> quote per base.
    """
    sums: defaultdict[str, float] = defaultdict(float)
    for trade in closed:
        sums[trade.pair] += trade.left_amount
    found = {pair: LeftBehind(amount, amount * rates.get(pair, 0.0)) for pair, amount in sorted(sums.items())}
    return {pair: left for pair, left in found.items() if abs(left.amount) > NOTHING}


def result_of(trades: Sequence[TradeRow]) -> Result:
    """:param trades: closed ones, at least one."""
    return Result(
        trades=len(trades),
        winners=sum(trade.profit_abs > 0 for trade in trades),
        profit_abs=sum(trade.profit_abs for trade in trades),
        claimed_abs=sum(map(claimed_abs, trades)),
        mean_ratio=sum(trade.profit_ratio for trade in trades) / len(trades),
    )


def results_by(trades: Iterable[TradeRow], key: Callable[[TradeRow], str]) -> dict[str, Result]:
    groups: defaultdict[str, list[TradeRow]] = defaultdict(list)
    for trade in trades:
        groups[key(trade)].append(trade)
    return {label: result_of(groups[label]) for label in sorted(groups)}


def regime(trade: TradeRow) -> str:
    return trade.regime or "not recorded"


def split(trade: TradeRow) -> str:
    return " / ".join(f"{share:g}" for share in trade.plan.shares) if trade.plan else "no plan"


def equity(
    trades: Iterable[TradeRow], start: float | None, rates: Mapping[str, float] | None = None
) -> list[EquityPoint]:
    """
    Follow the account from close to close.

    :param trades: closed ones.
    :param start: balance before the first; None where unknown, then balances are profits alone.
    :param rates: pair -> quote per base, by which coins left behind are valued; nothing where left out.
    """
    balance = claimed = peak = start or 0.0
    points = []
    for trade in sorted(trades, key=lambda trade: (trade.closed, trade.id)):
        balance += trade.profit_abs + trade.left_amount * (rates or {}).get(trade.pair, 0.0)
        claimed += claimed_abs(trade)
        peak = max(peak, balance)
        points.append(
            EquityPoint(
                time=trade.closed,
                trade_id=trade.id,
                balance=balance,
                claimed=claimed,
                drawdown_abs=peak - balance,
                drawdown_ratio=(peak - balance) / peak if start and peak else 0.0,
            )
        )
    return points


def exit_reason(order: OrderRow) -> str:
    """Name the way out: a target of the plan, its stop, or what the order's tag says."""
    word = order.tag.split()[0].lower() if order.tag.strip() else ""
    if order.is_stop or word in STOPS:
        return "stop"
    return TARGETS.get(word) or order.tag.strip() or "not recorded"


def exits_by_reason(trades: Iterable[TradeRow]) -> list[ExitResult]:
    """
    Compare the ways out with the plans: TP1, TP2 ..., stop, then all others by name.

    Shares are those of closed trades with a plan; counts, levels and profits those of all exits.
    """
    all_trades = list(trades)
    groups: defaultdict[str, list[tuple[TradeRow, OrderRow]]] = defaultdict(list)
    for trade in all_trades:
        for fill in trade.fills:
            if not fill.is_entry:
                groups[exit_reason(fill)].append((trade, fill))
    managed = [trade for trade in all_trades if trade.plan and not trade.is_open]
    most = max((len(trade.plan.shares) for trade in managed if trade.plan), default=0)
    planned = [*PLANNED[:most], PLANNED[-1]]
    names = [*planned, *sorted(set(groups) - set(planned))] if managed else sorted(groups)
    return [_exit_result(name, groups[name], managed) for name in names if managed or groups[name]]


def exit_profit(trade: TradeRow, fill: OrderRow) -> float:
    """
    Return what one exit earned, in stake currency, without funding fees.

    sign * filled * (average * (1 - sign * fee of the exit) - paid per coin), with sign 1 for longs and -1 for
    shorts. The sum over a trade is its cash and what it left behind, by what that cost.
    """
    sign = -1 if trade.is_short else 1
    return sign * fill.filled * (fill.average * (1 - sign * fill.fee_ratio) - paid_per_coin(trade))


def paid_per_coin(trade: TradeRow) -> float:
    """Return what the entries paid, with fees, for each coin that they brought (quote per base)."""
    entries = [fill for fill in trade.fills if fill.is_entry]
    sign, base = -1 if trade.is_short else 1, trade.pair.partition("/")[0]
    coins = sum(fill.filled - fill.fees.get(base, 0.0) for fill in entries)
    paid = sum(fill.cost + sign * (fill.fee_value if base not in fill.fees else 0.0) for fill in entries)
    return paid / coins if coins else trade.open_rate


def level_of(trade: TradeRow, reason: str) -> float | None:
    """Return the rate at which the plan would leave for this reason; the stop is where it stood last."""
    if reason == "stop":
        return trade.stop_rate or (trade.plan.stop_rate if trade.plan else None)
    if trade.plan is None or reason not in PLANNED:
        return None
    rates = trade.plan.target_rates
    number = PLANNED.index(reason)
    return rates[number] if number < len(rates) else None


def sold_share(trade: TradeRow, reason: str) -> float:
    """Return which part of all that has left the position left for this reason."""
    exits = [fill for fill in trade.fills if not fill.is_entry]
    total = sum(fill.filled for fill in exits)
    return sum(fill.filled for fill in exits if exit_reason(fill) == reason) / total if total else 0.0


def _exit_result(
    reason: str, exits: Sequence[tuple[TradeRow, OrderRow]], managed: Sequence[TradeRow]
) -> ExitResult:
    levels = [(fill, level) for trade, fill in exits if (level := level_of(trade, reason))]
    value = sum(fill.filled * level for fill, level in levels)
    missed = sum(fill.direction * fill.filled * (fill.average - level) for fill, level in levels)
    shares = [plan.shares for trade in managed if (plan := trade.plan)]
    is_target = reason in TARGETS.values()
    number = PLANNED.index(reason) if is_target else 0
    planned = sum(sum(of[number : number + 1]) for of in shares) / 100 if is_target else None
    return ExitResult(
        reason=reason,
        exits=len(exits),
        planned_share=planned / len(managed) if planned is not None and managed else None,
        sold_share=sum(sold_share(trade, reason) for trade in managed) / len(managed) if managed else None,
        level_bps=1e4 * missed / value if value else None,
        profit_abs=sum(exit_profit(trade, fill) for trade, fill in exits),
    )
