"""
Let NautilusTrader's order book fill orders: a JSON case a line in, its fills out. Run by test_peer.py.

Its exchange simulator takes the fills of aggressive orders from `OrderBook.simulate_fills`.
"""

import json
import sys

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder
from nautilus_trader.model.enums import BookType, OrderSide
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, StrategyId, TraderId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder

PRECISION = 8
INSTRUMENT = InstrumentId.from_str("PAIR.VENUE")
NAMES = TraderId("TRADER-1"), StrategyId("STRATEGY-1"), INSTRUMENT, ClientOrderId("ORDER-1")


def fills(case):
    book = OrderBook(INSTRUMENT, BookType.L2_MBP)
    shown, own = (OrderSide.SELL, OrderSide.BUY) if case["side"] == "buy" else (OrderSide.BUY, OrderSide.SELL)
    for rate, amount in case["levels"]:
        book.add(BookOrder(shown, Price(rate, PRECISION), Quantity(amount, PRECISION), 0), 0, 0)
    wanted = own, Quantity(case["amount"], PRECISION)
    is_market = case["limit"] is None
    if is_market:
        order = MarketOrder(*NAMES, *wanted, UUID4(), 0)
    else:
        order = LimitOrder(*NAMES, *wanted, Price(case["limit"], PRECISION), UUID4(), 0)
    found = book.simulate_fills(order, PRECISION, PRECISION, is_market)
    return [(str(rate), str(amount)) for rate, amount in found]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(fills(json.loads(line))))
