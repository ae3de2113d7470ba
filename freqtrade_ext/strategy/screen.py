"""
What a person sees of a running bot: short lines, where `freqtrade-ext trade` asked for them.

freqtrade's own log goes on as it is, into a file.
"""

from __future__ import annotations

from datetime import UTC, datetime

from freqtrade.persistence import Order, Trade
from freqtrade.strategy import IStrategy

from freqtrade_ext.plan.explain import ways_out
from freqtrade_ext.plan.plan import Plan
from freqtrade_ext.plan.progress import progress_of, progress_text
from freqtrade_ext.strategy import position as trades
from freqtrade_ext.strategy.screen_log import SCREEN, show
from freqtrade_ext.tags import stage_of, tag_of
from freqtrade_ext.text import rate_text

STATUS_SECONDS = 180


def show_entry(trade: Trade, order: Order, plan: Plan) -> None:
    """Show what an entry got, and what is to become of it."""
    done, to_do = ("sold short", "buys back") if trade.is_short else ("bought", "sells")
    percent = 100 * (plan.stop_rate / plan.entry_rate - 1)
    targets = ", ".join(f"{share:g} % {how}" for _, share, how in ways_out(plan))
    bought = f"{done} {order.safe_filled:.8g} at {rate_text(order.safe_price)}"
    cost = f"{order.safe_filled * order.safe_price:,.2f} {trade.stake_currency}"
    show(f"{trade.pair} {bought} for {cost} | stop {rate_text(plan.stop_rate)} ({percent:+.1f} %)")
    show(f"{trade.pair} {to_do} {targets}")
    for reason in plan.reasons[1:]:
        show(f"{trade.pair} why: {reason}")


def show_exit(trade: Trade, order: Order, plan: Plan) -> None:
    """Show what an exit brought, what is left and what comes next."""
    tag, position = tag_of(order.ft_order_tag), trades.read_position(trade)
    name = {"stop_loss": "stop"}.get(tag, tag.upper() if stage_of(tag) else tag)
    done = "bought back" if trade.is_short else "sold"
    percent = 100 * order.safe_filled / position.bought
    profit = trades.earned(trade, [order])
    rest = f"closed, {trades.earned(trade, trades.exits(trade)):+,.2f} {trade.stake_currency} in all"
    if (coins := position.left_behind) > 0:
        rest += f", {coins:.8g} {trade.safe_base_currency} left behind"
    if trade.is_open:
        progress = progress_text(plan, progress_of(plan, position), trade.stop_loss)
        rest = progress.partition(", ")[2]
    show(
        f"{trade.pair} {name} {done} {percent:.0f} % at {rate_text(order.safe_price)} | "
        f"{profit:+,.2f} {trade.stake_currency} | {rest}",
        "gain" if profit >= 0 else "loss",
    )


class Status:
    """A line every few minutes: the balance, and how far open trades are from their stop and next target."""

    def __init__(self, strategy: IStrategy) -> None:
        self._strategy = strategy
        self._shown = datetime.min.replace(tzinfo=UTC)
        self._seen: dict[str, tuple[float, str]] = {}

    def see(self, trade: Trade, plan: Plan | None, rate: float) -> None:
        """
        Note what an open trade is worth now.

        :param rate: that an exit would get.
        """
        if not SCREEN.handlers:
            return
        sign = -1 if trade.is_short else 1
        targets = [] if plan is None else [progress_of(plan, trades.read_position(trade)).next_target]
        levels = [("stop", trade.stop_loss)]
        levels += [("next", plan.target_rates[index]) for index in targets if plan and index is not None]
        away = ", ".join(f"{name} {sign * 100 * (level / rate - 1):+.1f} %" for name, level in levels)
        is_spot = trade.trading_mode.value == "spot"
        value = trade.amount * rate if is_spot else trade.calculate_profit(rate).profit_abs
        self._seen[trade.pair] = (value, f"{trade.pair} {rate_text(rate)} ({away})")

    def tell(self, now: datetime) -> None:
        """Show the line where it is due; called once per loop."""
        if (
            SCREEN.handlers
            and (now - self._shown).total_seconds() >= STATUS_SECONDS
            and self._strategy.wallets
        ):
            currency = self._strategy.config["stake_currency"]
            worth = self._strategy.wallets.get_total(currency) + sum(v for v, _ in self._seen.values())
            trades = ", ".join(text for _, text in self._seen.values()) or "no open trade"
            show(f"balance {worth:,.2f} {currency} | {trades}")
            self._shown = now
        self._seen.clear()
