"""What is logged, shown, sent, stored and drawn of a trade's orders."""

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from freqtrade.persistence import Trade

from freqtrade_ext.strategy import position as trades
from freqtrade_ext.strategy.screen import SCREEN
from tests.strategy import test_manager
from tests.strategy.test_manager import PAIR, entered, fill, new_manager

trade = test_manager.trade


@pytest.fixture
def shown(caplog):
    caplog.set_level(logging.INFO)
    SCREEN.addHandler(logging.NullHandler())

    def shown():
        """Lines of the log and of the screen, and no more of them the next time."""
        logged = [(record.name == SCREEN.name, record.getMessage()) for record in caplog.records]
        caplog.clear()
        return [[text for is_screen, text in logged if is_screen is where] for where in (False, True)]

    yield shown
    SCREEN.removeHandler(SCREEN.handlers[-1])


def test_an_entry_is_told_with_the_plan_that_it_got(trade, shown):
    manager = new_manager()
    entered(trade, manager)
    log, screen = shown()
    assert any(line.startswith("BTC/USDT 4/5 execution: Filled 10 BTC at 100.00") for line in log)
    assert any(line.startswith("BTC/USDT 5/5 monitoring: anchored to 100.00, sells all") for line in log)
    assert screen[0].startswith("BTC/USDT bought 10 at 100.00")
    assert trade.orders[0].ft_order_tag.endswith("slippage 0.000 %")
    assert trade.get_custom_data("realized_profit") is trade.get_custom_data("candles") is None
    assert [*manager.journal.chart._drawings[PAIR]] == [trade.id]


def test_an_exit_is_told_with_what_it_brought_and_its_candles_are_kept(trade, shown):
    manager = new_manager()
    entered(trade, manager)
    shown()
    story = trade.get_custom_data("story")
    manager.order_filled(trade, fill(trade, "sell", 2.5, 102.0, "tp1"))
    log, screen = shown()
    assert [line for line in log if "tp1: Filled 2.5 BTC at 102.00" in line]
    assert not [line for line in log if "/5 " in line]
    assert screen[0].startswith("BTC/USDT TP1 sold 25 % at 102.00 | +4.")
    assert trade.get_custom_data("realized_profit") == trade.realized_profit > 4
    assert trade.get_custom_data("candles")
    assert trade.get_custom_data("story") != story
    assert trade.orders[1].ft_order_tag.startswith("tp1 | slippage")
    assert [fill["side"] for fill in trade.get_custom_data("fills")] == ["buy", "sell"]
    assert manager.journal.chart._drawings[PAIR][trade.id].progress.sold[0] == pytest.approx(25)


@pytest.mark.parametrize("side", ["buy", "sell"])
def test_without_a_plan_an_order_is_logged_and_stored_alone(trade, shown, side):
    manager = new_manager()
    manager.journal.note(trade, trade.orders[0] if side == "buy" else fill(trade, "sell", 2.5, 102.0, "roi"))
    log, screen = shown()
    assert [line for line in log if "Filled" in line]
    assert screen == []
    assert len(trade.get_custom_data("fills")) == 1
    assert trade.get_custom_data("story") is None
    assert manager.journal.chart._drawings == {}


@pytest.mark.parametrize(
    ("telegram", "is_sent"),
    [
        ({"enabled": True, "allow_custom_messages": True}, True),
        ({"enabled": True, "allow_custom_messages": False}, False),
        ({"enabled": False, "allow_custom_messages": True}, False),
    ],
)
def test_what_is_watched_is_sent_where_a_messenger_takes_it_and_logged_elsewhere(
    trade,
    shown,
    telegram,
    is_sent,
):
    manager, sent = new_manager(), []
    strategy = manager.journal._strategy
    strategy.config = strategy.config | {"telegram": telegram, "discord": {"enabled": True}}
    strategy.dp.send_msg = lambda text, always_send: sent.append((text, always_send))
    plan = entered(trade, manager)
    log, _ = shown()
    assert [always for _, always in sent] == [True] * is_sent
    assert len([line for line in log if "5/5 monitoring" in line]) == (not is_sent)
    assert plan is not None


def test_trades_that_the_last_bot_closed_are_drawn_again(trade):
    entered(trade, new_manager())
    again = new_manager()
    again.journal.draw_recent()
    assert again.journal.chart._drawings == {}, "an open one is drawn with its next loop"
    trade.close(110.0)
    Trade.commit()
    again.journal.draw_recent()
    assert [*again.journal.chart._drawings[PAIR]] == [trade.id]


def test_the_way_of_a_live_order_is_measured_from_when_it_was_asked_for(trade):
    journal, order = new_manager().journal, trade.orders[0]
    journal.ask(PAIR)
    asked = journal._asked_ms[PAIR]
    assert asked == pytest.approx(time.time() * 1000, abs=60_000)
    order.order_date = datetime.fromtimestamp(asked / 1000, UTC)
    journal.note(trade, order)
    journal.note(trade, order)
    assert [fill["decision_ms"] for fill in trade.get_custom_data("fills")] == [asked, None]


def test_what_the_paper_engine_knows_of_an_order_goes_first(trade):
    journal = new_manager().journal
    mine = replace(trades.order_record(trade.orders[0]), average=99.0)
    journal._paper = SimpleNamespace(fill_record={"buy0": mine}.get)
    journal.note(trade, trade.orders[0])
    journal.note(trade, fill(trade, "sell", 1.0, 102.0))
    assert [fill["average"] for fill in trade.get_custom_data("fills")] == [99.0, 102.0]
