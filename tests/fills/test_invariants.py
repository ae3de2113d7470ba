"""
The nine invariants of the fill model on random books and order sequences.

`INVARIANTS=long` runs fifty times as many, from a new seed each time.
"""

import itertools
import json
import math
import os
from collections import Counter
from fractions import Fraction
from functools import partial
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from freqtrade_ext.fills.account import Account
from freqtrade_ext.fills.arrivals import OrderRejected
from freqtrade_ext.fills.book import walk
from freqtrade_ext.fills.fees import Fee
from freqtrade_ext.fills.filters import Candidate, rejection
from freqtrade_ext.fills.holdings import BalanceTooLow
from freqtrade_ext.fills.taken import Ledger
from tests.fills.scripted_market import PAIR, Desk, ScriptedMarket, free, total

IS_LONG = os.environ.get("INVARIANTS") == "long"


def examples(count, **more):
    """:param count: examples in CI; the properties below add up to more than 10,000."""
    return settings(
        max_examples=count * (50 if IS_LONG else 1),
        derandomize=not IS_LONG,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        **more,
    )


# tenths add up to float residues, as lots of a real exchange do
lots = st.integers(1, 60).map(lambda n: n / 10)
sides = st.sampled_from(["buy", "sell"])
estimates = st.sampled_from(["pessimistic", "expected", "optimistic"])


def levels(packed, first, step):
    """
    Levels from the first rate on, outwards by the sign of the step, with gaps between them.

    :param packed: one number a level, as drawing is what takes the time.
    """
    ticks = itertools.accumulate((number // 60 + 1 for number in packed[1:]), initial=0)
    return [(round(first + tick * step, 2), (n % 60 + 1) / 10) for tick, n in zip(ticks, packed, strict=True)]


def books(step=0.01, max_gap=9):
    """Bids up to 100 less a step, asks from there on."""
    packed = st.lists(st.integers(0, max_gap * 60 - 1), min_size=1, max_size=7)
    return st.tuples(packed, packed).map(
        lambda both: (levels(both[0], 100 - step, -step), levels(both[1], 100.0, step))
    )


def taken_by(book, side):
    return book[1] if side == "buy" else book[0]


def sign(side):
    return 1 if side == "buy" else -1


@examples(2500)
@given(books(), sides, lots, st.integers(9930, 10070).map(lambda n: n / 100))
def test_1_no_part_is_filled_worse_than_the_limit_and_none_within_it_is_left_out(book, side, amount, limit):
    """Both ends: a fill beyond the limit is untrue, and so is an order that leaves what it may take."""
    shown = taken_by(book, side)
    result = walk(shown, amount, side, limit)
    within = [(rate, size) for rate, size in shown if sign(side) * (limit - rate) >= 0]
    assert all(sign(side) * (limit - rate) >= 0 for rate, _ in result.fills)
    assert result.filled == pytest.approx(min(amount, math.fsum(size for _, size in within)), rel=1e-12)
    assert [rate for rate, _ in result.fills] == [rate for rate, _ in within][: len(result.fills)]
    assert all(size <= dict(within)[rate] for rate, size in result.fills)


@examples(1500)
@given(books(), sides, st.lists(lots, min_size=1, max_size=8))
def test_3_slices_at_one_instant_cost_what_one_order_costs(book, side, slices):
    """Else splitting an order would create liquidity or burn it. Equal to 1e-12: only float sums differ."""
    one, many = (Desk(ScriptedMarket(*book, fee=0.0)) for _ in range(2))
    whole = one.order(side, math.fsum(slices))
    parts = [many.order(side, amount) for amount in slices]
    assert math.fsum(p.filled for p in parts) == pytest.approx(whole.filled, rel=1e-12)
    assert math.fsum(p.cost for p in parts) == pytest.approx(whole.cost, rel=1e-12)
    assert max((sign(side) * p.worst for p in parts if p.worst), default=None) == (
        sign(side) * whole.worst if whole.worst else None
    )


@examples(2000)
@given(books(), sides, lots, lots)
def test_4_cost_is_monotone_in_the_amount(book, side, less, more):
    """More costs more, and not less per unit: levels are taken best first."""
    less, more = sorted((less, more))
    small, large = (walk(taken_by(book, side), amount, side) for amount in (less, more))
    assert small.filled <= large.filled
    assert small.cost <= large.cost * (1 + 1e-12)
    assert sign(side) * small.average <= sign(side) * large.average + 1e-12 * small.average


@examples(1000)
@given(books(), lots, st.sampled_from(["received", "quote"]))
def test_4_a_round_trip_on_a_frozen_book_loses_at_least_spread_and_fees(book, amount, fee_asset):
    """No order may profit from the model itself: each unit loses the spread, and each leg its fee."""
    start = {"USDT": 1e6, "BTC": 100.0}
    d = Desk(ScriptedMarket(*book), start=start, fee_asset=fee_asset)
    bought = d.order("buy", amount)
    sold = d.order("sell", bought.filled)
    spread = book[1][0][0] - book[0][0][0]
    fees = bought.fee_value + sold.fee_value
    # what could not be sold, or went as a fee, counts at what it was bought for
    kept = (total(d.engine, "BTC") - start["BTC"]) * bought.average
    lost = start["USDT"] - total(d.engine, "USDT") - kept
    assert lost >= sold.filled * spread + fees - 1e-6
    assert fees == pytest.approx((bought.cost + sold.cost) * 0.001)


@examples(500)
@given(st.lists(st.tuples(sides, lots, st.integers(1, 10**6).map(lambda n: n / 100)), max_size=30))
def test_6_futures_balances_conserve_money(trades):
    """Cash and the entry cost of what is held always add up to the start less all costs and fees."""
    account = Account({"USDT": 1000.0}, is_futures=True)
    paid, fees = Fraction(0), Fraction(0)
    for side, amount, cost in trades:
        account.trade("BTC/USDT:USDT", side, amount, cost, 3.0)
        account.pay(Fee("USDT", cost * 0.001, 0.0))
        paid += sign(side) * Fraction(repr(cost))
        fees += Fraction(repr(cost * 0.001))
    held, held_cost = account.positions.get("BTC/USDT:USDT", (0, 0))
    money = account.start["USDT"] + account.moved.get("USDT", 0)
    assert abs(Fraction(money) - Fraction(held_cost) - (1000 - paid - fees)) < Fraction(1, 10**12)
    assert Fraction(held) == sum(sign(side) * Fraction(repr(amount)) for side, amount, _ in trades)


@examples(2500)
@given(
    sides,
    st.integers(1, 5000).map(lambda n: n / 1000),
    st.one_of(st.none(), st.integers(1, 30000).map(lambda n: n / 100)),
    st.sampled_from(["0.00000000", "0.00100000", "0.01000000", "0.05000000"]),
    st.sampled_from(["0.00000000", "0.01000000", "0.10000000", "0.05000000"]),
    st.sampled_from(["5.00000000", "50.00000000"]),
    st.sampled_from([("5", "0.2"), ("1.2", "0.8")]),
)
def test_7_orders_that_pass_every_filter_and_no_others_are_accepted(
    side, amount, rate, step, tick, smallest, band
):
    """Against the exchange's own rules in exact fractions; best and average rate are 100."""
    order = Candidate(side, rate is None, amount, rate)
    filters = {
        "LOT_SIZE": {"minQty": step, "maxQty": "4.00000000", "stepSize": step},
        "PRICE_FILTER": {"minPrice": tick, "maxPrice": "250.00000000", "tickSize": tick},
        "PERCENT_PRICE_BY_SIDE": dict.fromkeys(("bidMultiplierUp", "askMultiplierUp"), band[0])
        | dict.fromkeys(("bidMultiplierDown", "askMultiplierDown"), band[1]),
        "NOTIONAL": {"minNotional": smallest, "applyMinToMarket": True, "maxNotional": "300.00000000"},
    }
    amount, rate = Fraction(repr(order.amount)), Fraction(repr(order.rate or 100.0))
    lot, grid = Fraction(step), Fraction(tick)
    passes = lot <= amount <= 4 and (not lot or amount % lot == 0) and amount * rate >= Fraction(smallest)
    if order.rate is not None:
        passes &= grid <= rate <= 250 and (not grid or rate % grid == 0)
        passes &= 100 * Fraction(band[1]) <= rate <= 100 * Fraction(band[0]) and amount * rate <= 300
    assert (rejection(order, filters, 100.0, lambda: 100.0) is None) == passes


class Unplugged(Exception):
    """The connection went away at the worst moment."""


class FragileMarket(ScriptedMarket):
    """Fails at one of its answers."""

    fails_in: int | None = None

    def _answer(self):
        if self.fails_in is not None:
            self.fails_in -= 1
            if self.fails_in < 0:
                raise Unplugged

    def book(self, pair, depth):
        self._answer()
        return super().book(pair, depth)

    def prints(self, pair, since):
        self._answer()
        return super().prints(pair, since)

    def execution_range(self, pair, side):
        return 0.0, math.inf

    def bnb_rate(self, quote):
        self._answer()
        return super().bnb_rate(quote)


START = {"USDT": 600.0, "BTC": 6.0, "BNB": 0.001}
machine_books = books(step=1.0, max_gap=2)
machine_prints = st.lists(st.tuples(sides, st.integers(95, 104).map(float), lots), max_size=3)
rates = st.integers(95, 104).map(float)
fails = st.sampled_from([None, None, None, None, None, 0, 1, 2, 3, 4, 5])
"""which answer of the exchange fails to come"""
amounts = st.integers(1, 40).map(lambda n: n / 10)


def _move(market, book, prints):
    for side, rate, amount in prints:
        market.trade(side, rate, amount)
    market.bids, market.asks = book


class BotLife(RuleBasedStateMachine):
    """
    Two bots do the same on the same market; one of them is killed and started again after each step.

    It is rebuilt from what was last saved, as after kill -9. Connections fail in the middle of things.
    """

    @initialize(
        book=machine_books,
        estimate=estimates,
        fee_asset=st.sampled_from(["received", "quote", "bnb"]),
        depths=st.sampled_from([(20, 100), (2, 4)]),
    )
    def open(self, book, estimate, fee_asset, depths):
        self.patch = mock.patch.object(Ledger, "take", self._noting(Ledger.take))
        self.patch.start()
        self.desks = []
        for _ in range(2):
            market = FragileMarket(*book)
            market.depths = depths
            options = {"maker_fill": estimate, "fee_asset": fee_asset, "latency_ms": (100.0, 100.0)}
            self.desks.append(Desk(market, start=START, **options))
        # (side, rate) -> what was ever there to take: shown at first, and added since
        self.ever_shown, self.ever_taken = Counter(), Counter()
        self.placed_at = {}
        self.read = (0, 0.0)
        self._note_book(([], []), book)

    def _noting(self, take):
        def noted(ledger, side, fills):
            if ledger is self.steady.engine._holdings.ledger(PAIR):
                for rate, amount in fills:
                    self.ever_taken[side, rate] += amount
            take(ledger, side, fills)

        return noted

    def teardown(self):
        if hasattr(self, "patch"):
            self.patch.stop()

    @property
    def steady(self):
        return self.desks[0]

    @property
    def orders(self):
        keys = [key.partition("/")[2] for key in self.steady.store.rows if key.startswith("order/")]
        return [self.steady.engine.find(order_id) for order_id in keys]

    def _note_book(self, before, book):
        for side, old, new in zip(("sell", "buy"), before, book, strict=True):
            shown = dict(old)
            for rate, amount in new:
                self.ever_shown[side, rate] += max(0.0, amount - shown.get(rate, 0.0))

    def _both(self, action, fails_in=None):
        """Do it with both bots; they must meet the same fate."""
        outcomes = []
        for desk in self.desks:
            desk.market.fails_in = fails_in
            try:
                outcomes.append(json.dumps(action(desk).to_json()))
            except (OrderRejected, BalanceTooLow, Unplugged) as error:
                outcomes.append(repr(error))
            desk.market.fails_in = None
        assert outcomes[0] == outcomes[1]
        for order in self.orders:
            self.placed_at.setdefault(order.request.id, self.tape_length)

    @property
    def tape_length(self):
        return len(self.steady.market.tape)

    @rule(book=machine_books, prints=machine_prints, passes_ms=st.sampled_from([0, 100, 300, 2_000]))
    def market_moves(self, book, prints, passes_ms):
        self._note_book((self.steady.market.bids, self.steady.market.asks), book)
        for desk in self.desks:
            _move(desk.market, book, prints)
            desk.market.time_ms += passes_ms

    @rule(
        side=sides,
        amount=amounts,
        limit=st.one_of(st.none(), rates),
        tif=st.sampled_from(["GTC", "GTC", "GTC", "IOC", "FOK", "PO"]),
        on_its_way=st.one_of(st.none(), st.tuples(machine_books, machine_prints)),
        fails_in=fails,
    )
    def place(self, side, amount, limit, tif, on_its_way, fails_in):
        tif = "GTC" if limit is None else tif
        if on_its_way:
            self._note_book((self.steady.market.bids, self.steady.market.asks), on_its_way[0])
            for desk in self.desks:
                desk.market.during_sleep = partial(_move, desk.market, *on_its_way)
        self._both(lambda desk: desk.order(side, amount, limit, time_in_force=tif), fails_in)

    @rule(
        side=sides,
        amount=amounts,
        stop_rate=rates,
        slip=st.one_of(st.none(), st.integers(0, 3)),
        fails_in=fails,
    )
    def place_stop(self, side, amount, stop_rate, slip, fails_in):
        # what a stop-market buy costs is unknown when it is placed; freqtrade has none on spot
        side = "sell" if slip is None else side
        limit = None if slip is None else stop_rate + sign(side) * slip
        self._both(lambda desk: desk.order(side, amount, limit, stop_rate=stop_rate), fails_in)

    @precondition(lambda self: self.steady.engine.open_orders())
    @rule(fails_in=fails)
    def poll(self, fails_in):
        order_id = self.steady.engine.open_orders()[0].request.id
        self._both(lambda desk: desk.poll(desk.engine.find(order_id)), fails_in)
        if fails_in is None:
            self.read = (self.tape_length, self._made())

    @precondition(lambda self: self.steady.engine.open_orders())
    @rule(data=st.data(), fails_in=fails)
    def cancel(self, data, fails_in):
        order = data.draw(st.sampled_from(self.steady.engine.open_orders()))
        before = order.filled
        self._both(lambda desk: desk.engine.cancel(order.request.id), fails_in)
        assert order.filled >= before

    @invariant()
    def a_kill_and_restart_changes_nothing(self):
        """8. At any event: all that decides later fills is in what was saved."""
        before = self._state(self.desks[1].engine)
        assert self._state(self.steady.engine) == before
        assert self._state(self.desks[1].restart()) == before

    def _state(self, bot):
        held = bot._holdings
        names = [key.partition("/")[2] for key in self.steady.store.rows if key.startswith("order/")]
        orders = {name: json.dumps(held.find(name).to_json()) for name in names}
        cursor = held.cursors.get(PAIR) if bot.open_orders() else None
        return (
            orders,
            cursor,
            held.ledger(PAIR).to_json(),
            {currency: total(bot, currency) for currency in START},
        )

    @invariant()
    def no_order_is_filled_beyond_its_amount_or_worse_than_its_limit(self):
        """1."""
        for order in self.orders:
            request = order.request
            assert 0 <= order.filled <= request.amount * (1 + 1e-12)
            if request.limit is not None and order.worst is not None:
                assert sign(request.side) * (request.limit - order.worst) >= 0
            if order.maker_amount:
                assert order.maker_cost / order.maker_amount == pytest.approx(request.limit, rel=1e-12)
            assert order.status != "closed" or order.remaining == 0

    @invariant()
    def nothing_is_taken_that_was_never_there(self):
        """2. Per (side, rate) at most what was shown at first plus all that was ever added."""
        for level, amount in self.ever_taken.items():
            assert amount <= self.ever_shown[level] * (1 + 1e-12)

    @invariant()
    def a_maker_gets_no_more_than_was_printed_or_quoted_at_or_through_its_rate_since(self):
        """5. Each order alone, whatever the estimate."""
        for order in self.orders:
            request = order.request
            since = self.steady.market.tape[self.placed_at[request.id] :]
            if order.maker_amount and request.stop_rate is None:
                printed = (
                    p.amount
                    for p in since
                    if p.side != request.side and sign(request.side) * (request.limit - p.rate) >= 0
                )
                most = math.fsum(printed) + self._taken_by_makers()
                assert order.maker_amount <= most * (1 + 1e-12) + 1e-9

    @invariant()
    def all_makers_together_get_no_more_than_was_printed_or_quoted(self):
        """5. One print never fills two orders of ours, one quote neither: invariant 2 bounds those."""
        length, made = self.read
        printed = math.fsum(p.amount for p in self.steady.market.tape[length:])
        assert self._made() - made <= printed * (1 + 1e-12) + 1e-9

    def _made(self):
        """Makers' fills by prints."""
        return math.fsum(order.maker_amount for order in self.orders) - self._taken_by_makers()

    def _taken_by_makers(self):
        takers = math.fsum(order.taker_amount for order in self.orders)
        return math.fsum(self.ever_taken.values()) - takers

    @invariant()
    def the_estimates_are_nested_whichever_is_booked(self):
        for order in self.orders:
            filled = [place.filled for place in order.queue.places.values()]
            assert filled == sorted(filled)
            assert filled[-1] <= order.resting * (1 + 1e-12)

    @invariant()
    def balances_conserve_commission_included(self):
        """6. Start plus what every order moved, less every fee, to 1e-12 of what was moved."""
        for currency, start in START.items():
            moves = [start]
            for order in self.orders:
                direction = sign(order.request.side)
                moves += [direction * order.filled] if currency == "BTC" else []
                moves += [-direction * order.cost] if currency == "USDT" else []
                moves += [-order.fees.get(currency, 0.0)]
            scale = math.fsum(abs(move) for move in moves)
            assert abs(total(self.steady.engine, currency) - math.fsum(moves)) <= 1e-12 * scale

    @invariant()
    def nothing_is_spent_that_is_not_there(self):
        """6. Orders in flight included; 1e-9 is what the check of an order forgives floats."""
        for currency, start in START.items():
            assert free(self.steady.engine, currency) >= -1e-9 * start

    @invariant()
    def no_fill_uses_what_was_stamped_before_arrival(self):
        """9."""
        for order in self.orders:
            assert order.book_ms is None or order.book_ms >= order.arrival_ms
            assert order.last_fill_ms is None or order.last_fill_ms >= order.arrival_ms


BotLife.TestCase.settings = examples(120, stateful_step_count=40)
test_8_a_bots_life = BotLife.TestCase
