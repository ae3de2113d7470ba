"""A generated first-in-first-out market of strangers, and its tape in each form that is read."""

import gzip
import json
import lzma
import random
from itertools import count

KINDS = {1: "order_created", 2: "order_changed", 3: "order_deleted"}


class Fifo:
    """Price and time priority; `messages` are LOBSTER's: ms, type, id, amount (lots), rate (ticks), side."""

    def __init__(self):
        self.queues = {1: {}, -1: {}}
        self.messages, self.trades, self.ids, self.now = [], [], count(1), 0

    def best(self, side):
        return max(self.queues[side], key=lambda rate: side * rate) if self.queues[side] else None

    def tell(self, kind, order, amount, rate, side):
        self.messages.append((self.now, kind, order, amount, rate, side))

    def place(self, side, rate, amount):
        """What crosses takes first; an order that takes tells nothing of itself before it rests."""
        taker, bought = next(self.ids), amount
        while amount and self.queues[-side] and side * rate >= side * self.best(-side):
            level = self.best(-side)
            queue = self.queues[-side][level]
            order, there = queue[0]
            part = min(amount, there)
            amount -= part
            self.tell(4, order, part, level, -side)
            self.trades.append((self.now, order, taker, part, level, side, there - part))
            if part < there:
                queue[0] = (order, there - part)
            else:
                del queue[0]
                if not queue:
                    del self.queues[-side][level]
        if amount:
            self.queues[side].setdefault(rate, []).append((taker, amount))
            self.tell(1, taker, amount, rate, side)
        return taker if amount == bought else None

    def cancel(self, side, rate, at):
        queue = self.queues[side][rate]
        order, amount = queue.pop(at)
        self.tell(3, order, amount, rate, side)
        if not queue:
            del self.queues[side][rate]


def market(seed, seconds=400):
    """Quotes around a slowly moving rate; who came last cancels more often."""
    rng, fifo, fair = random.Random(seed), Fifo(), 10_000.0
    while fifo.now < seconds * 1000:
        fifo.now += rng.randint(1, 60)
        fair += rng.gauss(0, 0.05)
        side, action = rng.choice((1, -1)), rng.random()
        levels = fifo.queues[side]
        if action < 0.5:
            fifo.place(side, round(fair - side * rng.choice((1, 1, 1, 2, 3, 5))), rng.randint(1, 20))
        elif action < 0.92 and levels:
            rate = rng.choice([fifo.best(side), rng.choice(list(levels))])
            size = len(levels[rate])
            fifo.cancel(side, rate, max(rng.randrange(size) for _ in range(4)))
        elif fifo.best(-side) is not None:
            fifo.place(side, fifo.best(-side), rng.randint(1, 25))
    return fifo


def lobster(fifo, path):
    rows = (
        f"{ms / 1e3:.6f},{kind},{order},{amount},{rate * 100},{side}"
        for ms, kind, order, amount, rate, side in fifo.messages
    )
    path.write_text("\n".join(rows) + "\n")
    return [path]


def bitstamp(fifo, path):
    """As `record --orders` writes it, xz; each trade is told after the messages of its orders."""
    lines, trades = [snapshot(0)], iter(fifo.trades)
    for ms, kind, order, amount, rate, side in fifo.messages:
        data = {"id": order, "order_type": int(side < 0), "price_str": rate_text(rate)}
        if kind == 4:
            _, _, taker, part, level, taker_side, rest = next(trades)
            event = KINDS[2 if rest else 3]
            buy, sell = (taker, order) if taker_side > 0 else (order, taker)
            trade = {"id": len(lines), "type": int(taker_side < 0), "price_str": rate_text(level)}
            trade |= {"amount_str": f"{part:.8f}", "buy_order_id": buy, "sell_order_id": sell}
            data |= {"amount_str": f"{rest:.8f}"}
            lines += [
                message(ms, event, "live_orders", data),
                message(ms, "trade", "live_trades", trade),
            ]
            continue
        lines.append(message(ms, KINDS[kind], "live_orders", data | {"amount_str": f"{amount:.8f}"}))
    path.write_bytes(lzma.compress("\n".join(lines).encode() + b"\n"))
    return [path]


def rate_text(rate):
    return f"{rate / 100:.2f}"


def snapshot(ms):
    return f"{ms * 10**6} " + json.dumps({"microtimestamp": str(ms * 1000), "bids": [], "asks": []})


def message(ms, event, channel, data):
    data = {**data, "microtimestamp": str(ms * 1000)}
    return f"{ms * 10**6} " + json.dumps({"event": event, "channel": f"{channel}_btcusd", "data": data})


def csv(fifo, orders_path, trades_path):
    """As public collections of Bitstamp's channels are, gzip."""
    orders = ["id,timestamp,exchange_timestamp,price,volume,action,direction"]
    trades = ["trade_id,timestamp,exchange_timestamp,price,amount,buy_order_id,sell_order_id,side"]
    told = iter(fifo.trades)
    for ms, kind, order, amount, rate, side in fifo.messages:
        action, left = {1: "created", 3: "deleted"}.get(kind), amount
        if kind == 4:
            _, _, taker, part, level, taker_side, left = next(told)
            action = "changed" if left else "deleted"
            buy, sell = (taker, order) if taker_side > 0 else (order, taker)
            name = "buy" if taker_side > 0 else "sell"
            trades.append(f"{len(trades)},{ms},{ms},{rate_text(level)},{part},{buy},{sell},{name}")
        direction = "bid" if side > 0 else "ask"
        orders.append(f"{order},{ms},{ms},{rate_text(rate)},{left},{action},{direction}")
    orders_path.write_bytes(gzip.compress("\n".join(orders).encode()))
    trades_path.write_text("\n".join(trades))
    return [orders_path, trades_path]
