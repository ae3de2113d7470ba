"""Whatever is written into config.json, the settings are possible ones or refused by name."""

from dataclasses import fields

from hypothesis import example, given
from hypothesis import strategies as st

from freqtrade_ext.checks import SettingsError
from freqtrade_ext.settings import Settings
from tests.fuzz.hostile import json_values, numbers

names = st.sampled_from([f.name for f in fields(Settings)])
values = st.one_of(json_values, st.lists(numbers, min_size=2, max_size=3))
sections = st.one_of(json_values, st.dictionaries(st.one_of(names, st.text(max_size=5)), values, max_size=3))


@given(section=sections)
@example(section={"max_positions": 10**400})
@example(section={"keep": [["exit_signal"]]})
@example(section={"maker_fill": {"pessimistic": 1}})
def test_settings_are_possible_or_refused(section):
    try:
        settings = Settings.from_config({"freqtrade_ext": section})
    except SettingsError:
        return
    assert settings.min_position > 0
    assert settings.max_positions >= 1
    assert 0 <= settings.reserve < 1
    assert 0 <= settings.latency_ms[0] <= settings.latency_ms[1]
    for name in ("low_balance_open", "early", "strong", "standard"):
        assert abs(sum(getattr(settings, f"split_{name}")) - 100) < 1e-6
