import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from freqtrade.persistence import Trade
from hypothesis import settings

from tests.backtests import backtest, candles, overlay  # noqa: F401  # fixtures for all

# hypothesis draws the same examples each time; `make fuzz` draws new ones
settings.load_profile("ci")

LONG_SECONDS = 200
"""timeouts of tests that start bots or play hours of trading"""
SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what may take long, so that no worker is left with it at the end."""

    def is_short(item: pytest.Item) -> bool:
        timeout = item.get_closest_marker("timeout")
        return timeout is None or timeout.args[0] < LONG_SECONDS

    items.sort(key=is_short)


def pytest_collection_finish() -> None:
    """Look for garbage among what tests make only: what is imported, a million objects, stays anyway."""
    gc.freeze()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded market data; a user's clone does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("recorded market data (../shared/data) is not beside this clone")
    return SHARED_DATA


@pytest.fixture(scope="module", autouse=True)
def _nothing_left() -> Iterator[None]:
    """
    Forget the database of a file's tests: a later one's engine would look for it where it is no more.

    And what they left: markets are few objects of many megabytes, which Python looks for late.
    """
    yield
    if hasattr(Trade, "session"):
        Trade.session.remove()
        del Trade.session
    gc.collect()
