"""What an order gets on arrival at the exchange: a refusal, what the book has, or a place in the queue."""

from __future__ import annotations

from functools import partial

from freqtrade_ext.fills.book import Book, Walk, walk
from freqtrade_ext.fills.filters import Candidate, rejection
from freqtrade_ext.fills.futures import Futures
from freqtrade_ext.fills.holdings import Holdings, worst_rate
from freqtrade_ext.fills.market import MarketAccess
from freqtrade_ext.fills.orders import OrderRequest, PaperOrder
from freqtrade_ext.fills.resting import Resting, is_beyond
from freqtrade_ext.fills.stock import stock_average


class OrderRejected(Exception):
    """The exchange would not accept the order; the message names the rule, the limit and the value."""


class Arrivals:
    """The exchange's door for one paper account."""

    def __init__(self, market: MarketAccess, holdings: Holdings, futures: Futures, resting: Resting) -> None:
        self._market, self._holdings, self._futures, self._resting = market, holdings, futures, resting

    def arrive(self, order: PaperOrder) -> None:
        """Fill an order from the book as it is now; what is left of it rests or expires."""
        self._holdings.cut_to_position(order)
        request = order.request
        if order.status != "open":
            if request.stop_rate is None:
                raise OrderRejected(order.reason)
            return
        book, result = self._look(order)
        self._check(request, book, result)
        result = result.within(*self._market.execution_range(request.pair, request.side))
        may_rest = request.limit is not None and request.time_in_force in ("GTC", "PO")
        may_rest = may_rest and result.stopped != "price range"
        if may_rest and result.stopped:
            self._resting.read_tape(request.pair)
        bnb_rate = self._holdings.bnb_rate(request.pair)
        # nothing is asked of the exchange from here on: a failure cannot leave half of it done
        ledger = self._holdings.ledger(request.pair)
        ledger.observe(request.side, book.taken_by(request.side), is_whole=book.is_whole(request.side))
        if request.time_in_force == "FOK" and result.stopped:
            order.end("expired", "fill or kill: " + _why(request, book, result))
            return
        ledger.take(request.side, result.fills)
        result = _since_trigger(order, result)
        order.book_ms, order.book_stamp_ms, order.book_id = book.time_ms, book.stamp_ms, book.update_id
        order.levels = len(result.fills)
        order.stock_average = _stock_claim(request, book)
        if result.fills:
            order.worst = result.worst
            self._holdings.fill(order, result.filled, result.cost, book.time_ms, bnb_rate, maker=False)
        if order.status != "open":
            return
        if may_rest and request.limit is not None:
            order.stage = "resting"
            order.queue.look(book.displayed(request.side, request.limit), 0.0, order.resting, book.time_ms)
        else:
            order.end("expired", _why(request, book, result))

    def place_stop(self, order: PaperOrder, stop_rate: float) -> None:
        """:raises OrderRejected: where the last trade is already beyond the stop, as on Binance."""
        request = order.request
        self._check_filters(request, self._market.book(request.pair, self._market.depths[0]))
        self._holdings.check_balance(request, request.amount * worst_rate(request))
        rate = self._trigger_rate(request)
        if rate is not None and is_beyond(request, rate):
            name = "mark price" if request.by_mark else "last rate"
            raise OrderRejected(f"Stop {stop_rate} would trigger immediately: {name} {rate}")
        self._resting.read_tape(request.pair)
        order.stage = "waiting"

    def _trigger_rate(self, request: OrderRequest) -> float | None:
        """Return the rate now that a stop waits for; None where there is none yet."""
        if request.by_mark:
            marks = self._market.marks(request.pair, self._market.now_ms())
            return marks[-1].close if marks else None
        last, _ = self._market.prints(request.pair, None)
        return last[-1].rate if last else None

    def _look(self, order: PaperOrder) -> tuple[Book, Walk]:
        """Walk the book, fetching it deeper only while the order needs more levels than were seen."""
        request = order.request
        ledger = self._holdings.ledger(request.pair)
        for depth in self._market.depths:
            book = self._market.book(request.pair, depth)
            levels = ledger.untaken(request.side, book.taken_by(request.side))
            result = walk(levels, order.remaining, request.side, request.limit)
            if result.stopped != "book end" or book.is_whole(request.side):
                break
        return book, result

    def _check(self, request: OrderRequest, book: Book, result: Walk) -> None:
        """Refuse what the exchange refuses on arrival; a stop was checked when it was placed."""
        if request.stop_rate is not None:
            return
        self._check_filters(request, book)
        if reason := self._futures.refusal(
            request, result.average if result.filled else request.decision_rate
        ):
            raise OrderRejected(reason)
        if request.time_in_force == "PO" and result.filled:
            raise OrderRejected(
                f"Post-only: limit {request.limit} would take from {book.taken_by(request.side)[0][0]}"
            )
        self._holdings.check_balance(
            request, result.cost if request.limit is None else request.amount * request.limit
        )

    def _check_filters(self, request: OrderRequest, book: Book) -> None:
        rules = self._market.rules(request.pair)
        if not self._market.is_open(request.pair):
            raise OrderRejected("Market is closed")
        opposite = book.taken_by(request.side) or book.bids or book.asks
        others = self._holdings.open_orders(request.pair)
        candidate = Candidate(
            request.side,
            request.type == "market",
            round(request.amount / rules.contract_size, 12),  # 0.07 / 0.01 is no whole number of contracts
            request.limit,
            request.stop_rate,
            request.reduce_only,
            len(others),
            sum(other.stage == "waiting" for other in others),
            self._holdings.position_with_buys(request.pair),
        )
        average_rate = partial(self._market.average_rate, request.pair)
        if reason := rejection(candidate, rules.filters, opposite[0][0], average_rate):
            raise OrderRejected(reason)


def _stock_claim(request: OrderRequest, book: Book) -> float | None:
    """Return the average that stock freqtrade would claim on this book, of market orders only."""
    levels = book.taken_by(request.side)
    if request.type != "market" or not levels:
        return None
    return stock_average(levels, request.amount, request.side, request.decision_rate)


def _since_trigger(order: PaperOrder, result: Walk) -> Walk:
    """
    Make each fill of a triggered stop no better than the rate that triggered it.

    At the exchange it met the book of that moment, of which the triggering trade shows the best: the rate
    may have come back since, by a lot where the bot was down meanwhile.
    """
    rate, limit, side = order.trigger_rate, order.request.limit, order.request.side
    if rate is None:
        return result
    if limit is not None:
        rate = min(rate, limit) if side == "buy" else max(rate, limit)
    return result.no_better_than(rate, side)


def _why(request: OrderRequest, book: Book, result: Walk) -> str:
    """Return why an order was not filled completely."""
    if result.stopped == "price range":
        return "EXECUTION_RULE_PRICE_RANGE_EXCEEDED: the rest lies outside the exchange's price range"
    if result.stopped == "limit":
        return f"no more within the limit {request.limit}"
    seen = len(book.taken_by(request.side))
    ended = book.is_whole(request.side)
    return (
        f"the order book ended after {seen} levels" if ended else f"unknown beyond the {seen} levels fetched"
    )
