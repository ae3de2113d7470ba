from pathlib import Path

import pytest
from freqtrade.persistence import Trade
from hypothesis import settings

from tests.backtests import backtest, candles, overlay  # noqa: F401  # fixtures for all

# hypothesis draws the same examples each time; `make fuzz` draws new ones
settings.load_profile("ci")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


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
