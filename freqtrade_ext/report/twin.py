"""A live bot beside its paper twin: trades of both, matched, and the difference in money, cause by cause."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.report.table import LISTED, UNKNOWN, Table, money

MATCH_SECONDS = 300
"""two trades of one signal are opened within this time"""
CAUSES = ("amount", "price", "timing", "fee", "rest")
NOTE = (
    "What live trades earned less what their paper twins earned. Amount: were the paper trade as large as "
    "the live one. Price: fills further from the rate decided on. Timing: other rates decided on, at other "
    "moments. Fee: what was charged. Rest: coins left behind, funding, rounding. A minus is worse for live."
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A signal's trade of both bots; None where one of them has none."""

    live: TradeRow | None
    paper: TradeRow | None

    @property
    def either(self) -> TradeRow:
        """The live trade, or that of its twin."""
        trade = self.live or self.paper
        if trade is None:
            raise ValueError("a pair without a trade")
        return trade

    @property
    def is_over(self) -> bool:
        return not any(trade.is_open for trade in (self.live, self.paper) if trade)


def match(live: Sequence[TradeRow], paper: Sequence[TradeRow]) -> list[Pair]:
    """Match each live trade with the paper trade of its pair and direction that was opened nearest to it."""
    waiting: defaultdict[tuple[str, bool], list[TradeRow]] = defaultdict(list)
    for trade in paper:
        waiting[trade.pair, trade.is_short].append(trade)
    near = sorted(
        (abs((ours.opened - theirs.opened).total_seconds()), ours.id, theirs.id, ours, theirs)
        for ours in live
        for theirs in waiting[ours.pair, ours.is_short]
    )
    pairs: dict[int, Pair] = {}
    taken: set[int] = set()
    for seconds, live_id, paper_id, ours, theirs in near:
        if seconds <= MATCH_SECONDS and live_id not in pairs and paper_id not in taken:
            pairs[live_id] = Pair(ours, theirs)
            taken.add(paper_id)
    alone = [Pair(trade, None) for trade in live if trade.id not in pairs]
    alone += [Pair(None, trade) for trade in paper if trade.id not in taken]
    return sorted([*pairs.values(), *alone], key=lambda pair: pair.either.opened)


@dataclass(frozen=True, slots=True)
class _Sums:
    """Of one trade's entries or exits."""

    amount: float
    paid: float
    """average rate"""
    decided: float
    """average rate decided on; the one paid where no record tells it"""

    @classmethod
    def of(cls, orders: Sequence[OrderRow]) -> _Sums:
        amount = sum(order.filled for order in orders)
        if not amount:
            return cls(0.0, 0.0, 0.0)
        decided = sum(
            order.filled * (order.record.decision_rate if order.record else order.average) for order in orders
        )
        return cls(amount, sum(order.cost for order in orders) / amount, decided / amount)


def causes(live: TradeRow, paper: TradeRow) -> dict[str, float]:
    """Split what a live trade earned more than its twin, in stake currency; the parts add up to it."""
    sign = -1 if live.is_short else 1
    entry, exit_ = (_Sums.of([o for o in live.fills if o.is_entry is is_entry]) for is_entry in (True, False))
    theirs, left = (
        _Sums.of([o for o in paper.fills if o.is_entry is is_entry]) for is_entry in (True, False)
    )
    scale = entry.amount / theirs.amount if theirs.amount else 1.0
    slippage = exit_.amount * ((exit_.paid - exit_.decided) - (left.paid - left.decided))
    slippage -= entry.amount * ((entry.paid - entry.decided) - (theirs.paid - theirs.decided))
    decided = exit_.amount * (exit_.decided - left.decided) - entry.amount * (entry.decided - theirs.decided)
    fees = [sum(order.fee_value for order in trade.fills) for trade in (live, paper)]
    found = {
        "amount": (scale - 1) * paper.profit_abs,
        "price": sign * slippage,
        "timing": sign * decided,
        "fee": scale * fees[1] - fees[0],
    }
    return found | {"rest": live.profit_abs - paper.profit_abs - sum(found.values())}


def twin_tables(live: Sequence[TradeRow], paper: Sequence[TradeRow], currency: str) -> list[Table]:
    """Return the difference by cause, and trade by trade; only closed trades have one."""
    pairs = match(live, paper)
    over = [pair for pair in pairs if pair.is_over]
    split = {id(pair): causes(pair.live, pair.paper) for pair in over if pair.live and pair.paper}
    totals = {cause: sum(found[cause] for found in split.values()) for cause in CAUSES}
    only_live = [pair.live for pair in over if pair.live and not pair.paper]
    only_paper = [pair.paper for pair in over if pair.paper and not pair.live]
    totals["missed"] = sum(t.profit_abs for t in only_live) - sum(t.profit_abs for t in only_paper)
    rows = [(cause, _count(cause, len(split), only_live, only_paper), totals[cause]) for cause in totals]
    rows.append(("all", f"{len(over)}", sum(totals.values())))
    by_cause = Table(
        title=f"Live less paper, by cause ({currency})",
        note=f"{NOTE} Missed: signals that one of the two did not trade. "
        f"{len(pairs) - len(over)} still open, not counted.",
        head=("Cause", "Trades", "Difference"),
        rows=[(name, count, money(value, currency)) for name, count, value in rows] if over else [],
        bars=[value for *_, value in rows] if over else [],
        tone="profit",
    )
    by_trade = Table(
        title="Trade by trade",
        note=f"The newest {LISTED}. Trades of one signal were opened within {MATCH_SECONDS // 60} minutes.",
        head=(
            "Pair",
            "Opened (UTC)",
            "Live",
            "Paper",
            "Difference",
            *(cause.capitalize() for cause in CAUSES),
        ),
        rows=[_row(pair, split.get(id(pair)), currency) for pair in reversed(over[-LISTED:])],
    )
    return [by_cause, by_trade]


def _count(cause: str, both: int, only_live: Sequence[TradeRow], only_paper: Sequence[TradeRow]) -> str:
    return f"{both}" if cause != "missed" else f"{len(only_live)} live, {len(only_paper)} paper"


def _row(pair: Pair, found: dict[str, float] | None, currency: str) -> tuple[str, ...]:
    earned = [trade.profit_abs if trade else None for trade in (pair.live, pair.paper)]
    known = [UNKNOWN if value is None else money(value, currency) for value in earned]
    parts = [money(found[cause], currency) if found else UNKNOWN for cause in CAUSES]
    difference = money((earned[0] or 0.0) - (earned[1] or 0.0), currency)
    trade = pair.either
    name = f"{trade.pair} {'short' if trade.is_short else 'long'}"
    return (name, f"{trade.opened:%Y-%m-%d %H:%M:%S}", *known, difference, *parts)
