"""The lines a person sees: short, in money, and only where somebody asked for them."""

import json
import logging
import logging.config
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.strategy.screen import Status, show_entry, show_exit
from freqtrade_ext.strategy.screen_log import SCREEN, Short, log_config, show
from tests.report.database import add_order, add_trade, database

PLAN = Plan(
    is_short=False,
    entry_rate=100.0,
    stop_rate=98.8,
    target_rates=(102.0, 104.0, 108.0),
    shares=(25.0, 30.0, 45.0),
    stop_percent=1.2,
    target_percents=(2.0, 4.0, 8.0),
    reasons=("", "Standard allocation", "Standard TPs"),
)


@pytest.fixture
def lines():
    """What is shown, without the time."""
    handler = logging.Handler()
    shown = []
    handler.emit = lambda record: shown.append(record.getMessage())
    SCREEN.addHandler(handler)
    SCREEN.setLevel(logging.INFO)
    yield shown
    SCREEN.removeHandler(handler)
    SCREEN.setLevel(logging.NOTSET)


@pytest.fixture
def trade(tmp_path):
    """Four coins of 100 USDT, of which a fee in coins has taken one lot, 0.004."""
    with database(f"sqlite:///{tmp_path}/bot.sqlite"):
        trade = add_trade("BTC/USDT", 0, stop_loss=98.8, amount_precision=0.1, precision_mode=4)
        add_order(trade, "buy", 4.0, 100.0, 0, ft_fee_base=0.004)
        yield trade


def test_an_entry_says_what_it_got_what_becomes_of_it_and_why(trade, lines):
    show_entry(trade, trade.orders[0], PLAN)
    assert lines == [
        "BTC/USDT bought 4 at 100.00 for 400.00 USDT | stop 98.80 (-1.2 %)",
        "BTC/USDT sells 25 % at 102.00, 30 % at 104.00, 45 % at 108.00",
        "BTC/USDT why: Standard allocation",
        "BTC/USDT why: Standard TPs",
    ]
    assert max(map(len, lines)) <= 111  # with the time, 120 columns


def test_exits_say_what_they_brought_in_cash_and_what_comes_next(trade, lines):
    first = add_order(trade, "sell", 1.0, 102.0, 5, tag="tp1 | slippage 0.001 %")
    show_exit(trade, first, PLAN)
    # 102 less 0.1 %, less a 3.9th part of 400: the coins that nobody can sell are paid for
    profit = 102 * 0.999 - 400 / 3.9
    assert lines == [
        f"BTC/USDT TP1 sold 26 % at 102.00 | {profit:+.2f} USDT | 74 % left, next 104.00, stop 98.80"
    ]
    rest = add_order(trade, "sell", 2.9, 98.7, 9, tag="stop_loss")
    trade.close(98.7)
    show_exit(trade, rest, PLAN)
    cash = 102 * 0.999 + 2.9 * 98.7 * 0.999 - 400
    assert lines[1].startswith("BTC/USDT stop sold 74 % at 98.70 | -11.4")
    assert lines[1].endswith(f"| closed, {cash:+.2f} USDT in all, 0.096 BTC left behind")


def test_the_status_says_balance_and_distances_every_few_minutes(trade, lines):
    wallets = SimpleNamespace(get_total=lambda _: 100.0)
    status = Status(SimpleNamespace(config={"stake_currency": "USDT"}, wallets=wallets))
    start = datetime(2026, 11, 25, tzinfo=UTC)
    for seconds in (0, 1, 179, 180):
        status.see(trade, PLAN, 101.0)
        status.tell(start + timedelta(seconds=seconds))
    status.tell(start + timedelta(seconds=360))
    assert lines.pop() == "balance 100.00 USDT | no open trade"
    value = 100 + 101 * trade.amount
    text = f"balance {value:,.2f} USDT | BTC/USDT 101.00 (stop -2.2 %, next +1.0 %)"
    assert lines == [text, text]


def test_plain_freqtrade_shows_nothing_of_this(trade, caplog):
    show_entry(trade, trade.orders[0], PLAN)
    status = Status(SimpleNamespace())
    status.see(trade, PLAN, 101.0)
    status.tell(datetime.now(UTC))
    assert caplog.records == []


def log_in_process(tmp_path, monkeypatch, **about):
    """Format one record as the screen's handler does, on a terminal."""
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    record = logging.LogRecord("freqtrade", logging.INFO, "", 0, "text", None, None)
    record.__dict__.update(about)
    return Short().format(record)


@pytest.mark.parametrize(
    ("about", "shown"),
    [
        ({"tone": "gain"}, "\033[32mtext\033[0m"),
        ({"tone": "loss"}, "\033[31mtext\033[0m"),
        ({"levelno": logging.WARNING, "levelname": "WARNING"}, "\033[33mWARNING: text\033[0m"),
        ({"msg": "first\nsecond"}, "first (more in the log)"),
    ],
)
def test_colors_are_for_targets_stops_and_warnings(about, shown, tmp_path, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert log_in_process(tmp_path, monkeypatch, **about)[9:] == shown
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\033" not in log_in_process(tmp_path, monkeypatch, **about)


def test_the_file_has_freqtrades_whole_log_and_the_screen_what_matters(tmp_path, capsys):
    """In a process of its own by freqtrade; here the same configuration in this one."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    try:
        logging.config.dictConfig(json.loads(json.dumps(log_config(tmp_path / "bot.log"))))
        log = logging.getLogger("freqtrade.worker")
        log.info("Changing state to: RUNNING")
        log.info("Bot heartbeat")
        log.warning("trouble")
        show("BTC/USDT bought")
        shown = [line[9:] for line in capsys.readouterr().out.splitlines()]
    finally:
        for handler in (*root.handlers, *SCREEN.handlers):
            handler.close()
        root.handlers[:], root.level = before
        SCREEN.handlers.clear()
        SCREEN.propagate = True
    assert shown == ["Changing state to: RUNNING", "WARNING: trouble", "BTC/USDT bought"]
    written = (tmp_path / "bot.log").read_text()
    assert "freqtrade.worker - INFO - Bot heartbeat" in written
    assert "bought" not in written
