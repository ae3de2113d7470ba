import re
import sqlite3
from contextlib import closing

import pytest
from freqtrade.persistence import Trade
from sqlalchemy import URL, text
from sqlalchemy.exc import DBAPIError

from freqtrade_ext.report.database import DatabaseError, _engine, read_trades
from tests.report.database import add_order, add_trade, database, fill_small
from tests.report.postgres import postgres_or_skip


@pytest.fixture(scope="module")
def postgres_url():
    with postgres_or_skip() as url:
        fill_small(url)
        yield url


def test_postgresql_tells_the_same_as_sqlite(postgres_url, small_url):
    from_postgres, from_sqlite = read_trades(postgres_url), read_trades(small_url)
    assert len(from_postgres) == 5
    assert from_postgres == from_sqlite


def refuses_to_write(url):
    engine = _engine(url)
    with engine.connect() as connection, pytest.raises(DBAPIError, match=r"read-?only"):
        connection.execute(text("delete from trades"))
    engine.dispose()
    assert len(read_trades(url)) == 5


def test_sqlite_is_opened_for_reading_only(small_url):
    refuses_to_write(small_url)


def test_postgresql_is_opened_for_reading_only(postgres_url):
    refuses_to_write(postgres_url)


def test_no_password_in_an_error(postgres_url):
    wrong = re.sub(r":\d+/", ":1/", postgres_url)
    with pytest.raises(DatabaseError, match=r"tester:\*\*\*@127.0.0.1:1/postgres cannot be read") as caught:
        read_trades(wrong)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:///no/such.sqlite", "there is no database sqlite:///no/such.sqlite: start the bot first"),
        ("sqlite://", "there is no database"),
        ("nonsense", "'nonsense' is no database URL"),
        ("magic://x/y", "there is no such kind of database"),
        ("mysql+mysqldb://x/y", "needs a driver: pip install"),
    ],
)
def test_wrong_urls(url, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DatabaseError, match=re.escape(message)) as caught:
        read_trades(url)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database(tmp_path):
    path = tmp_path / "some.sqlite"
    path.write_text("not a database at all" * 100)
    with pytest.raises(DatabaseError, match="file is not a database"):
        read_trades(f"sqlite:///{path}")


def test_a_database_of_something_else(tmp_path):
    with closing(sqlite3.connect(tmp_path / "some.sqlite")) as other:
        other.execute("create table songs (id int)")
    with pytest.raises(
        DatabaseError, match="not a database of freqtrade: it has no tables trades and orders"
    ):
        read_trades(f"sqlite:///{tmp_path}/some.sqlite")


def test_a_database_of_another_freqtrade(tmp_path):
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as old:
        old.execute("create table trades (id int)")
        old.execute("create table orders (id int)")
    with pytest.raises(DatabaseError, match=r"with freqtrade [\d.]+: no such column"):
        read_trades(f"sqlite:///{tmp_path}/old.sqlite")


def test_a_database_that_the_bot_has_just_made(tmp_path):
    (tmp_path / "none.sqlite").touch()
    assert read_trades(f"sqlite:///{tmp_path}/none.sqlite") == []
    with database(f"sqlite:///{tmp_path}/fresh.sqlite"):
        pass
    assert read_trades(f"sqlite:///{tmp_path}/fresh.sqlite") == []


@pytest.mark.parametrize("name", ["a b#c.sqlite", "a?mode=rwc.sqlite", "50%25.sqlite"])
def test_names_of_files_are_taken_literally(tmp_path, name):
    with database(f"sqlite:///{tmp_path}/plain.sqlite"):
        add_trade("BTC/USDT", 0)
    path = (tmp_path / "plain.sqlite").rename(tmp_path / name)
    assert len(read_trades(str(URL.create("sqlite", database=str(path))))) == 1


def test_broken_custom_data_is_left_out(tmp_path):
    url = f"sqlite:///{tmp_path}/broken.sqlite"
    with database(url):
        trade = add_trade("BTC/USDT", 0)
        add_order(trade, "buy", 1.0, 100.0, 0)
        Trade.commit()
        for key in ("plan", "fills", "market_state"):
            trade.set_custom_data(key, {})
    rows = {"plan": "{", "fills": "[" * 100_000, "market_state": '{"regime": NaN}'}
    with closing(sqlite3.connect(tmp_path / "broken.sqlite")) as broken, broken:
        for key, value in rows.items():
            broken.execute("update trade_custom_data set cd_value = ? where cd_key = ?", (value, key))
        broken.execute("insert into paper_state values ('order/1-1', 'null'), ('account', '')")
    (found,) = read_trades(url)
    assert (found.plan, found.regime, found.orders[0].record) == (None, "nan", None)
    assert found.orders[0].cost == 100
