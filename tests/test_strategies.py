"""The shipped strategies: no look into the future, no indicator that depends on where it began."""

import json
import re

import pytest
from freqtrade.persistence import LocalTrade

from freqtrade_ext.plan.plan import Plan
from tests.bot_process import ROOT, Forked

pytestmark = pytest.mark.timeout(300)

SHIPPED = ("BreakoutStrategy", "AdaptiveSynergy", "MomentumBreakout", "VolatilityReversal")


@pytest.fixture(scope="module")
def freqtrade(overlay, candles, tmp_path_factory):
    """Run a command of freqtrade on the recorded candles, and return what it says."""
    folder = tmp_path_factory.mktemp("analysis")
    exchange = {**overlay["exchange"], "pair_whitelist": ["BTC/USDT"]}
    (folder / "markets.json").write_text(json.dumps({"exchange": exchange}))
    common = ["--config", "config.json", "--config", str(folder / "markets.json"), "--userdir", str(folder)]
    common += ["--strategy-path", "strategies", "--datadir", str(candles), "--timeframe", "1h"]

    def run(command, *arguments):
        process = Forked(folder, "freqtrade", command, *common, *arguments, cwd=ROOT, COLUMNS="250")
        said, _ = process.communicate(240)
        assert process.returncode == 0, said[-3000:]
        return said

    return run


@pytest.mark.parametrize("strategy", SHIPPED)
def test_trades_by_its_own_signals_and_the_plan(backtest, strategy):
    backtest(strategy, timerange="20230115-20230401", timeframe="1h")
    assert len(LocalTrade.bt_trades) >= 3
    for trade in LocalTrade.bt_trades:
        plan = Plan.from_json(trade.get_custom_data("plan"))
        assert trade.stop_loss == pytest.approx(plan.stop_rate, rel=1e-12, abs=trade.price_precision)
        assert trade.exit_reason in {"tp1", "tp2", "tp3", "stop_loss", "exit_signal", "force_exit"}
        assert trade.enter_tag in {"breakout", "pullback", "reversal", "momentum"}


def test_lookahead_analysis_finds_no_bias(freqtrade):
    output = freqtrade(
        "lookahead-analysis",
        *("--strategy-list", *SHIPPED),
        *("--timerange", "20230115-20230401", "--minimum-trade-amount", "3", "--targeted-trade-amount", "5"),
    )
    for strategy in SHIPPED:
        assert re.search(rf"{strategy}\W+No\b", output), output[-3000:]


@pytest.mark.parametrize("strategy", SHIPPED)
def test_recursive_analysis_finds_no_dependence_on_the_beginning(freqtrade, strategy):
    output = freqtrade(
        "recursive-analysis",
        *("--strategy", strategy, "--pairs", "BTC/USDT", "--timerange", "20230301-20230315"),
        *("--startup-candle", "500"),
    )
    # freqtrade wraps what it logs
    assert "No lookahead bias on indicators found" in " ".join(output.split())
    table = "".join(line for line in output.splitlines() if line.startswith("│"))
    changes = [float(change) for change in re.findall(r"(-?\d+\.\d+)%", table)]
    assert changes
    assert max(map(abs, changes)) < 0.01
