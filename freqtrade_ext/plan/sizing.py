"""Position sizing: how much of the balance one position gets, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from freqtrade_ext.plan import NoTrade
from freqtrade_ext.settings import Settings
from freqtrade_ext.text import money


@dataclass(frozen=True, slots=True)
class AccountState:
    """What sizing and split need to know of the account at the moment of the decision."""

    balance: float
    """free stake currency that may be traded"""
    open_positions: int
    winners: int = 0
    """among the last `recent_trades` closed trades"""
    losers: int = 0


@dataclass(frozen=True, slots=True)
class Stake:
    """The size of a position; amounts in stake currency (with leverage, the margin)."""

    stake_amount: float
    per_position: float
    slots: int
    reason: str


def size_position(
    account: AccountState, exchange_minimum: float, settings: Settings, currency: str = "USDT"
) -> Stake:
    """
    Size a position by `spec.md` 2.

    :param exchange_minimum: smallest stake the exchange accepts, in stake currency.
    :param currency: stake currency, for the words.
    :raises NoTrade: the balance is too small, or no slot is left.
    """
    balance, smallest = account.balance, settings.min_position
    if not balance >= smallest:
        raise NoTrade(f"Balance {money(balance, currency)} < {money(smallest, currency)} minimum")
    affordable = int(balance / smallest + 1e-9)  # 0.3 / 0.1 is 2.9999999999999996
    free_slots = settings.max_positions - account.open_positions
    if free_slots < 1:
        raise NoTrade(
            f"No slot available: {account.open_positions} of {settings.max_positions} positions open"
        )
    slots = min(free_slots, affordable)
    per_position = max(smallest, balance / settings.max_positions)
    stake_amount = max(smallest, per_position * (1 - settings.reserve))
    reason = f"{money(per_position, currency)} per position, "
    if affordable < free_slots and not account.open_positions:
        reason += f"max {slots} positions"
    else:
        reason += f"{slots} slot{'s' if slots > 1 else ''} available"
    if stake_amount < exchange_minimum:
        if exchange_minimum > balance:
            raise NoTrade(
                f"Balance {money(balance, currency)} < {money(exchange_minimum, currency)} "
                "minimum of the exchange"
            )
        stake_amount = exchange_minimum
        reason += f", raised to the exchange's minimum of {money(exchange_minimum, currency)}"
    return Stake(stake_amount, per_position, slots, reason)


def asked_position(
    asked: float, account: AccountState, exchange_minimum: float, currency: str = "USDT"
) -> Stake:
    """
    Size a position as a person asks for it: neither `min_position` nor the slots count.

    :param asked: stake currency.
    :param exchange_minimum: smallest stake the exchange accepts, in stake currency.
    :raises NoTrade: the balance does not cover it, or the exchange does not accept it.
    """
    wish = f"{money(asked, currency)} are asked for"
    if asked > account.balance:
        raise NoTrade(f"{wish}, {money(account.balance, currency)} are free")
    if asked < exchange_minimum:
        raise NoTrade(f"{wish}, the exchange's minimum is {money(exchange_minimum, currency)}")
    return Stake(asked, asked, 1, wish)


def payable_amount(
    fills: Iterable[tuple[float, float]], balance: float, fee_ratio: float = 0.0, leverage: float = 1.0
) -> float:
    """
    Return how much of a book walk a balance pays for.

    :param fills: (rate, amount in base units), in the order in which the walk takes them.
    :param balance: free stake currency.
    :param fee_ratio: fee that is paid in stake currency on top.
    :return: base units; all of the walk where the balance suffices.
    """
    amount = 0.0
    for rate, taken in fills:
        unit_cost = rate * (1 / leverage + fee_ratio)
        if unit_cost * taken > balance:
            return amount + balance / unit_cost
        balance -= unit_cost * taken
        amount += taken
    return amount


def trim_to_balance(
    stake: Stake,
    fills: Sequence[tuple[float, float]],
    rate: float,
    balance: float,
    exchange_minimum: float,
    fee_ratio: float = 0.0,
    leverage: float = 1.0,
    currency: str = "USDT",
) -> Stake:
    """
    Trim a stake whose order would cost more than the balance.

    :param fills: what the order for the stake would take of the book: (rate, amount in base units).
    :param rate: quote per base at which freqtrade turns the stake into an amount.
    :param exchange_minimum: smallest stake the exchange accepts, in stake currency.
    :raises NoTrade: what the balance pays for is below the exchange's minimum.
    """
    walked = sum(amount for _, amount in fills)
    amount = payable_amount(fills, balance, fee_ratio, leverage)
    if amount >= walked * (1 - 1e-12):
        return stake
    stake_amount = amount * rate / leverage
    if stake_amount < exchange_minimum:
        raise NoTrade(
            f"Balance {money(balance, currency)} pays for {money(stake_amount, currency)} of this book, "
            f"the exchange's minimum is {money(exchange_minimum, currency)}"
        )
    reason = f"{stake.reason}, trimmed to what the balance pays for"
    return replace(stake, stake_amount=stake_amount, reason=reason)


def trim_to_order(stake: Stake, most: float) -> Stake:
    """
    Cut a stake to what one market order may buy.

    :param most: in stake currency.
    """
    if stake.stake_amount <= most:
        return stake
    reason = f"{stake.reason}, cut to the exchange's largest market order"
    return replace(stake, stake_amount=most, reason=reason)


def check_cost(stop_percent: float, spread_percent: float, fees_percent: float, most: float) -> None:
    """
    Refuse a position that would lose most of what it risks at once.

    The stop then lies below the best bid (above the best ask, for shorts) by the rest of its distance.

    :param stop_percent: distance of the stop from the entry.
    :param spread_percent: of the book, 0 where there is none.
    :param fees_percent: of entry and exit together.
    :param most: part of the stop distance that both may cost.
    :raises NoTrade: naming each number; all are percent of the entry rate.
    """
    cost = spread_percent + fees_percent
    if not cost <= stop_percent * most * (1 + 1e-9):  # 0.4 + 0.2 is 0.6000000000000001
        raise NoTrade(
            f"Spread {spread_percent:.3g}% + fees {fees_percent:.3g}% = {cost:.3g}% > {most:g} x the stop "
            f"distance {stop_percent:.3g}% (freqtrade_ext.max_cost)"
        )
