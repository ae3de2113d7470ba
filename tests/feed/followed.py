"""The embedded exchange and each venue's stub with a feed that follows one pair of theirs."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

from freqtrade.enums import RunMode
from freqtrade.resolvers import ExchangeResolver

from freqtrade_ext.paper.install import new_feed
from freqtrade_ext.replica import Replica
from tests.bot_process import wait_until
from tests.feed.test_feed import PRICING, control

BIDS, ASKS = [(104_000, 0.5), (103_990, 2)], [(104_010, 0.25), (104_030, 1)]


class Binance:
    """The embedded exchange with the stubs' words."""

    def __init__(self, pairs, *, futures=False, **kwargs):
        spot = [pair.partition(":")[0] for pair in pairs]
        self._replica = Replica(seed=1, pairs=spot, scenario="calm", activity=3.0)
        self.pairs, self._is_futures = pairs, futures

    def __enter__(self):
        self._replica.__enter__()
        return self

    def __exit__(self, *error):
        return self._replica.__exit__(*error)

    def overlay(self):
        return self._replica.overlay(is_futures=self._is_futures)

    def book(self, base, bids, asks):
        control(self._replica, "book", symbol=f"{base}USDT", bids=bids, asks=asks)

    def take(self, base, side, amount):
        control(self._replica, "trade", symbol=f"{base}USDT", side=side, amount=amount)

    def silence(self, pattern):
        control(self._replica, "fault", stream=pattern, kind="silence", seconds=600)

    def speak(self):
        control(self._replica, "fault", clear=True)


@contextmanager
def followed(venue, pair, *, is_quiet, **stub):
    """The venue, and a feed that is in step with its pair and asked about it."""
    with ExitStack() as stack:
        market = stack.enter_context(venue([pair], futures=":" in pair, **stub))
        if is_quiet:
            market.book("BTC", BIDS, ASKS)
        exchange = ExchangeResolver.load_exchange(configuration(market), validate=True)
        stack.callback(exchange.close)
        feed = new_feed(exchange, 1000)
        stack.callback(feed.close)
        wait_until(lambda: feed.book(pair, 1), "the book", 20)
        yield market, feed


def configuration(market):
    config = market.overlay()
    config["exchange"] = {"pair_whitelist": market.pairs, "pair_blacklist": []} | config["exchange"]
    config["exchange"]["ccxt_config"]["enableRateLimit"] = False
    config |= {
        "dry_run": True,
        "dry_run_wallet": 500,
        "stake_currency": market.pairs[0].split("/")[1].split(":")[0],
        "runmode": RunMode.DRY_RUN,
        "trading_mode": config.get("trading_mode", "spot"),
        "margin_mode": config.get("margin_mode", ""),
        "timeframe": "5m",
        "entry_pricing": PRICING,
        "exit_pricing": PRICING,
    }
    return config


def served(feed, pair):
    """Ask as the bot does, for a look and for the tape."""
    feed.prints(pair, None)
    return feed.top(pair)


def lines(caplog, feed, text):
    """Return what a feed has said in the log with this text in it."""
    own = feed._thread.ident
    return [record.message for record in caplog.records if record.thread == own and text in record.message]


def at_once(test, cases):
    """
    Run a test for each case at the same time, as each waits most of its time.

    :param cases: name -> arguments.
    """
    with ThreadPoolExecutor(len(cases)) as pool:
        runs = {name: pool.submit(test, *case) for name, case in cases.items()}
    for name, run in runs.items():
        if (error := run.exception()) is not None:
            error.add_note(f"in the case {name}")
            raise error
