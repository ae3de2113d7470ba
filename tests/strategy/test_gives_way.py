"""What is said at the start of a strategy under the plan."""

import logging

import pytest
from freqtrade.strategy import IStrategy

from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.gives_way import say_what_gives_way
from freqtrade_ext.strategy.managed import ManagedStrategy


class Theirs(IStrategy):
    stoploss = -0.2
    trailing_stop = True
    trailing_stop_positive = 0.02
    position_adjustment_enable = True

    def populate_exit_trend(self, dataframe, metadata):
        return dataframe

    def custom_exit(self, **kwargs):
        return "mine"

    def adjust_trade_position(self, **kwargs):
        return 30


class Steady(Theirs):
    trailing_stop = False


@pytest.fixture
def said(caplog):
    def run(theirs, **settings):
        with caplog.at_level(logging.INFO, "freqtrade_ext"):
            say_what_gives_way(
                type("Mine", (ManagedStrategy, theirs), {}), ManagedStrategy, Settings(**settings)
            )
        return [record.getMessage() for record in caplog.records]

    return run


def test_all_exits_that_do_not_run_are_kept_by_one_setting(said):
    """Two warnings named a `keep` each, of which the second undid the first."""
    assert (
        "Mine: its own exits (custom_exit, populate_exit_trend) do not run; keep them with "
        '"keep": ["roi", "exit_signal", "custom_exit"]'
    ) in said(Theirs, keep=("roi",))


def test_what_is_kept_is_not_said_to_give_way(said):
    runs, *more = said(Theirs, keep=("exit_signal", "custom_exit", "trailing", "adjust_trade_position"))
    assert runs.endswith("stake, stop and targets are the plan's, not its own stoploss")
    assert not more


def test_a_trailing_stop_that_is_kept_but_not_there_is_warned_of(said):
    *_, last = said(Steady, keep=("exit_signal", "custom_exit", "trailing", "adjust_trade_position"))
    assert last == "Mine has no trailing_stop, which freqtrade_ext.keep names"


@pytest.mark.parametrize(
    ("settings", "moves"),
    [
        ({"stop_after_tp": "break_even"}, ["after TP1 the stop moves to break-even"]),
        (
            {"stop_after_tp": "trail", "trail_percent": 0.5, "time_limit_hours": 3},
            ["after TP1 the stop follows 0.5 % behind the best rate", "a trade is closed after 3 hours"],
        ),
    ],
)
def test_what_becomes_of_stop_and_trade_is_said_at_the_start(said, settings, moves):
    assert said(Theirs, **settings)[-len(moves) :] == [f"Mine: {move}" for move in moves]
