from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from random import Random

import numpy as np
import pytest

from freqtrade_ext.replica.candles import AMOUNT, COUNT
from freqtrade_ext.replica.exchange import Exchange, generate
from freqtrade_ext.replica.happenings import AggTrade, Trade
from freqtrade_ext.replica.market import Market, since_ms
from freqtrade_ext.replica.path import Path
from freqtrade_ext.replica.scenarios import Leg
from tests.replica.talk import Time

START_MS = 1_795_376_100_000
PAIRS = ["BTC/USDT", "XRP/USDT", "NEXO/USDT", "SOMETHING/USDT"]


def played(seed: int, steps: list[int], start_ms: int = START_MS) -> Exchange:
    clock = Time(start_ms)
    exchange = generate(PAIRS, seed, "live", clock)
    for step in steps:
        clock.ms += step
        exchange.advance(clock.ms)
    return exchange


def tape(exchange: Exchange, start_ms: int = START_MS) -> list[list[tuple[int, int, int, bool]]]:
    return [
        [(t.ms - start_ms, t.rate, t.amount, t.is_buyer_maker) for t in market.trades]
        for market in exchange.markets
    ]


def test_the_same_seed_gives_the_same_market_however_time_is_cut_and_whenever_it_starts() -> None:
    once = played(1, [60_000])
    assert tape(once) == tape(played(1, [7, 993, 50] + [131] * 450))
    later = START_MS + 86_400_123
    assert tape(once) == tape(played(1, [60_000], later), later)
    assert tape(once) != tape(played(2, [60_000]))
    cut = played(1, [30_000, 30_000])
    assert [m.bids.levels() for m in once.markets] == [m.bids.levels() for m in cut.markets]


@pytest.fixture(scope="module")
def minutes() -> tuple[Exchange, Counter[str]]:
    clock = Time(START_MS)
    exchange = generate(PAIRS, 5, "live", clock)
    tight: Counter[str] = Counter()
    for _ in range(2400):
        clock.ms += 100
        exchange.advance(clock.ms)
        for market in exchange.markets:
            bid, ask = market.bids.best(), market.asks.best()
            assert bid is not None
            assert ask is not None
            assert bid < ask
            tight[market.symbol.name] += ask - bid == market.symbol.tick
    return exchange, tight


def test_an_event_due_just_before_a_move_meets_the_rate_of_the_move() -> None:
    way = Path(100.0, iter([Leg(60, 0.01, noise=0.001)] * 2), Random(1), 0)
    way.at(1000)
    way.move(200.0, 0, 2000)
    assert way.at(1999.5) == way.at(2000)
    assert way.at(2001) == pytest.approx(200)


def test_fewer_orders_leave_the_touch_as_tight() -> None:
    clock = Time(START_MS)
    exchange = generate(["BTC/USDT"], 1, "live", clock, activity=0.02)
    market, tight = exchange.markets[0], 0
    for _ in range(1800):
        clock.ms += 1000
        exchange.advance(clock.ms)
        tight += market.asks.rate_at(0) - market.bids.rate_at(0) == market.symbol.tick
    assert tight > 0.9 * 1800


def test_the_busy_pair_is_one_tick_wide_most_of_the_time(minutes: tuple[Exchange, Counter[str]]) -> None:
    assert minutes[1]["BTCUSDT"] > 0.75 * 2400


def test_books_are_as_deep_as_the_pair_is_big(minutes: tuple[Exchange, Counter[str]]) -> None:
    near = {}
    for market in minutes[0].markets:
        best = market.bids.best() or 0
        near[market.symbol.base] = sum(r * a for r, a in market.bids.levels() if r > best * 0.99) / 1e16
    assert near["BTC"] > 5e6
    assert 2e3 < near["NEXO"] < 1e6


def test_quotes_and_trades_keep_to_the_grid(minutes: tuple[Exchange, Counter[str]]) -> None:
    for market in minutes[0].markets:
        levels = market.bids.levels() + market.asks.levels() + [(t.rate, t.amount) for t in market.trades]
        assert not any(rate % market.symbol.tick or amount % market.symbol.step for rate, amount in levels)


def test_candles_are_made_of_the_trades_and_ids_have_no_gaps(minutes: tuple[Exchange, Counter[str]]) -> None:
    for market in minutes[0].markets:
        assert all(b.id == a.id + 1 and b.ms >= a.ms for a, b in pairwise(market.trades))
        first_whole = (START_MS // 60_000 + 1) * 60_000
        trades = market.trades[since_ms(market.trades, first_whole) :]
        rows = market.candles.minutes()
        rows = rows[rows[:, 0] >= first_whole]
        assert int(rows[:, AMOUNT].sum()) == sum(t.amount for t in trades)
        assert int(rows[:, COUNT].sum()) == len(trades)
        assert np.array([a.amount for a in market.agg_trades]).sum() == sum(t.amount for t in market.trades)


def test_days_in_virtual_time_stays_a_market() -> None:
    clock = Time(START_MS)
    exchange = generate(["BTC/USDT"], 1, "live", clock, activity=0.005)
    market = exchange.markets[0]
    for _ in range(3):
        clock.ms += 86_400_000
        exchange.advance(clock.ms)
    assert len(market.candles.interval("1d", start_ms=START_MS)) == 3
    assert 0.3 < market.last / market.symbol.start_rate < 3
    assert 300 < len(market.bids) < 3000


class Surprised:
    """Counts the takers who meet a level that changed within their own event, of which no stream told."""

    def __init__(self) -> None:
        self.changed_ms: dict[int, int] = {}
        self.takers = self.surprised = 0

    def book_changed(self, market: Market, ms: int, bids: Sequence[int], asks: Sequence[int]) -> None:
        self.changed_ms |= dict.fromkeys([*bids, *asks], ms)

    def traded(self, market: Market, trades: Sequence[Trade], agg: Sequence[AggTrade]) -> None:
        self.takers += 1
        self.surprised += any(self.changed_ms.get(trade.rate) == trade.ms for trade in trades)

    def filled(self, market: Market, order_id: int, trade: Trade) -> None:
        """Nobody of ours rests here."""


def test_takers_meet_the_book_that_the_streams_have_told_of() -> None:
    clock = Time(START_MS)
    exchange = generate(["BTC/USDT"], 5, "live", clock)
    watch = Surprised()
    exchange.markets[0].observers.append(watch)
    clock.ms += 120_000
    exchange.advance(clock.ms)
    assert watch.takers > 300
    # a gap may be filled in the event that takes from it
    assert watch.surprised / watch.takers < 0.25
