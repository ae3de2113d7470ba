"""How the plans fared: what left the positions at which target or stop, at what rate, and what it earned."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from freqtrade_ext.checks import MOST_TARGETS
from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.tags import STOPS, target_tag

TARGETS = {target_tag(number): f"TP{number}" for number in range(1, MOST_TARGETS + 1)}
PLANNED = (*TARGETS.values(), "stop")
"""the ways out that a plan knows; all others keep the name that freqtrade or the strategy gave them"""


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


def exit_reason(order: OrderRow) -> str:
    """Return the reason of an exit: a target of the plan, its stop, or what the order's tag says."""
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
