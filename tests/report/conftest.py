import pytest

from freqtrade_ext.report.database import read_trades
from freqtrade_ext.report.figures import Report, make_report
from tests.report.database import fill_small


@pytest.fixture(scope="session")
def small_url(tmp_path_factory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('report')}/small.sqlite"
    fill_small(url)
    return url


@pytest.fixture(scope="session")
def small(small_url) -> Report:
    return make_report(read_trades(small_url), start=500.0)
