"""The report's first lines: did it earn, how sure is that, and the numbers in its tiles."""

from __future__ import annotations

from collections.abc import Iterator

from freqtrade_ext.report.figures import Report
from freqtrade_ext.report.performance import FEW, Performance, holding_ratio, likely_range, performance
from freqtrade_ext.report.table import bps, money, percent
from freqtrade_ext.text import digits


def answer(report: Report) -> tuple[str, str, str]:
    """Return whether it earned, what it earned, and what a naive dry-run would say."""
    result = report.result
    if result is None:
        return "", "No trade has closed yet." if report.open else "No trades yet.", ""
    earned, claimed = (_gain(report, value) for value in (result.profit_abs, result.claimed_abs))
    naive = "What a naive dry-run would have claimed is not on record."
    if report.has_claims:
        naive = f"A naive dry-run would have claimed {claimed}."
    return "Yes" if result.profit_abs > 0 else "No", f"{earned} after costs", naive


def _gain(report: Report, value: float) -> str:
    """Return a gain in money and, where the start is known, in percent of that."""
    gained = f"{money(value, report.currency)} {report.currency}"
    return gained if report.start is None else f"{gained} ({percent(value / report.start, 2, '+')})"


def surely(report: Report) -> Iterator[str]:
    """Return when it was, how sure it is, and what merely holding had brought."""
    closed = report.closed
    if not closed:
        return
    days = sorted({f"{trade:%Y-%m-%d}" for trade in (closed[0].opened, closed[-1].closed)})
    trades = "1 trade" if len(closed) == 1 else f"{len(closed)} trades"
    likely = likely_range(closed)
    chance = f"too few to tell skill from luck: below {FEW}, chance decides"
    if likely is not None:
        low, high = (f"{money(value, report.currency)} {report.currency}" for value in likely)
        chance = f"as many trades like these would bring between {low} and {high}, 9 times of 10"
    yield f"{trades} from {' to '.join(days)}: {chance}."
    holding = holding_ratio([*closed, *report.open])
    if holding is not None:
        yield f"Holding the same coins instead, from the first to the last fill: {percent(holding, 2, '+')}."


def tiles(report: Report) -> Iterator[tuple[str, str, str]]:
    """Return the headline numbers: (name, value, detail)."""
    result, cost, currency = report.result, report.cost, report.currency
    if result is not None:
        if report.start is not None:
            detail = f"from {money(report.start, currency, '-')} at the start"
            yield "Balance", f"{money(report.start + result.profit_abs, currency, '-')} {currency}", detail
        if report.left:
            coins = ", ".join(
                f"{digits(left.amount)} {pair.split('/')[0]}" for pair, left in report.left.items()
            )
            value = f"{money(report.left_abs, currency)} {currency}"
            yield "Left behind", value, f"not in the balance: {coins}, which no lot sells yet"
        deepest, ratio = report.drawdown
        detail = "" if report.start is None else percent(-ratio, 2)
        yield "Deepest drawdown", f"{money(-deepest, currency, '-')} {currency}", detail
        yield (
            "Trades won",
            f"{result.winners} of {result.trades}",
            f"mean {percent(result.mean_ratio, 2, '+')}",
        )
        yield from _quality(performance(report.closed), currency)
    if cost is not None:
        detail = f"slippage {bps(-cost.slippage_bps)}, fees {bps(-cost.fees_bps)}"
        if cost.half_spread is not None:
            detail = f"half spread {bps(-1e4 * cost.half_spread / cost.decided)}, {detail}"
        value = money(-cost.shortfall_bps / 100, currency)
        yield (
            "Cost of trading",
            f"{value} {currency}",
            f"per 100 traded, {bps(-cost.shortfall_bps)}: {detail}",
        )
    if report.fee is not None:
        yield "Fee for backtests", f"{report.fee:.6f}", "per side, as --fee"


def _quality(of: Performance, currency: str) -> Iterator[tuple[str, str, str]]:
    factor = "-" if of.profit_factor is None else f"{of.profit_factor:.2f}"
    yield "Profit factor", factor, "won per 1 lost" if of.profit_factor is not None else "nothing lost yet"
    yield "A trade brings", f"{money(of.expectancy, currency)} {currency}", "on average"
    best, worst = (money(trade.profit_abs, currency) for trade in (of.best, of.worst))
    yield (
        "Best and worst",
        f"{best} / {worst}",
        f"#{of.best.id} {of.best.pair}, #{of.worst.id} {of.worst.pair}",
    )
    yield "Longest losing run", f"{of.losing_run}", "trades"
    hours = of.mean_time.total_seconds() / 3600
    detail = f"open {percent(of.time_share, 0)} of the time"
    yield "Time in a trade", f"{hours:.1f} h" if hours >= 1 else f"{60 * hours:.0f} min", detail
