"""`freqtrade-ext costs --db`: own fills beside recordings."""

import json

import pytest
from freqtrade.persistence import Trade

from freqtrade_ext.__main__ import main
from freqtrade_ext.run.costs import LEAST_FILLS
from tests.fidelity.test_scoreboard import Tiny
from tests.report.database import add_order, add_trade, database, record

RATE = 99.5


@pytest.fixture
def recording(tmp_path):
    tiny = Tiny(tmp_path / "still.txt").snapshot()
    for second in range(60):
        tiny.depth(1000 * second, (11 + second, 11 + second))
    tiny.path.write_text("".join(tiny.lines))
    return tiny.path


@pytest.fixture
def own(tmp_path):
    """Buys of 150 that paid 2 bps more than the best at their decision, and what is not to count."""
    file = tmp_path / "bot.sqlite"
    with database(f"sqlite:///{file}"):
        other_side, own_side = (RATE, None), (RATE * (1 - 10 / 1e4), RATE)
        for pair, count, amount, kind, bps, (decided, mid) in (
            ("BTC/USDT", LEAST_FILLS, 50 / RATE, "market", 7, own_side),
            ("BTC/USDT", LEAST_FILLS, 150 / RATE, "market", 2, other_side),
            ("BTC/USDT", LEAST_FILLS - 1, 500 / RATE, "market", 3, other_side),
            ("BTC/USDT", LEAST_FILLS, 150 / RATE, "limit", -9, other_side),
            ("ETH/USDT", LEAST_FILLS, 150 / RATE, "market", 5, other_side),
        ):
            for hour in range(count):
                trade = add_trade(pair, hour, open_rate=RATE)
                order = add_order(trade, "buy", amount, RATE * (1 + bps / 1e4), 0)
                Trade.commit()  # custom data has a session of its own
                fills = [record(order, decided, None, type=kind, mid_rate=mid)]
                trade.set_custom_data("fills", fills)
    return file


@pytest.mark.parametrize("is_url", [False, True])
def test_enough_own_fills_of_a_size_take_the_place_of_its_recorded_depth(
    recording, own, is_url, tmp_path, capsys
):
    out = tmp_path / "costs.json"
    named = f"sqlite:///{own}" if is_url else str(own)
    sizes = ["--sizes", "50", "150", "500"]
    assert main(["costs", str(recording), "--out", str(out), *sizes]) == 0
    before = json.loads(out.read_text())["pairs"]["BTCUSDT"]
    assert main(["costs", str(recording), "--out", str(out), *sizes, "--db", named]) == 0
    found = json.loads(out.read_text())["pairs"]
    # of 7 bps from the middle half of the recorded spread is charged already
    own_side = pytest.approx(7 - before["half_spread_bps"]["all"], abs=0.01)
    assert found["BTCUSDT"]["depth_bps"] == {**before["depth_bps"], "50": own_side, "150": pytest.approx(2)}
    own_fills = {"50": LEAST_FILLS, "150": LEAST_FILLS, "500": LEAST_FILLS - 1}
    assert found["BTCUSDT"]["count"]["own_fills"] == own_fills
    assert list(found) == ["BTCUSDT"]
    said = capsys.readouterr().out
    assert f"{5 * LEAST_FILLS - 1} own fills, {4 * LEAST_FILLS - 1} of them market orders" in said
    assert "which count for 50, 150" in said
    assert "BTCUSDT: only 12 looks at its book" in said  # a minute
    assert f"ETH/USDT: {LEAST_FILLS} own fills, but no recording tells its spread: left out" in said


def test_a_database_that_is_not_there_is_named(recording, tmp_path, capsys):
    out = tmp_path / "costs.json"
    assert main(["costs", str(recording), "--out", str(out), "--db", str(tmp_path / "no.sqlite")]) == 2
    assert "no.sqlite" in capsys.readouterr().err
    assert not out.exists()
