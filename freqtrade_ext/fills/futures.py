"""What an exchange does to futures positions by itself: funding, and liquidation by the mark price."""

from __future__ import annotations

import logging
from uuid import uuid4

from freqtrade_ext.fills.account import Account, currencies
from freqtrade_ext.fills.book import BuySell, walk
from freqtrade_ext.fills.fees import Fee
from freqtrade_ext.fills.holdings import Holdings
from freqtrade_ext.fills.margin import MarginRules, MarkLook
from freqtrade_ext.fills.market import MarketAccess
from freqtrade_ext.fills.orders import LIQUIDATION, OrderRequest, PaperOrder

logger = logging.getLogger(__name__)

HOUR_MS = 3_600_000
"""every venue's funding times are whole hours"""
RATES_KNOWN_MS = 60_000
"""after a funding time its rate is surely published"""
LOOK_EVERY_MS = 5_000

Marks = tuple[float, float, float]
"""lowest, highest and last mark price since the last look"""


class Futures:
    """The positions of one paper account."""

    def __init__(self, market: MarketAccess, account: Account, holdings: Holdings) -> None:
        self._market, self._account, self._holdings = market, account, holdings
        self._looked_ms: dict[str, int] = {}

    def pairs(self) -> list[str]:
        """All with a position, or with funding still to settle."""
        return list(dict.fromkeys([*self._account.positions, *self._account.funding.pairs]))

    def held(self) -> list[str]:
        """All with a position."""
        return list(self._account.positions)

    def refusal(self, request: OrderRequest, rate: float) -> str | None:
        """Return why the exchange allows no position of that size at that leverage; None where it does."""
        if not self._account.is_futures or request.reduce_only:
            return None
        held, _ = self._account.positions.get(request.pair, (0, 0))
        amount = abs(float(held) + (request.amount if request.side == "buy" else -request.amount))
        return self._rules(request.pair).refusal(amount, rate, request.leverage)

    def settle(self, pair: str, *, at_once: bool = False) -> None:
        """
        Pay and receive the funding that has become due.

        :param at_once: ask for the rate of an hour that began just now as well; it may not be known yet.
        """
        since_ms = self._account.funding.since_ms(pair)
        if since_ms is None and pair in self._account.positions:
            # opened before fundings were kept
            since_ms = self._holdings.last_fill_ms(pair)
            self._account.funding.begin(pair, since_ms)
        now_ms = self._market.now_ms()
        hour_ms = now_ms // HOUR_MS * HOUR_MS
        is_known = now_ms - hour_ms >= RATES_KNOWN_MS
        if not (is_known or at_once):
            hour_ms -= HOUR_MS
        if since_ms is None or hour_ms <= since_ms:
            return
        rates = [rate for rate in self._market.fundings(pair, since_ms) if since_ms < rate.time_ms <= now_ms]
        until_ms = (
            hour_ms if is_known or not at_once else max([hour_ms - HOUR_MS, *(r.time_ms for r in rates)])
        )
        received = self._account.fund(pair, rates, until_ms)
        self._holdings.save()
        if rates:
            logger.info("%s: funding %+.8g %s", pair, received, currencies(pair)[1])

    def received(self, pair: str, after_ms: int, until_ms: float) -> float:
        """Return the funding of a pair's position in a time, quote units, negative where paid."""
        return self._account.funding.received(pair, after_ms, until_ms)

    def look(self, pair: str) -> Marks | None:
        """Return how far the mark price went since the last look; None where it is not time to look again."""
        now_ms = self._market.now_ms()
        if now_ms - self._looked_ms.get(pair, 0) < LOOK_EVERY_MS:
            return None
        self._looked_ms[pair] = now_ms
        look = self._holdings.looks.setdefault(pair, MarkLook())
        before = look.candle
        marks = look.since(self._market.marks(pair, before.time_ms if before else now_ms))
        if before is None or look.candle is None or look.candle.time_ms != before.time_ms:
            self._holdings.save()
        return marks

    def is_beyond(self, pair: str, marks: Marks) -> bool:
        """Return whether the margin left at the worst of these mark prices is what must be kept, or less."""
        amount, _ = self._account.positions[pair]
        worst = marks[0] if amount > 0 else marks[1]
        if not self._account.is_cross:
            return self._left(pair, worst) <= self._kept(pair, worst)
        quote = currencies(pair)[1]
        held = [other for other in self._account.positions if currencies(other)[1] == quote]
        rates = {other: worst if other == pair else self._last_mark(other) for other in held}
        profit = sum(self._account.profit(other, rates[other]) for other in held)
        return self._account.total(quote) + profit <= sum(self._kept(other, rates[other]) for other in held)

    def _left(self, pair: str, mark: float) -> float:
        return self._account.margin(pair) + self._account.profit(pair, mark)

    def _kept(self, pair: str, mark: float) -> float:
        amount, cost = (float(part) for part in self._account.positions[pair])
        rules = self._rules(pair)
        return rules.maintenance(abs(amount), cost / amount if rules.is_of_entry else mark)

    def _rules(self, pair: str) -> MarginRules:
        return self._market.rules(pair).margin

    def _last_mark(self, pair: str) -> float:
        look = self._holdings.looks.get(pair)
        amount, cost = self._account.positions[pair]
        return look.candle.close if look and look.candle else abs(float(cost) / float(amount))

    def liquidate(self, pair: str, marks: Marks) -> PaperOrder:
        """
        Close a position as the exchange does: the margin is lost, but for what the book leaves of it.

        The order states the rate at which, after the usual fee, as much is left: freqtrade knows one fee for
        all exits of a trade.
        """
        for open_order in self._holdings.open_orders(pair):
            open_order.end("canceled", "the position was liquidated")
            self._holdings.save(open_order)
        held, entry_cost = (float(part) for part in self._account.positions[pair])
        quote, sign = currencies(pair)[1], 1 if held > 0 else -1
        # with cross margin other positions' margin is at stake, too
        stake = max(self._account.total(quote), 0.0) if self._account.is_cross else self._account.margin(pair)
        left = self._left_of(pair, stake, marks)
        taker = self._market.rules(pair).taker
        cost = (entry_cost - stake + left) / (sign - taker)
        order = self._order(pair, "sell" if held > 0 else "buy", abs(held), marks[2])
        order.levels, order.worst = 1, cost / abs(held)
        fee = Fee(quote, cost * taker, cost * taker)
        self._holdings.fill(order, abs(held), cost, order.arrival_ms, None, maker=False, fee=fee)
        self._holdings.save(order)
        logger.warning(
            "%s: liquidated at the mark price %.8g, %.8g of %.8g %s at stake are left",
            pair,
            marks[0] if held > 0 else marks[1],
            left,
            stake,
            quote,
        )
        return order

    def _left_of(self, pair: str, stake: float, marks: Marks) -> float:
        """
        Return what a liquidation leaves of what is at stake, quote units.

        The book takes what it can down to the bankruptcy rate, where all is lost; the exchange takes the
        rest at that rate. Its fee is paid from what is left. Where the mark price has come back since,
        nothing is gained by that.
        """
        rules = self._rules(pair)
        if not rules.sells_to_book:
            return 0.0
        held, entry_cost = (float(part) for part in self._account.positions[pair])
        side: BuySell = "sell" if held > 0 else "buy"
        bankrupt = max((entry_cost - stake) / held, 0.0)
        worst = max(marks[0], bankrupt) if held > 0 else min(marks[1], bankrupt)
        book = self._market.book(pair, self._market.depths[-1])
        levels = self._holdings.ledger(pair).untaken(side, book.taken_by(side))
        taken = walk(levels, abs(held), side, bankrupt).no_better_than(worst, side)
        return max(abs(taken.cost - bankrupt * taken.filled) - rules.fee * taken.cost, 0.0)

    def _order(self, pair: str, side: BuySell, amount: float, mark: float) -> PaperOrder:
        now_ms = self._market.now_ms()
        request = OrderRequest(
            id=f"{LIQUIDATION}{side}_{pair}_{uuid4()}",
            pair=pair,
            type="market",
            side=side,
            amount=amount,
            decision_rate=mark,
            leverage=self._account.leverage[pair],
            reduce_only=True,
            ccxt_type="market",
        )
        return PaperOrder(
            request=request,
            decision_ms=now_ms,
            arrival_ms=now_ms,
            entry_latency_ms=0.0,
            response_latency_ms=0.0,
        )
