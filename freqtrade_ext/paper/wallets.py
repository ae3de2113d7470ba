"""freqtrade's wallets, read from the paper account: FreqUI, sizes and exits see what is really there."""

from __future__ import annotations

import logging

from freqtrade.enums import TradingMode
from freqtrade.exchange import amount_to_contract_precision
from freqtrade.persistence import Trade
from freqtrade.wallets import PositionWallet, Wallet, Wallets
from sqlalchemy.exc import InvalidRequestError

from freqtrade_ext.fills.engine import Engine

logger = logging.getLogger(__name__)


class PaperWallets(Wallets):
    """
    Wallets that always show the paper account as it is. Mixed in by `install` only.

    Nothing is copied, so nothing is ever out of date. Stock freqtrade adds its dry-run balances up from
    trades (2026.9 wallets.py `_update_dry`): without fees in other assets and coins left behind, and from
    what the asking thread's database session remembers, which may be older than the last fill.
    """

    paper: Engine

    @property
    def _wallets(self) -> dict[str, Wallet]:
        return {
            currency: Wallet(currency, free, total - free, total)
            for currency, (free, total) in self.paper.balances().items()
        }

    @property
    def _positions(self) -> dict[str, PositionWallet]:
        return {
            pair: PositionWallet(pair, abs(amount), leverage, margin, "short" if amount < 0 else "long")
            for pair, (amount, margin, leverage) in self.paper.positions().items()
        }

    def _update_dry(self) -> None:
        """Copy nothing."""

    def get_starting_balance(self) -> float:
        """
        Return what the bot began with, in stake currency.

        Stock freqtrade infers it from the present balance, which coins left behind and fees in BNB lower.
        """
        if "available_capital" in self._config:
            return super().get_starting_balance()
        return float(self._start_cap.get(self._stake_currency, 0.0) * self._config["tradable_balance_ratio"])

    def check_exit_amount(self, trade: Trade) -> bool:
        """
        Cut the trade to the coins that are there; freqtrade asks before it looks at each open trade.

        Fees in BNB take from a position in BNB. freqtrade cuts only the exit order, or refuses it each time
        where more than 2 % are missing (2026.9 freqtradebot.py `_safe_exit_amount`). A position that the
        exchange has liquidated is gone: freqtrade then asks for the orders it does not know.
        """
        if trade.trading_mode == TradingMode.FUTURES:
            return self.get_owned(trade.pair, trade.safe_base_currency) >= trade.amount
        held = self.get_total(trade.safe_base_currency)
        # counted once more as the database has it now
        if held >= trade.amount or not _is_current(trade) or held >= trade.amount:
            return True
        logger.warning(
            "%s: trade %s counts on %.8g %s, fees have left %.8g",
            trade.pair,
            trade.id,
            trade.amount,
            trade.safe_base_currency,
            held,
        )
        if amount_to_contract_precision(held, trade.amount_precision, trade.precision_mode, None) > 0:
            _cut(trade, held)
        else:
            _give_up(trade)
        return True


def _is_current(trade: Trade) -> bool:
    """
    Read a trade anew; False where it is gone.

    A person may have deleted it since the bot read it, and its id be that of another one by now.
    """
    try:
        Trade.session.refresh(trade)
    except InvalidRequestError:
        return False
    return bool(trade.is_open)


def _cut(trade: Trade, held: float) -> None:
    """Count the coins that are missing as a fee of the last entry."""
    entries = trade.select_filled_orders(trade.entry_side)
    exits = trade.select_filled_orders(trade.exit_side)
    # `trade.amount` is cut to the lot, and would leave more than is there
    counted = sum(o.safe_amount_after_fee for o in entries) - sum(o.safe_filled for o in exits)
    entries[-1].ft_fee_base = entries[-1].safe_fee_base + counted - held
    trade.recalc_trade_from_orders()


def _give_up(trade: Trade) -> None:
    """Close a trade that has nothing left to sell: its stake is lost."""
    trade.exit_reason = "fees took its coins"
    trade.close(trade.open_rate)
    trade.realized_profit -= trade.stake_amount
    trade.close_profit_abs = trade.realized_profit
    trade.close_profit = trade.realized_profit / (trade.max_stake_amount or trade.stake_amount)
    Trade.commit()
