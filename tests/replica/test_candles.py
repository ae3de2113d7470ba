from datetime import UTC, datetime

import numpy as np
import pytest

from freqtrade_ext.replica.candles import CLOSE, HIGH, INTERVALS_MS, LOW, OPEN, OPEN_MS, Candles, close_ms
from freqtrade_ext.replica.exchange import generate
from freqtrade_ext.replica.fixed import E8
from freqtrade_ext.replica.happenings import Trade
from freqtrade_ext.replica.history import DAYS, invent
from freqtrade_ext.replica.symbols import listed

START_MS = int(datetime(2026, 3, 4, 10, 7, tzinfo=UTC).timestamp() * 1000)
BTC = listed("BTC/USDT")


@pytest.fixture
def candles() -> Candles:
    return Candles(invent(BTC, BTC.start_rate, "flat", START_MS, START_MS, "test"))


def test_history_is_long_whole_on_the_tick_and_ends_at_the_rate(candles: Candles) -> None:
    rows = candles.minutes()[:-1]
    assert len(rows) == DAYS * 1440
    assert (np.diff(rows[:, OPEN_MS]) == 60_000).all()
    assert not (rows[:, OPEN : CLOSE + 1] % BTC.tick).any()
    assert rows[-1, CLOSE] == BTC.start_rate
    assert len(candles.interval("1h", limit=2000)) == 2000
    assert (rows[:, HIGH] >= rows[:, [OPEN, CLOSE]].max(axis=1)).all()
    assert (rows[:, LOW] <= rows[:, [OPEN, CLOSE]].min(axis=1)).all()
    assert (rows[1:, OPEN] == rows[:-1, CLOSE]).all()


@pytest.mark.parametrize("name", [*INTERVALS_MS, "1M"])
def test_each_interval_is_made_of_its_minutes(candles: Candles, name: str) -> None:
    minutes = candles.minutes()
    for row in candles.interval(name, limit=3).tolist():
        opens = (minutes[:, OPEN_MS] >= row[OPEN_MS]) & (minutes[:, OPEN_MS] <= close_ms(name, row[OPEN_MS]))
        part = minutes[opens]
        assert row[OPEN] == part[0, OPEN]
        assert row[CLOSE] == part[-1, CLOSE]
        assert row[HIGH] == part[:, HIGH].max()
        assert row[LOW] == part[:, LOW].min()
        assert (row[5:10] == part[:, 5:10].sum(axis=0)).all()


def test_minutes_of_the_history_and_since_are_one_row(candles: Candles) -> None:
    known = len(candles.history)
    candles.add(Trade(1, START_MS + 1000, BTC.start_rate + BTC.tick, E8, True))
    candles.advance(START_MS + 10_000 * 60_000)
    rows = candles.minutes()
    assert len(rows) == known + 10_001
    assert (np.diff(rows[:, OPEN_MS]) == 60_000).all()
    for start, end in ((known - 3, known - 1), (known - 1, known + 1), (known, known + 2), (known - 2, None)):
        times = [int(rows[at, OPEN_MS]) for at in (start, end - 1 if end else -1)]
        found = candles.interval("1m", start_ms=times[0], end_ms=times[1], limit=20_000)
        assert (found == rows[start:end]).all()


def test_a_mark_price_keeps_no_copy_of_its_pair_s_history() -> None:
    """110 days of minutes lay in memory twice for each pair, 14 MB each."""
    (running,) = generate(["BTC/USDT"], 1, "calm").running.values()
    assert running.perpetual.candles.history is running.market.candles.history


def test_weeks_start_on_monday_and_months_on_the_first(candles: Candles) -> None:
    week = datetime.fromtimestamp(candles.interval("1w", limit=1)[0, OPEN_MS] / 1000, UTC)
    month = datetime.fromtimestamp(candles.interval("1M", limit=1)[0, OPEN_MS] / 1000, UTC)
    assert week == datetime(2026, 3, 2, tzinfo=UTC)
    assert month == datetime(2026, 3, 1, tzinfo=UTC)
    assert close_ms("1M", int(month.timestamp() * 1000)) == int(
        datetime(2026, 4, 1, tzinfo=UTC).timestamp() * 1000 - 1
    )


def test_start_end_and_limit_choose_as_on_binance(candles: Candles) -> None:
    hour = 3_600_000
    first = START_MS // hour * hour - 50 * hour
    assert list(candles.interval("1h", start_ms=first, limit=2)[:, OPEN_MS]) == [first, first + hour]
    assert list(candles.interval("1h", start_ms=first + 1, limit=1)[:, OPEN_MS]) == [first + hour]
    assert list(candles.interval("1h", end_ms=first, limit=2)[:, OPEN_MS]) == [first - hour, first]
    between = candles.interval("1h", start_ms=first, end_ms=first + 3 * hour, limit=500)
    assert len(between) == 4
    assert len(candles.interval("1h", start_ms=START_MS + hour)) == 0


def test_trades_make_the_open_minute_and_quiet_minutes_repeat_the_close(candles: Candles) -> None:
    for number, (seconds, rate, amount, sold) in enumerate(
        [(1, 100, 2, True), (2, 103, 1, False), (3, 99, 1, True)]
    ):
        candles.add(Trade(number, START_MS + seconds * 1000, rate * E8, amount * E8, sold))
    candles.advance(START_MS + 3 * 60_000)
    traded, *quiet = candles.minutes(4).tolist()
    assert [value / E8 for value in traded[OPEN : CLOSE + 1]] == [100, 103, 99, 99]
    assert [value / E8 for value in traded[5:7]] == [4, 200 + 103 + 99]
    assert traded[7] == 3
    assert [value / E8 for value in traded[8:10]] == [1, 103]
    assert len(quiet) == 3
    assert all(row[OPEN : CLOSE + 1] == [99 * E8] * 4 and row[5:10] == [0] * 5 for row in quiet)
