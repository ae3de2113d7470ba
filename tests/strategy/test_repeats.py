import logging

import pytest

from freqtrade_ext.strategy.repeats import LOGGERS, Repeats, quieten


@pytest.fixture
def say():
    """Say something at a second, and return what of it the log shows."""
    repeats = Repeats()

    def say(second, message, level=logging.WARNING, *arguments):
        record = logging.LogRecord("freqtrade.freqtradebot", level, __file__, 1, message, arguments, None)
        record.created = 1_700_000_000.0 + second
        return record.getMessage() if repeats.filter(record) else None

    return say


def test_what_is_said_in_every_loop_is_said_once_a_minute_with_how_often(say):
    shown = [say(second, "Unable to exit trade BTC/USDT: empty") for second in range(130)]
    assert [text for text in shown if text] == [
        "Unable to exit trade BTC/USDT: empty",
        "Unable to exit trade BTC/USDT: empty (and 59 times since it was said last)",
        "Unable to exit trade BTC/USDT: empty (and 59 times since it was said last)",
    ]


def test_something_new_is_always_said(say):
    assert say(0, "Unable to exit trade %s", logging.ERROR, "BTC/USDT") == "Unable to exit trade BTC/USDT"
    assert say(1, "Unable to exit trade %s", logging.ERROR, "ETH/USDT") == "Unable to exit trade ETH/USDT"
    assert say(2, "Unable to exit trade %s", logging.ERROR, "BTC/USDT") is None


def test_changing_details_make_nothing_new(say):
    assert say(0, "No rate. Orderbook: {1}") == "No rate. Orderbook: {1}"
    assert say(1, "No rate. Orderbook: {2}") is None


def test_information_is_never_held_back(say):
    assert [say(second, "Bot heartbeat", logging.INFO) for second in range(3)] == ["Bot heartbeat"] * 3


def test_after_a_pause_it_is_said_again_as_if_new(say):
    assert [say(0, "empty"), say(200, "full"), say(201, "empty")] == ["empty", "full", "empty"]


def test_a_bot_started_again_in_the_process_filters_once():
    quieten()
    quieten()
    for name in LOGGERS:
        log = logging.getLogger(name)
        found = [known for known in log.filters if isinstance(known, Repeats)]
        assert len(found) == 1
        log.removeFilter(found[0])
