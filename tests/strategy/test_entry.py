"""Decisions on entries, of an account, a book and fees of plain values."""

from types import SimpleNamespace

import pytest
from freqtrade.persistence import init_db

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.settings import Settings
from freqtrade_ext.strategy import entry
from freqtrade_ext.strategy.entry import Entries
from tests.strategy.test_manager import OPENED, PAIR
from tests.strategy.test_plans import STATE


@pytest.fixture
def entries(monkeypatch):
    """Return the entries of a bot with 500 USDT, on a book of one level a side."""
    init_db("sqlite://")

    def entries(*, is_trading=True, paper=None, most=None, deep=50.0, fee=0.001, config=None, **settings):
        limits = {"limits": {"amount": {}, "market": {"max": most}}, "taker": 0.002}
        strategy = SimpleNamespace(
            config={"stake_currency": "USDT", "dry_run": True, "max_open_trades": 3, "fee": None}
            | (config or {}),
            wallets=SimpleNamespace(
                get_available_stake_amount=lambda: 500.0,
                get_trade_stake_amount=lambda pair, most, update: 50.0 * most,
            ),
            dp=SimpleNamespace(market=lambda pair: limits),
            order_types={"entry": "market"},
        )
        monkeypatch.setattr(entry, "sane_book", lambda *_: ([(99.98, deep)], [(100.0, deep)]))
        exchange = SimpleNamespace(get_fee=lambda symbol, taker_or_maker: fee)
        states = SimpleNamespace(last=lambda pair: STATE, timeframe="1h")
        made = Entries(strategy, Settings(**settings), exchange, states, paper, is_trading=is_trading)
        made._recent = SimpleNamespace(count=lambda: (2, 1))
        return made

    return entries


def decided(entries, *, minimum=5.0, leverage=1.0, asked=None, rate=100.0):
    return entries.decide(PAIR, False, OPENED, rate, minimum, leverage, asked)


def test_a_position_gets_its_share_and_the_decision_says_of_which_account(entries):
    stake, decision = decided(entries())
    assert stake == pytest.approx(150.0)
    assert decision.account == AccountState(500.0, 0, 2, 1)
    assert (decision.state, decision.is_short) == (STATE, False)


def test_a_stake_that_a_person_typed_in_is_told_from_what_the_wallets_propose(entries):
    bot = entries()
    assert bot.asked_stake(PAIR, 150.0) is None
    assert bot.asked_stake(PAIR, 120.0) == 120.0
    assert entries(is_trading=False).asked_stake(PAIR, 120.0) is None
    assert decided(bot, asked=120.0)[0] == pytest.approx(120.0)


@pytest.mark.parametrize(
    ("leverage", "most", "stake"), [(1.0, 1.0, 100.0), (4.0, 4.0, 100.0), (4.0, None, 150.0)]
)
def test_an_entry_is_cut_to_the_largest_market_order_with_its_leverage(entries, leverage, most, stake):
    assert decided(entries(most=most), leverage=leverage)[0] == pytest.approx(stake)


def test_real_money_stays_within_the_configured_stake(entries):
    real = {"dry_run": False, "original_config": {"stake_amount": 100}}
    with pytest.raises(NoTrade, match="exceed stake_amount 100"):
        decided(entries(config=real))
    for bot in (
        entries(config=real, exceed_stake_amount=True),
        entries(config=real | {"dry_run": True}),
        entries(config=real, is_trading=False),
        entries(config=real | {"original_config": {"stake_amount": 300}}),
    ):
        assert decided(bot)[0] > 100


@pytest.mark.parametrize(("fee", "is_traded"), [(0.001, True), (0.01, False)])
def test_no_entry_where_fees_lose_most_of_what_the_stop_risks(entries, fee, is_traded):
    if is_traded:
        decided(entries(fee=fee))
    else:
        with pytest.raises(NoTrade):
            decided(entries(fee=fee))


def test_the_fee_of_a_backtest_is_the_configured_one_else_the_market_s(entries):
    assert entries(is_trading=False)._taker_fee(PAIR) == 0.002
    assert entries(is_trading=False, config={"fee": 0.0})._taker_fee(PAIR) == 0
    assert entries(fee=0.003)._taker_fee(PAIR) == 0.003


@pytest.mark.parametrize(
    ("paper", "asset", "mode", "fee"),
    [
        (None, "quote", "spot", 0.0),
        (object(), "quote", "spot", 0.001),
        (object(), "received", "spot", 0.0),
        (None, "received", "futures", 0.001),
    ],
)
def test_a_fee_in_stake_currency_comes_on_top_of_the_cost(entries, paper, asset, mode, fee):
    assert entries(paper=paper, fee_asset=asset, config={"trading_mode": mode})._fee_on_top(PAIR) == fee


def test_a_further_entry_gets_no_more_than_a_new_one_in_its_place(entries):
    bot = entries()
    bot.account_state = lambda: AccountState(500.0, 3)
    assert bot.further(1000.0) == pytest.approx(bot.further(400.0))
    assert bot.further(20.0) == 20.0
    bot.account_state = lambda: AccountState(500.0, 4)
    with pytest.raises(NoTrade):
        bot.further(20.0)


def test_a_trade_that_came_without_a_plan_counts_as_not_opened_yet(entries):
    bot, trade = entries(), SimpleNamespace(pair=PAIR, id=1, stake_amount=1000.0, is_short=False)
    bot.account_state = lambda: AccountState(500.0, 2, 2, 1)
    assert bot.take_over(trade).account == AccountState(1500.0, 1, 2, 1)
