import json
import runpy
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.checks import SettingsError
from freqtrade_ext.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
NAMES = [f.name for f in fields(Settings)]


def read(**section):
    return Settings.from_config({"freqtrade_ext": section})


def test_defaults_are_the_numbers_of_the_specification():
    s = Settings.from_config({})
    assert (s.min_position, s.max_positions, s.reserve, s.low_balance) == (100, 3, 0.10, 300)
    assert (s.adx_trending, s.atr_choppy, s.atr_high, s.rsi_strong) == (25, 1.0, 3.0, 60)
    assert (s.stop_atr_high, s.stop_atr_mid, s.stop_atr_low) == (1.5, 1.8, 2.0)
    assert s.split_low_balance_open == (100, 0, 0)
    assert s.split_early == (60, 25, 15)
    assert s.split_strong == (25, 30, 45)
    assert s.split_standard == (40, 30, 30)
    assert s.targets_strong == (2, 4, 8)
    assert s.targets_early == (1.5, 2.5, 4)
    assert s.targets_standard == (1.8, 3.2, 5.5)
    assert (s.recent_trades, s.stop_after_tp) == (5, "stay")
    assert (s.latency_ms, s.fee_asset, s.bnb_discount) == ((50, 200), "received", 0.25)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("strategy", "SampleStrategy", "SampleStrategy"),
        ("strategy", None, None),
        ("keep", [], ()),
        ("keep", ["roi", "custom_exit"], ("roi", "custom_exit")),
        ("confidence", 0, 0.0),
        ("confidence", 100, 100.0),
        ("reserve", 0, 0.0),
        ("reserve", 0.999, 0.999),
        ("max_positions", 1, 1),
        ("low_balance", 0, 0.0),
        ("split_standard", [33.3, 33.3, 33.4], (33.3, 33.3, 33.4)),
        ("split_standard", [0, 0, 100], (0.0, 0.0, 100.0)),
        ("targets_strong", [2, 2, 2], (2.0, 2.0, 2.0)),
        ("latency_ms", [0, 0], (0.0, 0.0)),
        ("latency_ms", "measured", "measured"),
        ("maker_fill", "optimistic", "optimistic"),
        ("fee_asset", "bnb", "bnb"),
        ("seed", 0, 0),
        ("seed", -1, -1),
        ("feed", False, False),
    ],
)
def test_the_ends_of_what_is_allowed(name, value, kept):
    assert getattr(read(**{name: value}), name) == kept
    assert type(getattr(read(**{name: value}), name)) is type(kept)


@pytest.mark.parametrize(
    ("name", "value", "relation"),
    [
        ("confidence", -0.1, "must be >= 0, is -0.1"),
        ("confidence", 100.1, "must be <= 100, is 100.1"),
        ("adx_trending", 0, "must be > 0, is 0.0"),
        ("adx_trending", 101, "must be <= 100, is 101.0"),
        ("atr_choppy", 0, "must be > 0, is 0.0"),
        ("atr_low", 0, "must be > 0, is 0.0"),
        ("atr_high", -3, "must be > 0, is -3.0"),
        ("rsi_strong", 0, "must be > 0, is 0.0"),
        ("rsi_strong", 100, "must be < 100, is 100.0"),
        ("min_position", 0, "must be > 0, is 0.0"),
        ("max_positions", 0, "must be >= 1, is 0"),
        ("reserve", 1, "must be < 1, is 1.0"),
        ("reserve", -0.01, "must be >= 0, is -0.01"),
        ("max_cost", 0, "must be > 0, is 0.0"),
        ("max_cost", 1.1, "must be <= 1, is 1.1"),
        ("low_balance", -1, "must be >= 0, is -1.0"),
        ("split_low_balance_open", [99, 0, 0], "add up to 100, is [99.0, 0.0, 0.0]"),
        ("split_early", [60, 25, 16], "add up to 100, is [60.0, 25.0, 16.0]"),
        ("split_strong", [110, -5, -5], "add up to 100, is [110.0, -5.0, -5.0]"),
        ("split_standard", [0.4, 0.3, 0.3], "add up to 100, is [0.4, 0.3, 0.3]"),
        ("targets_strong", [4, 2, 8], "must be rising from 0, is [4.0, 2.0, 8.0]"),
        ("targets_early", [-1, 2, 4], "must be rising from 0, is [-1.0, 2.0, 4.0]"),
        ("targets_standard", [5.5, 3.2, 1.8], "must be rising from 0, is [5.5, 3.2, 1.8]"),
        ("stop_atr_high", 0, "must be > 0, is 0.0"),
        ("stop_atr_mid", -1, "must be > 0, is -1.0"),
        ("stop_atr_low", 0, "must be > 0, is 0.0"),
        ("recent_trades", 0, "must be >= 1, is 0"),
        ("latency_ms", [-1, 50], "must be rising from 0, is [-1.0, 50.0]"),
        ("latency_ms", [200, 50], "must be rising from 0, is [200.0, 50.0]"),
        # time.sleep ends the bot from about 1e19 ms on; long before it would seem to hang
        ("latency_ms", [50, 1e300], "must be <= 60000, is [50.0, 1e+300]"),
        # no plan has a target at its entry, so that there would never be a trade
        ("targets_strong", [0, 2, 4], "must be > 0, is [0.0, 2.0, 4.0]"),
        ("targets_early", [0, 0, 0], "must be > 0, is [0.0, 0.0, 0.0]"),
        ("max_positions", 10**400, f"must be int, is {10**400}"),
        ("bnb_discount", 1, "must be < 1, is 1.0"),
        ("maker_fee", 0.02, "must be <= 0.01, is 0.02"),
        ("taker_fee", -0.001, "must be >= 0, is -0.001"),
        ("feed_fresh_ms", 0, "must be > 0, is 0.0"),
        ("keep", ["stoploss"], "'trailing', 'adjust_trade_position'), is ['stoploss']"),
        ("keep", "roi", "must be a list, is 'roi'"),
        ("state_timeframe", "2d", "'3d', '1w'), is 2d"),
        ("stop_after_tp", "move", "must be one of stay, break_even, previous, trail, is 'move'"),
        ("trail_percent", 100, "must be < 100, is 100.0"),
        ("time_limit_hours", 0, "must be > 0, is 0.0"),
        ("targets_strong", [2, 4], "targets_* and split_* (3), is [2.0, 4.0]"),
        ("targets_standard", [], "targets_* and split_* (3), is []"),
        ("split_early", [25] * 4, "targets_* and split_* (3), is [25.0, 25.0, 25.0, 25.0]"),
        ("maker_fill", "", "must be one of pessimistic, expected, optimistic, is ''"),
        ("fee_asset", "BNB", "must be one of received, quote, bnb, is 'BNB'"),
    ],
)
def test_beyond_a_limit(name, value, relation):
    with pytest.raises(SettingsError) as error:
        read(**{name: value})
    assert str(error.value).startswith(f"freqtrade_ext.{name} must be ")
    assert str(error.value).endswith(relation)


def test_every_setting_with_a_limit_has_one_broken_above():
    marks = [m for m in test_beyond_a_limit.pytestmark if m.name == "parametrize"]
    tried = {case[0] for mark in marks for case in mark.args[1]}
    limited = {f.name for f in fields(Settings) if set(f.metadata) - {"unit", "meaning"}}
    assert limited <= tried


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("min_position", "100"),
        ("min_position", None),
        ("min_position", True),
        ("min_position", [100]),
        ("max_positions", 3.0),
        ("max_positions", "3"),
        ("max_positions", True),
        ("recent_trades", 2.5),
        ("feed", 1),
        ("feed", "true"),
        ("seed", 1.5),
        ("seed", False),
        ("strategy", 5),
        ("strategy", ["A"]),
        ("keep", "roi"),
        ("keep", [1]),
        ("latency_ms", 100),
        ("latency_ms", [50]),
        ("latency_ms", [50, 100, 200]),
        ("latency_ms", "fast"),
        ("latency_ms", ["50", "200"]),
        ("split_standard", [100, 0]),
        ("split_standard", {"tp1": 40}),
        ("targets_strong", [2, None, 8]),
        ("fee_asset", ["bnb"]),
        ("fee_asset", None),
    ],
)
def test_wrong_type(name, value):
    with pytest.raises(SettingsError, match=rf"^freqtrade_ext\.{name} must be "):
        read(**{name: value})


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", [f.name for f in fields(Settings) if isinstance(f.default, float)])
def test_not_a_finite_number(name, number):
    with pytest.raises(SettingsError, match=rf"^freqtrade_ext\.{name} must be finite"):
        read(**{name: number})


@pytest.mark.parametrize(
    "name", [f.name for f in fields(Settings) if f.metadata.get("total") or "ms" in f.name]
)
def test_no_finite_number_inside_a_list(name):
    length = len(getattr(Settings(), name)) if isinstance(getattr(Settings(), name), tuple) else 0
    value = [0.0] * (length - 1) + [float("nan")] if length else float("nan")
    with pytest.raises(SettingsError, match="must be finite"):
        read(**{name: value})


def test_unknown_setting_lists_the_known_ones():
    with pytest.raises(SettingsError) as error:
        read(min_postion=50)
    assert str(error.value).startswith("freqtrade_ext.min_postion is unknown; settings are: adx_trending, ")
    assert "min_position" in str(error.value)


@pytest.mark.parametrize("section", [[], "x", 5, None])
def test_section_must_be_an_object(section):
    with pytest.raises(SettingsError, match=r"^freqtrade_ext must be an object of settings, is "):
        Settings.from_config({"freqtrade_ext": section})


def test_limits_hold_without_a_configuration_too():
    with pytest.raises(SettingsError, match=r"freqtrade_ext\.reserve must be < 1, is 1.2"):
        Settings(reserve=1.2)


def test_settings_do_not_change():
    with pytest.raises(FrozenInstanceError):
        Settings().reserve = 0.5


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=6,
)


@given(st.sampled_from(NAMES), json_values)
def test_any_json_is_accepted_or_refused_by_name(name, value):
    told = ""
    try:
        kept = getattr(read(**{name: value}), name)
    except SettingsError as error:
        told = str(error)
    if told:
        assert told.startswith(f"freqtrade_ext.{name} must be ")
    else:
        # what was accepted is accepted again in the form it took
        assert getattr(read(**{name: kept}), name) == kept


def test_the_documentation_is_made_of_the_class(capsys):
    runpy.run_path(str(ROOT / "docs" / "make_settings.py"), run_name="__main__")
    assert (ROOT / "docs" / "settings.md").read_text() == capsys.readouterr().out, "run `make docs`"


def test_config_json_is_valid_and_has_the_defaults():
    config = json.loads((ROOT / "config.json").read_text())
    assert Settings.from_config(config) == Settings()
