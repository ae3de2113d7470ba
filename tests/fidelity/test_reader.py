"""The sentences for the reader's own stake: bounds of the first half, checked on the second."""

import math
import random

import pytest

from freqtrade_ext.feed.local_book import LocalBook
from freqtrade_ext.fidelity.reader import Reader, room
from freqtrade_ext.fidelity.sentences import of_market_orders, of_resting_orders, pair_of
from freqtrade_ext.fidelity.tape import Sweep
from freqtrade_ext.run.fidelity import main
from tests.bot_process import ROOT


def sweep(side, paid, value=150.0):
    return Sweep(0, side, 0.0, 0.0, [(paid, value / paid)])


def reader_of(errors_bps, stake=150.0):
    """A reader of orders that paid so much more than was predicted."""
    reader = Reader(stake)
    for error in errors_bps:
        reader.order(sweep("buy", 100.0), 150.0, 100.0 * (1 - error / 1e4))
    return reader


def book(bids, asks):
    made = LocalBook()
    made.snapshot(1, bids, asks)
    return made


def test_the_bound_holds_on_the_second_half_as_promised():
    """19 of 20 orders of an unchanging market, within what chance allows."""
    kept = []
    for seed in range(50):
        drawn = random.Random(seed)
        price = reader_of(drawn.gauss(0, 1) for _ in range(1000)).figures()["price"]
        assert price["bound"] == pytest.approx(1.96, abs=0.5)
        kept.append(price["coverage"])
    assert sum(kept) / len(kept) == pytest.approx(0.95, abs=0.01)


def test_a_market_that_has_changed_is_said():
    errors = [0.1] * 150 + [5.0] * 150
    text = "\n".join(of_market_orders("BTC/USDT", reader_of(errors).figures()))
    assert "95% fill within 0.10 bp of this engine's price (150 orders of 50 to 450)" in text
    assert "0.0% of 150 kept to it: the market has changed, do not rely on it" in text


def test_too_little_data_is_an_answer():
    text = "\n".join(of_market_orders("BTC/USDT", reader_of([0.1] * 199).figures()))
    assert "not enough data (199 market orders of 50 to 450 recorded, 200 needed)" in text
    assert "not enough data (0 looks at the book, 200 needed)" in text
    assert list(of_market_orders("SOL/USDT", None)) == ["SOL/USDT: not in this recording."]


def test_orders_of_another_size_do_not_count():
    reader = Reader(150.0)
    for value in (49.0, 50.0, 450.0, 451.0):
        reader.order(sweep("sell", 100.0, value), value, 100.0)
    assert reader.figures()["orders"] == 2


def test_what_the_stake_costs_where_it_is_too_thin_and_what_lots_leave():
    """The middle is 100; half of 150 is at 100.05 (5 bp), the rest at 100.15 (15 bp): on average 10."""
    reader = Reader(150.0)
    for _ in range(200):
        reader.look(book([["99.95", "10"]], [["100.05", "0.75"], ["100.15", "10"]]))
        reader.amount("0.010")
    found = reader.figures()
    assert found["cost"]["bound"] == pytest.approx(10.0, abs=0.01)
    assert found["room"]["bound"] == pytest.approx(-150, abs=1)
    assert found["lot"] == 0.01
    # 1.5 coins are bought, 1.4985 are held and 1.49 sold
    assert found["left_ratio"] == pytest.approx(0.0085 / 1.5)
    text = "\n".join(of_market_orders("ABC/USDT", found))
    assert "Lots of 0.01 ABC (told by the amounts traded) leave 0.57% of 150 USDT unsold" in text


def test_a_book_without_the_stake_is_said():
    reader = Reader(150.0)
    for _ in range(200):
        reader.look(book([["99.9", "0.1"]], [["100.1", "0.1"]]))
    found = reader.figures()
    assert found["cost"]["bound"] == math.inf
    assert "does not hold 150 USDT at one look in twenty" in "\n".join(of_market_orders("ABC/USDT", found))


@pytest.mark.parametrize(
    ("levels", "value"),
    [
        ([(100.05, 1.0)], 100.05),
        ([(100.2, 1.0)], 0.0),
        # 1 at 5 bp leaves room for 0.5 at 20 bp
        ([(100.05, 1.0), (100.2, 9.0)], 100.05 + 0.5 * 100.2),
        ([], 0.0),
    ],
)
def test_the_largest_order_within_ten_basis_points(levels, value):
    assert room(levels, 100.0) == pytest.approx(value)


@pytest.mark.parametrize(
    ("symbol", "pair"),
    [("NEXOUSDT", "NEXO/USDT"), ("ETHBTC", "ETH/BTC"), ("USDT", "USDT"), ("BTC-USDT", "BTC-USDT")],
)
def test_symbols_are_named_as_pairs(symbol, pair):
    assert pair_of(symbol) == pair


def test_resting_entries_are_told_with_their_check():
    found = {"name": "expected", "truth": 9.5, "bias": -0.5, "interval": [-1.0, 0.1], "bias_checked": -0.2}
    text = "\n".join(of_resting_orders([found, {**found, "interval": None}], 30))
    assert "9.5 % fill within 30 s; `expected` fills 0.50 points too rarely" in text
    assert "the second has -0.20: within that" in text
    assert "Resting entries by `expected`: not enough data" in text


def test_the_command_ends_with_the_sentences(capsys):
    sample = str(ROOT / "docs" / "sample" / "btcusdt.gz")
    assert main([sample, "--stake", "50000"]) == 0
    told = capsys.readouterr().out
    assert "BTC/USDT: how near 50,000 USDT fill to this engine's price: not enough data" in " ".join(
        told.split()
    )
    assert main([sample, "--pairs", "ETH/USDT"]) == 0
    assert "ETH/USDT: not in this recording." in capsys.readouterr().out
