import json
from dataclasses import replace

import pytest

from freqtrade_ext.fills.record import FillRecord

FILL = FillRecord(
    order_id="1",
    side="buy",
    requested=0.00143,
    filled=0.00143,
    average=104_879.58,
    decision_rate=104_878.47,
    levels=1,
    entry_latency_ms=87.2,
    fee_cost=0.00000143,
    fee_currency="BTC",
)


def test_a_record_survives_json_as_it_is():
    stored = json.loads(json.dumps(FILL.to_json()))
    assert FillRecord.from_json(stored) == FILL
    assert stored["slippage_bps"] == pytest.approx(0.1058, abs=1e-4)


def test_slippage_is_positive_where_it_is_worse_for_us():
    assert replace(FILL, side="sell").slippage_bps == pytest.approx(-0.1058, abs=1e-4)
    assert replace(FILL, filled=0.0, average=None).slippage_bps is None


def test_a_record_of_another_version_keeps_what_both_know():
    """Database of commit 24e92ca: fields that are gone are passed over, new ones are unknown."""
    old = {"order_id": "7", "decision_rate": 100, "filled": 1, "average": 101, "of_old": 1, "book_id": None}
    known = FillRecord.from_json(old)
    assert (known.order_id, known.average, known.book_id, known.stock_average) == ("7", 101.0, None, None)


@pytest.mark.parametrize(
    "stored",
    [None, [], "x", {}, {"decision_rate": 0}, {"decision_rate": float("nan")}, {"decision_rate": "100"}],
)
def test_what_was_decided_at_no_rate_is_no_record(stored):
    assert FillRecord.from_json(stored) is None


def test_a_fill_in_words_is_as_the_specification_has_it():
    assert FILL.words("BTC", "USDT") == (
        "Filled 0.00143 BTC at 104,879.58 (target 104,878.47, slippage 0.001 %, 1 level, 87 ms), fee 0.15"
    )


def test_partial_fill_and_fees_in_other_assets():
    part = replace(FILL, filled=0.001, levels=3, fee_cost=0.0002, fee_currency="BNB")
    assert part.words("BTC", "USDT") == (
        "Filled 0.001 of 0.00143 BTC at 104,879.58 (target 104,878.47, slippage 0.001 %, 3 levels, 87 ms), "
        "fee 0.0002 BNB"
    )
    assert replace(FILL, fee_cost=0.15, fee_currency="USDT").words("BTC", "USDT").endswith("fee 0.15")


def test_a_fill_of_a_real_exchange_has_no_levels():
    fill = replace(FILL, levels=0, entry_latency_ms=None, fee_cost=None)
    assert fill.words("BTC", "USDT") == (
        "Filled 0.00143 BTC at 104,879.58 (target 104,878.47, slippage 0.001 %)"
    )


def test_nothing_filled_in_words():
    assert replace(FILL, filled=0.0, average=None).words("BTC", "USDT") == "Filled nothing of 0.00143 BTC"
