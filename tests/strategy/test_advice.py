"""What of a configuration gives way to the plan, and what matters to true fills."""

import pytest

from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy.advice import balance_advice, matters, replaced, stake_limit

SETTINGS = Settings()
QUIET = {
    "initial_state": "running",
    "order_types": {"entry": "market", "exit": "market"},
    "entry_pricing": {"price_side": "other"},
    "exit_pricing": {"price_side": "other"},
    "internals": {"process_throttle_secs": 1},
}


@pytest.mark.parametrize(
    ("stake_amount", "limit"), [(150, 150.0), (75.5, 75.5), ("unlimited", None), (True, None), (None, None)]
)
def test_a_number_alone_limits_stakes(stake_amount, limit):
    assert stake_limit({"stake_amount": stake_amount}) == limit


@pytest.mark.parametrize(
    ("own", "lines"),
    [
        ({}, []),
        ({"stake_amount": "unlimited", "trailing_stop": False, "max_open_trades": 3}, []),
        (
            {"trailing_stop": True},
            ["trailing_stop True of the configuration does not count: by the plan it is False"],
        ),
        (
            {"stake_amount": 50, "stake_currency": "USDT"},
            [
                "stake_amount 50 of the configuration does not count: by the plan it is unlimited",
                "positions have a size of their own, 100 USDT at least (freqtrade_ext.min_position)",
            ],
        ),
        (
            {"max_open_trades": 4},
            [
                "max_open_trades 4 of the configuration is not reached: at most 3 positions are open at once "
                "(freqtrade_ext.max_positions)"
            ],
        ),
        ({"max_open_trades": float("inf")}, []),
    ],
)
def test_what_does_not_count_under_the_plan_is_said(own, lines):
    assert replaced(own, SETTINGS) == lines


def test_what_the_strategy_keeps_of_its_own_counts():
    assert replaced({"minimal_roi": {"0": 0.1}}, SETTINGS)
    assert replaced({"minimal_roi": {"0": 0.1}}, Settings(keep=("roi",))) == []


@pytest.mark.parametrize(
    ("wallet", "ratio", "is_advised"),
    [(100, 0.99, True), (100, 1.0, False), (102, 0.99, False), (99, 0.99, False), ({"BTC": 1}, 0.99, False)],
)
def test_an_account_that_only_looks_large_enough_is_explained(wallet, ratio, is_advised):
    own = {"dry_run_wallet": wallet, "tradable_balance_ratio": ratio}
    assert bool(balance_advice(own, SETTINGS)) is is_advised


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, []),
        ({"initial_state": "stopped"}, ["initial_state"]),
        ({"order_types": {"entry": "limit", "exit": "market"}}, ["order_types makes entry limit orders"]),
        ({"order_types": {"entry": "limit", "exit": "limit"}}, ["order_types makes entry and exit limit"]),
        ({"order_types": None}, []),
        ({"entry_pricing": {"price_side": "ask"}, "exit_pricing": {"price_side": "bid"}}, []),
        ({"entry_pricing": {"price_side": "bid"}}, ['entry_pricing.price_side "bid"']),
        ({"exit_pricing": {}}, ['exit_pricing.price_side "same"']),
        ({"internals": {"process_throttle_secs": 1.5}}, ["internals.process_throttle_secs 1.5"]),
        ({"internals": {}}, ["internals.process_throttle_secs 5"]),
    ],
)
def test_what_true_fills_depend_on_is_said(change, words):
    lines = matters(QUIET | change)
    assert len(lines) == len(words)
    assert all(line.startswith(start) for line, start in zip(lines, words, strict=True))
