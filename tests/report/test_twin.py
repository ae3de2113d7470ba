"""A live bot beside its paper twin: which trades belong together, and why they earned another amount."""

from datetime import UTC, datetime, timedelta

import pytest

from freqtrade_ext.fills.record import FillRecord
from freqtrade_ext.report.command import main
from freqtrade_ext.report.rows import OrderRow, TradeRow
from freqtrade_ext.report.twin import causes, match, twin_tables

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FEE = 0.001


def order(is_entry, amount, paid, decided, is_short=False, fee=FEE):
    return OrderRow(
        pair="BTC/USDT",
        side="buy" if is_entry != is_short else "sell",
        is_entry=is_entry,
        is_stop=False,
        tag="",
        status="closed",
        time=NOON,
        requested=amount,
        filled=amount,
        average=paid,
        fee_ratio=fee,
        fee_currency="USDT",
        record=FillRecord(decision_rate=decided),
    )


def trade(
    number=1, at=0.0, entry=(1.0, 100.0, 100.0), exit_=(1.0, 110.0, 110.0), *, is_short=False, fee=FEE, **more
):
    """A trade of (amount, rate paid, rate decided on), fees in the quote currency."""
    orders = (order(True, *entry, is_short, fee), order(False, *exit_, is_short, fee))
    sign = -1 if is_short else 1
    gross = sign * (exit_[0] * exit_[1] - entry[0] * entry[1])
    opened = NOON + timedelta(seconds=at)
    values = {
        "id": number,
        "pair": "BTC/USDT",
        "is_short": is_short,
        "is_open": False,
        "opened": opened,
        "closed": opened + timedelta(hours=1),
        "open_rate": entry[1],
        "stop_rate": None,
        "min_rate": None,
        "max_rate": None,
        "stake_amount": 100.0,
        "currency": "USDT",
        "profit_abs": gross - sum(o.fee_value for o in orders),
        "profit_ratio": 0.0,
        "exit_reason": "",
        "plan": None,
        "regime": "",
        "orders": orders,
    }
    return TradeRow(**values | more)


def test_trades_of_one_signal_are_matched_the_nearest_first():
    live = [trade(1, 0), trade(2, 400)]
    paper = [trade(1, -200), trade(2, 90), trade(3, 1200)]
    pairs = match(live, paper)
    assert [(p.live and p.live.id, p.paper and p.paper.id) for p in pairs] == [
        (None, 1),
        (1, 2),
        (2, None),
        (None, 3),
    ]


def test_other_pairs_and_directions_are_other_trades():
    pairs = match([trade(1)], [trade(1, is_short=True), trade(2, pair="ETH/USDT")])
    assert [(pair.live is None, pair.paper is None) for pair in pairs].count((False, False)) == 0


@pytest.mark.parametrize(
    ("live", "cause", "difference"),
    [
        # twice the size earns twice as much
        ({"entry": (2.0, 100.0, 100.0), "exit_": (2.0, 110.0, 110.0)}, "amount", 9.79),
        ({"entry": (1.0, 101.0, 100.0)}, "price", -1.0),
        ({"exit_": (1.0, 109.0, 110.0)}, "price", -1.0),
        ({"exit_": (1.0, 112.0, 112.0)}, "timing", 2.0),
        ({"fee": 0.002}, "fee", -0.21),
    ],
)
def test_each_cause_is_told_by_itself(live, cause, difference):
    found = causes(trade(**live), trade())
    assert found[cause] == pytest.approx(difference)
    # a fee on another rate is all that moves along
    assert sum(abs(value) for name, value in found.items() if name != cause) < 0.003


def test_shorts_are_split_with_their_sign():
    short = {"is_short": True, "exit_": (1.0, 90.0, 90.0)}
    found = causes(trade(**short | {"entry": (1.0, 99.0, 100.0)}), trade(**short))
    assert found["price"] == pytest.approx(-1.0)


def test_the_parts_add_up_to_the_difference_whatever_happened():
    live = trade(entry=(1.7, 101.3, 100.9), exit_=(1.6, 107.0, 108.0), fee=0.00075)
    paper = trade(entry=(1.2, 100.1, 100.0), exit_=(1.19, 111.0, 110.5))
    assert sum(causes(live, paper).values()) == pytest.approx(live.profit_abs - paper.profit_abs)


def test_missed_signals_and_open_trades_are_counted_apart():
    live = [trade(1, 0), trade(2, 5000, is_open=True)]
    paper = [trade(1, 1), trade(2, 9000)]
    by_cause, by_trade = twin_tables(live, paper, "USDT")
    told = {row[0]: row[1:] for row in by_cause.rows}
    assert told["missed"] == ("0 live, 1 paper", "-9.790")
    assert told["all"] == ("2", "-9.790")
    assert "1 still open, not counted" in by_cause.note
    assert [row[2:5] for row in by_trade.rows] == [("-", "+9.790", "-9.790"), ("+9.790", "+9.790", "+0.000")]


def test_the_report_has_the_twin_on_its_page(small_url, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--db-url", small_url, "--twin", small_url, "--out", str(tmp_path)]) == 0
    assert "Live less paper, by cause (USDT)" in capsys.readouterr().out
    page = (tmp_path / "report.html").read_text()
    assert "<details open><summary><h2>Live and its paper twin</h2>" in page
    assert main(["--db-url", small_url, "--twin", "sqlite:///none.sqlite", "--out", str(tmp_path)]) == 1
    assert "there is no database" in capsys.readouterr().err


def test_a_report_without_a_twin_says_nothing_of_one(small_url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["--db-url", small_url, "--out", str(tmp_path)]) == 0
    assert "paper twin" not in (tmp_path / "report.html").read_text()
