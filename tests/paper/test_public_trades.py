"""How public trades are asked for: pages, hours and candles, of an exchange that answers from a list."""

from types import SimpleNamespace

import pytest
from freqtrade.enums import TradingMode

from freqtrade_ext.fills.market import Cursor
from freqtrade_ext.fills.queue import Print
from freqtrade_ext.paper import public_trades as asked
from freqtrade_ext.paper.public_trades import DAY_MS, HOUR_MS, MINUTE_MS, public_trades

NOW_MS = 1_790_000_000_000 // DAY_MS * DAY_MS + 12 * HOUR_MS + 7
SECONDS = {"1m": 60, "1h": 3600, "1d": 86_400}


class Client:
    """ccxt's, with these trades, (ms, id), of which it gives an hour's or all (None); candles never end."""

    def __init__(self, trades=(), window_ms=HOUR_MS):
        self.trades, self.window_ms, self.requests = trades, window_ms, []

    def gives(self, ms, since):
        return since is None or self.window_ms is None or since <= ms < since + self.window_ms

    def fetch_trades(self, pair, since, limit):
        self.requests.append(("trades", since, limit))
        told = [(ms, name) for ms, name in self.trades if self.gives(ms, since)]
        told = told[:limit] if since is not None else told[-2:]
        return [
            {"id": name, "timestamp": ms, "price": 9.0, "amount": 2.0, "side": "buy"} for ms, name in told
        ]

    def fetch_ohlcv(self, pair, timeframe, since, limit):
        self.requests.append((timeframe, since, limit))
        step = SECONDS[timeframe] * 1000
        first = -(-since // step)
        return [[n * step, 1.0, 4.0, 0.5, 2.0, 7.0] for n in range(first, first + limit)]


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(asked, "time", SimpleNamespace(time_ns=lambda: NOW_MS * 1_000_000))


def exchange(client, name="binance", mode=TradingMode.SPOT):
    sized = {"get_contract_size": lambda pair: 0.5}
    return SimpleNamespace(id=name, name=name, trading_mode=mode, _api=client, **sized)


def told(client, since, name="binance", mode=TradingMode.SPOT):
    prints, cursor = public_trades(exchange(client, name, mode), "BTC/USDT", since)
    return [p.id for p in prints], cursor


def test_the_first_look_asks_for_the_latest_trade_alone():
    client = Client([(NOW_MS - 9, "1"), (NOW_MS - 5, "2")])
    assert told(client, None) == (["2"], Cursor(NOW_MS - 5, ("2",)))
    assert client.requests == [("trades", None, 1)]
    assert told(Client(), None) == ([], Cursor(0, ()))


def test_full_pages_are_followed_by_further_ones_and_no_trade_comes_twice(monkeypatch):
    monkeypatch.setattr(asked, "PRINTS_LIMIT", 3)
    first = NOW_MS - 10 * MINUTE_MS
    times = (0, 0, 1, 1, 2, 5, 6)
    client = Client([(first + ms, str(number)) for number, ms in enumerate(times)])
    assert told(client, Cursor(first, ("0",))) == (["1", "2", "3", "4", "5", "6"], Cursor(first + 6, ("6",)))
    assert [since - first for _, since, _ in client.requests] == [0, 1, 2, 6]


def test_trades_of_the_cursor_s_millisecond_are_told_apart_by_their_ids():
    ms = NOW_MS - 5
    client = Client([(ms, "1"), (ms, "2")])
    assert told(client, Cursor(ms, ("1",))) == (["2"], Cursor(ms, ("1", "2")))
    assert told(client, Cursor(ms, ("1", "2"))) == ([], Cursor(ms, ("1", "2")))


def test_hours_without_a_trade_are_passed_over_an_hour_at_a_time():
    """ccxt answers for an hour from the time asked for."""
    client = Client([(NOW_MS - MINUTE_MS, "1")])
    start = NOW_MS - 5 * HOUR_MS // 2
    assert told(client, Cursor(start, ()))[0] == ["1"]
    assert client.requests == [("trades", start + hours * HOUR_MS, 1000) for hours in range(3)]


@pytest.mark.parametrize(("hours", "by_candles"), [(3, False), (3.5, True)])
def test_what_is_longer_ago_than_three_hours_is_told_by_candles(hours, by_candles):
    client = Client([(NOW_MS - 2 * HOUR_MS, "1"), (NOW_MS - MINUTE_MS, "2")])
    start = int(NOW_MS - hours * HOUR_MS)
    found, cursor = told(client, Cursor(start, ("0",)))
    assert [name for name in found if name in "12"] == (["2"] if by_candles else ["1", "2"])
    # candles up to an hour ago, from there on trades
    whole = (start // MINUTE_MS + 1) * MINUTE_MS
    assert len(found) == 1 + 3 * 150 if by_candles else 2
    expected = [("1m", whole, 300), ("trades", NOW_MS - HOUR_MS, 1000)]
    assert client.requests == (
        expected if by_candles else [("trades", start + hour * HOUR_MS, 1000) for hour in range(3)]
    )
    assert cursor == Cursor(NOW_MS - MINUTE_MS, ("2",))


def test_a_pair_without_a_trade_yet_is_told_by_no_candle():
    client = Client([(NOW_MS - MINUTE_MS, "1")])
    assert told(client, Cursor(0, ()))[0] == ["1"]
    assert client.requests == [("trades", NOW_MS - HOUR_MS, 1000)]


@pytest.mark.parametrize(
    ("name", "mode", "limit"),
    [
        ("bybit", TradingMode.SPOT, 60),
        ("bybit", TradingMode.FUTURES, 1000),
        ("okx", TradingMode.SPOT, 500),
        ("okx", TradingMode.FUTURES, 500),
    ],
)
def test_venues_that_give_the_newest_trades_alone_are_asked_once(name, mode, limit):
    first = NOW_MS - 5 * MINUTE_MS
    client = Client([(first - 1, "0"), (first, "1"), (first + 9, "2")], window_ms=None)
    assert told(client, Cursor(first, ("1",)), name, mode) == (["2"], Cursor(first + 9, ("2",)))
    assert client.requests == [("trades", first, limit)]
    client = Client([(first, "1")], window_ms=None)
    assert told(client, Cursor(0, ()), name, mode) == (["1"], Cursor(first, ("1",)))
    assert [asked for asked, *_ in client.requests] == ["trades"], "there is nothing before the first trade"
    assert told(Client(), Cursor(first, ("1",)), name, mode) == ([], Cursor(first, ("1",)))


def test_what_the_newest_trades_do_not_reach_back_to_is_told_by_candles(caplog):
    first = NOW_MS // MINUTE_MS * MINUTE_MS
    client = Client([(first + 7, "1")])
    prints, cursor = public_trades(exchange(client, "okx"), "BTC/USDT", Cursor(first - 70_000, ("0",)))
    assert "BTC/USDT: okx's trades of 0.0 hours are not asked for: candles decide" in caplog.text
    # at the candle's end, yet not later than the trade that is known
    candles = ((first - MINUTE_MS, first - 1), (first, first + 7))
    assert prints[-1] == Print("1", first + 7, 9.0, 2.0, "buy")
    assert prints[:-1] == [
        Print(f"{start}{name}", end, rate, 0.0, side)
        for start, end in candles
        for name, rate, side in (("open", 1.0, "buy"), ("low", 0.5, "sell"), ("high", 4.0, "buy"))
    ]
    assert cursor == Cursor(first + 7, ("1",))


@pytest.mark.parametrize(
    ("minute", "days", "spans"),
    [
        # 10:31 to 10:59, then the hours up to noon three days later
        (30, 3, [("1m", 29), ("1h", 3 * 24 + 1)]),
        (59, 3, [("1h", 3 * 24 + 1)]),
        # the hours of the first day, then days
        (30, 20, [("1m", 29), ("1h", 13), ("1d", 20)]),
        (30, 400, [("1m", 29), ("1h", 13), ("1d", 300)]),
    ],
)
def test_minutes_hours_and_days_follow_on_each_other_without_a_gap(minute, days, spans):
    day = NOW_MS // DAY_MS * DAY_MS
    after = day + 10 * HOUR_MS + minute * MINUTE_MS + 20_000
    before = day + days * DAY_MS + 12 * HOUR_MS
    candles = asked._candles(exchange(client := Client()), "BTC/USDT", after, before)
    assert [timeframe for timeframe, *_ in client.requests] == [timeframe for timeframe, _ in spans]
    steps = [SECONDS[timeframe] * 1000 for timeframe, count in spans for _ in range(count)]
    assert [ms for _, ms in candles] == steps
    starts = [row[0] for row, _ in candles]
    assert starts[0] == day + 10 * HOUR_MS + (minute + 1) * MINUTE_MS
    assert [start + ms for start, ms in zip(starts, steps, strict=True)][:-1] == starts[1:]
