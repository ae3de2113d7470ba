"""PlainBreakout, asked what stock freqtrade asks a strategy that sells in parts and moves its stop."""

from typing import Any

from benchmarks.strategies.plain_breakout import PlainBreakout


class PlainAdjusting(PlainBreakout):
    position_adjustment_enable = True
    use_custom_stoploss = True

    def adjust_trade_position(self, **kwargs: Any) -> None:
        return None

    def custom_stoploss(self, **kwargs: Any) -> None:
        return None
