from pathlib import Path

import pytest
from freqtrade.persistence import Trade
from hypothesis import settings

from tests.backtests import backtest, candles, overlay  # noqa: F401  # fixtures for all

# hypothesis draws the same examples each time; `make fuzz` draws new ones
settings.load_profile("ci")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what may take longest, so that no worker is left with it at the end."""

    def seconds(item: pytest.Item) -> float:
        timeout = item.get_closest_marker("timeout")
        return timeout.args[0] if timeout else 0

    items.sort(key=seconds, reverse=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded market data; a user's clone does not have it."""
    if not SHARED_DATA.is_dir():
        pytest.skip("recorded market data (../shared/data) is not beside this clone")
    return SHARED_DATA


@pytest.fixture
def no_database(monkeypatch):
    """Forget the database that a test before left in freqtrade's classes: the engine would go on with it."""
    monkeypatch.delattr(Trade, "session", raising=False)
