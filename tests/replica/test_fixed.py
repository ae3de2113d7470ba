import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.replica.fixed import cost, to_fixed, to_text


@pytest.mark.parametrize(
    ("number", "fixed"),
    [
        ("104878.48", 10_487_848_000_000),
        ("0.00001000", 1_000),
        ("-0.5", -50_000_000),
        ("7", 700_000_000),
        (".5", 50_000_000),
        ("1.000000000", 100_000_000),
        (0.1, 10_000_000),
        (1e-8, 1),
    ],
)
def test_reads_decimals_exactly(number: str | float, fixed: int) -> None:
    assert to_fixed(number) == fixed


@pytest.mark.parametrize("number", ["0.000000001", "", "abc", "1e5", float("nan"), float("inf")])
def test_refuses_what_is_no_decimal_of_eight_places(number: str | float) -> None:
    if number == "":
        assert to_fixed(number) == 0
    else:
        with pytest.raises(ValueError, match=r"decimal places|invalid literal"):
            to_fixed(number)


@given(st.integers(-(10**18), 10**18))
def test_writes_what_it_reads(fixed: int) -> None:
    assert to_fixed(to_text(fixed)) == fixed


def test_cost_is_cut_to_eight_places() -> None:
    assert cost(to_fixed("3.00000001"), to_fixed("0.00000003")) == 9
