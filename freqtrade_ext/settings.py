"""The `freqtrade_ext` section of config.json, validated once at start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, get_type_hints

from freqtrade_ext.checks import SettingsError, check, check_counts, typed

MakerFill = Literal["pessimistic", "expected", "optimistic"]
FeeAsset = Literal["received", "quote", "bnb"]
Measured = Literal["measured"]
StopAfterTp = Literal["stay", "break_even", "previous", "trail"]
Percents = tuple[float, ...]
UNMEASURED_MS = (50.0, 200.0)
"""range of an order's way to the exchange where nothing better is known"""


def _setting(default: Any, unit: str, meaning: str, **limits: Any) -> Any:
    """Declare a field with what `docs/settings.md`, the checks and hyperopt need to know about it."""
    return field(default=default, metadata={"unit": unit, "meaning": meaning, **limits})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of the product; the defaults are the numbers of `spec.md`."""

    strategy: str | None = _setting(
        None, "class name", "strategy that `--strategy Managed` wraps, found on freqtrade's path"
    )
    keep: tuple[str, ...] = _setting(
        ("exit_signal",),
        "names",
        "what a wrapped strategy keeps of its own: exit_signal, custom_exit, roi, trailing, "
        "adjust_trade_position",
        choices=("exit_signal", "custom_exit", "roi", "trailing", "adjust_trade_position"),
    )
    confidence: float = _setting(
        70.0,
        "percent",
        "a signal class enters when its BUY confidence is above this",
        at_least=0,
        at_most=100,
    )

    state_timeframe: str | None = _setting(
        None,
        "timeframe",
        "candles of the market state; unless set, an hour or the strategy's own where that is longer",
        choices=(None, "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"),
    )
    adx_trending: float = _setting(
        25.0, "ADX", "trending from here on", above=0, at_most=100, space="thresholds"
    )
    atr_choppy: float = _setting(
        1.0,
        "percent",
        "ATR of a market without trend is choppy from here on, flat below",
        above=0,
        space="thresholds",
    )
    atr_low: float = _setting(1.0, "percent", "ATR below this is low volatility", above=0, space="thresholds")
    atr_high: float = _setting(
        3.0, "percent", "ATR above this is high volatility", above=0, space="thresholds"
    )
    rsi_strong: float = _setting(
        60.0,
        "RSI",
        "a strong long trend needs more; a short one less than 100 - this",
        above=0,
        below=100,
        space="thresholds",
    )

    min_position: float = _setting(
        100.0,
        "stake currency",
        "smallest position; by default $100, converted at the start where the stake currency is no dollar",
        above=0,
    )
    max_positions: int = _setting(
        3, "positions", "open at once; freqtrade's `max_open_trades` counts where it is lower", at_least=1
    )
    reserve: float = _setting(
        0.10, "ratio", "part of a position's share kept back", at_least=0, below=1, space="sizing"
    )

    max_cost: float = _setting(
        0.5,
        "ratio",
        "most that spread and fees may cost of a new position, as part of its stop distance",
        above=0,
        at_most=1,
    )
    exceed_stake_amount: bool = _setting(
        False, "", "with real money, positions may be larger than a `stake_amount` that is a number"
    )

    low_balance: float = _setting(
        300.0,
        "stake currency",
        "below this profits are taken early; by default $300, converted likewise",
        at_least=0,
        space="sizing",
    )
    split_low_balance_open: Percents = _setting(
        (100.0, 0.0, 0.0), "percent", "sold at each target on a low balance with a position open", total=100
    )
    split_early: Percents = _setting(
        (60.0, 25.0, 15.0),
        "percent",
        "on a low balance, in chop, in high volatility",
        total=100,
        space="targets",
    )
    split_strong: Percents = _setting(
        (25.0, 30.0, 45.0), "percent", "in a strong trend", total=100, space="targets"
    )
    split_standard: Percents = _setting(
        (40.0, 30.0, 30.0), "percent", "otherwise", total=100, space="targets"
    )
    targets_strong: Percents = _setting(
        (2.0, 4.0, 8.0),
        "percent of entry",
        "TP levels in a strong trend",
        above=0,
        rising=True,
        space="targets",
    )
    targets_early: Percents = _setting(
        (1.5, 2.5, 4.0),
        "percent of entry",
        "TP levels in chop or high volatility",
        above=0,
        rising=True,
        space="targets",
    )
    targets_standard: Percents = _setting(
        (1.8, 3.2, 5.5), "percent of entry", "TP levels otherwise", above=0, rising=True, space="targets"
    )
    stop_atr_high: float = _setting(1.5, "ATR", "stop distance in high volatility", above=0, space="stops")
    stop_atr_mid: float = _setting(1.8, "ATR", "stop distance in moderate volatility", above=0, space="stops")
    stop_atr_low: float = _setting(2.0, "ATR", "stop distance in low volatility", above=0, space="stops")
    stop_after_tp: StopAfterTp = _setting(
        "stay",
        "",
        "the stop stays after a target, or moves: to break-even, to the target before (break-even after "
        "TP1), or behind the best rate",
    )
    trail_percent: float = _setting(
        1.0, "percent", "from the best rate to the stop that trails it", above=0, below=100
    )
    time_limit_hours: float | None = _setting(
        None, "hours", "a trade that is older is closed; unless set, none is", above=0
    )
    recent_trades: int = _setting(5, "trades", "closed trades that tell a losing streak", at_least=1)

    backtest_costs: str | bool = _setting(
        False,
        "path",
        "file of `freqtrade-ext costs`, by which each market order pays spread, depth and delay; true is "
        "costs.json in the user directory",
    )

    latency_ms: tuple[float, float] | Measured = _setting(
        UNMEASURED_MS,
        "ms",
        "time an order takes to the exchange, and its answer back: drawn from this range, or `measured`: "
        "half of one of the live feed's last round trips to the exchange",
        at_least=0,
        at_most=60_000,  # Binance takes no order that is older (`recvWindow`)
        rising=True,
    )
    maker_fill: MakerFill = _setting("expected", "", "which estimate fills resting orders")
    fee_asset: FeeAsset = _setting(
        "received",
        "",
        "what fees are paid in: the asset received, the quote currency, or BNB (leaves no coins behind)",
    )
    maker_fee: float | None = _setting(
        None, "ratio", "of your fee tier; none takes the venue's lowest tier", at_least=-0.01, at_most=0.01
    )
    taker_fee: float | None = _setting(
        None, "ratio", "of your fee tier; none takes the venue's lowest tier", at_least=0, at_most=0.01
    )
    bnb_discount: float = _setting(
        0.25,
        "ratio",
        "discount on fees paid in BNB: Binance gives 0.25 on spot, 0.1 on futures",
        at_least=0,
        below=1,
    )
    seed: int | None = _setting(None, "", "makes the latency draws repeatable")
    feed: bool = _setting(True, "", "follow books and trades by WebSocket")
    feed_fresh_ms: float = _setting(1000.0, "ms", "older WebSocket data gives way to REST", above=0)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Settings:
        """
        Read and check the `freqtrade_ext` section.

        :param config: freqtrade's configuration; a missing section means all defaults.
        :raises SettingsError: naming the setting, the relation and the value.
        """
        section = config.get("freqtrade_ext", {})
        if not isinstance(section, Mapping):
            raise SettingsError(f"freqtrade_ext must be an object of settings, is {section!r}")
        known = {f.name for f in fields(cls)}
        for name in section:
            if name not in known:
                raise SettingsError(
                    f"freqtrade_ext.{name} is unknown; settings are: {', '.join(sorted(known))}"
                )
        types = get_type_hints(cls)
        return cls(**{name: typed(name, types[name], value) for name, value in section.items()})

    def __post_init__(self) -> None:
        check_counts({f.name: getattr(self, f.name) for f in fields(self)})
        for f in fields(self):
            check(f.name, getattr(self, f.name), f.metadata)
