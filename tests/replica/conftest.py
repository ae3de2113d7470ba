from collections.abc import Iterator

import ccxt
import pytest

from freqtrade_ext.replica import Replica
from tests.replica.talk import client


@pytest.fixture
def replica() -> Iterator[Replica]:
    with Replica(seed=3, pairs=["BTC/USDT", "ETH/USDT"], scenario="calm") as running:
        yield running


@pytest.fixture
def exchange(replica: Replica) -> ccxt.binance:
    return client(replica)
