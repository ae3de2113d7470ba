"""The plan of a trade: stop, targets, and what part of the position is sold at each."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, TypeVar

from freqtrade_ext.plan.market_state import MarketState
from freqtrade_ext.plan.sizing import AccountState
from freqtrade_ext.settings import Percents, Settings

T = TypeVar("T")


class PlanError(ValueError):
    """The numbers cannot be a plan; the message names the relation and the values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Made once per trade, at the signal; anchored to what the entry really paid."""

    is_short: bool
    entry_rate: float
    """average the entry paid, quote per base"""
    stop_rate: float
    target_rates: Percents
    shares: Percents
    """percent of the position sold at each target"""
    stop_percent: float
    """distance from the entry, percent, positive"""
    target_percents: Percents
    reasons: tuple[str, str, str]
    """of the stake, the split and the levels"""
    trail_percent: float | None = None
    """how far behind the best rate a stop takes the last share, from its target on; None: sold there"""

    def __post_init__(self) -> None:
        rates = (self.stop_rate, self.entry_rate, *self.target_rates)
        if not all(map(math.isfinite, (*rates, *self.shares, self.stop_percent, *self.target_percents))):
            raise PlanError(f"a plan needs finite numbers, got {self}")
        if not len(self.target_rates) == len(self.shares) == len(self.target_percents) > 0:
            raise PlanError(f"a plan needs a share and a distance for each target, got {self}")
        ordered = tuple(sorted(rates, reverse=self.is_short))
        away = rates[0] != rates[1] != rates[2]
        if rates != ordered or not away or min(rates) <= 0:
            order = "falling" if self.is_short else "rising"
            raise PlanError(f"stop, entry and targets must be {order} from above 0, are {list(rates)}")
        if min(self.shares) < 0 or not math.isclose(sum(self.shares), 100):
            raise PlanError(f"shares must be at least 0 and add up to 100, are {list(self.shares)}")

    def anchored(self, entry_rate: float, round_rate: Callable[[float], float] | None = None) -> Plan:
        """
        Move the levels to another entry rate; split, distances and reasons stay.

        :param entry_rate: quote per base.
        :param round_rate: to the exchange's tick; left out where the tick is coarser than the plan.
        :raises PlanError: there is no such plan.
        """
        stop_rate, target_rates = level_rates(
            entry_rate, self.stop_percent, self.target_percents, self.is_short
        )
        exact = replace(self, entry_rate=entry_rate, stop_rate=stop_rate, target_rates=target_rates)
        if round_rate is None:
            return exact
        try:
            return replace(
                exact, stop_rate=round_rate(stop_rate), target_rates=tuple(map(round_rate, target_rates))
            )
        except PlanError:
            return exact

    def with_shares(self, shares: Iterable[float], why: str) -> Plan:
        """Return the plan with another split, and why behind the reason it had."""
        stake, split, levels = self.reasons
        return replace(self, shares=tuple(shares), reasons=(stake, f"{split} | {why}", levels))

    def stage(self, rate: float) -> int:
        """Count the targets that this rate has reached."""
        if self.is_short:
            return sum(rate <= target for target in self.target_rates)
        return sum(rate >= target for target in self.target_rates)

    def break_even_rate(self, fee_open: float, fee_close: float) -> float:
        """
        Return the rate at which closing the rest neither wins nor loses.

        :param fee_open: ratio paid at entry.
        :param fee_close: ratio paid at exit.
        """
        if self.is_short:
            return self.entry_rate * (1 - fee_open) / (1 + fee_close)
        return self.entry_rate * (1 + fee_open) / (1 - fee_close)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Any) -> Plan:
        """
        Restore a plan that `to_json` gave, without its trailing, which may have changed since.

        :raises PlanError: it is not one.
        """
        names = {f.name for f in fields(cls)}
        if not isinstance(stored, Mapping) or set(stored) | {"trail_percent"} != names:
            raise PlanError(f"a stored plan must have {', '.join(sorted(names))}, got {stored!r}")
        try:
            return cls(
                is_short=bool(stored["is_short"]),
                entry_rate=float(stored["entry_rate"]),
                stop_rate=float(stored["stop_rate"]),
                target_rates=tuple(map(float, stored["target_rates"])),
                shares=tuple(map(float, stored["shares"])),
                stop_percent=float(stored["stop_percent"]),
                target_percents=tuple(map(float, stored["target_percents"])),
                reasons=_three(map(str, stored["reasons"])),
            )
        except (TypeError, ValueError) as error:
            raise PlanError(f"stored plan {stored!r}: {error}") from error


def make_plan(
    state: MarketState,
    account: AccountState,
    entry_rate: float,
    is_short: bool,
    settings: Settings,
    stake_reason: str = "",
) -> Plan:
    """
    Return the plan of a trade by `spec.md` 3 and 4.

    :param entry_rate: quote per base.
    :param stake_reason: why the position has its size, to be kept with the plan.
    :raises PlanError: volatility is so high that the stop would be at or below 0.
    """
    shares, split_reason = choose_split(state, account, is_short, settings)
    stop_percent, target_percents, levels_reason = choose_levels(state, is_short, settings)
    stop_rate, target_rates = level_rates(entry_rate, stop_percent, target_percents, is_short)
    return Plan(
        is_short=is_short,
        entry_rate=entry_rate,
        stop_rate=stop_rate,
        target_rates=target_rates,
        shares=shares,
        stop_percent=stop_percent,
        target_percents=target_percents,
        reasons=(stake_reason, split_reason, levels_reason),
    )


def choose_split(
    state: MarketState, account: AccountState, is_short: bool, settings: Settings
) -> tuple[Percents, str]:
    """Choose the percent sold at each target, and say why; the first rule that matches (`spec.md` 3)."""
    if account.balance < settings.low_balance:
        if account.open_positions:
            shares = settings.split_low_balance_open
            return shares, f"Low balance + position open: Exit {shares[0]:g}% at TP1"
        return settings.split_early, "Low balance: Take profits early"
    if state.strong_trend(is_short, settings) and account.winners >= account.losers:
        return settings.split_strong, "Strong trend + no losing streak: Let winners run"
    if state.regime == "choppy":
        return settings.split_early, "Choppy market: Take profits early"
    if state.atr_pct > settings.atr_high:
        return settings.split_early, "High volatility: Take profits early"
    return settings.split_standard, "Standard allocation"


def choose_levels(state: MarketState, is_short: bool, settings: Settings) -> tuple[float, Percents, str]:
    """Choose the distances of stop and targets, in percent of the entry, and say why (`spec.md` 4)."""
    if state.atr_pct > settings.atr_high:
        multiple, volatility = settings.stop_atr_high, "High volatility (ATR {:.1f}%): Tight stop"
    elif state.atr_pct < settings.atr_low:
        multiple, volatility = settings.stop_atr_low, "Low volatility (ATR {:.1f}%): Moderate stop"
    else:
        multiple, volatility = settings.stop_atr_mid, "Moderate volatility (ATR {:.1f}%): Standard stop"
    if state.strong_trend(is_short, settings):
        targets, trend = settings.targets_strong, f"Strong {'down' if is_short else 'up'}trend: Extended TPs"
    elif state.regime == "choppy":
        targets, trend = settings.targets_early, "Choppy market: Early TPs"
    elif state.atr_pct > settings.atr_high:
        targets, trend = settings.targets_early, "High volatility: Early TPs"
    else:
        targets, trend = settings.targets_standard, "Standard TPs"
    return state.atr_pct * multiple, targets, f"{volatility.format(state.atr_pct)} | {trend}"


def level_rates(
    entry_rate: float, stop_percent: float, target_percents: Percents, is_short: bool
) -> tuple[float, Percents]:
    """Turn distances in percent into the rates of stop and targets, mirrored for shorts."""
    unit = (-entry_rate if is_short else entry_rate) / 100
    return entry_rate - unit * stop_percent, tuple(entry_rate + unit * p for p in target_percents)


def _three(values: Iterable[T]) -> tuple[T, T, T]:
    first, second, third = values
    return first, second, third
