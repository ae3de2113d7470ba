"""What tests say to the embedded exchange."""

import json
import urllib.request
from typing import Any

import ccxt

from freqtrade_ext.replica import Replica


class Time:
    """A clock that stands still until told."""

    def __init__(self, ms: int) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms


def client(replica: Replica, **settings: Any) -> ccxt.binance:
    """The real ccxt client, led here by configuration alone."""
    section = replica.overlay()["exchange"]
    keys = {"apiKey": section["key"], "secret": section["secret"], "enableRateLimit": False, "timeout": 5000}
    return ccxt.binance(section["ccxt_config"] | keys | settings)


def control(replica: Replica, action: str, **body: Any) -> Any:
    """POST /control/<action>; HTTPError where it is refused."""
    request = urllib.request.Request(
        f"{replica.url}/control/{action}", json.dumps(body).encode(), method="POST"
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)
