"""Whatever a signal class answers, it is a signal or a SignalError."""

from decimal import Decimal
from fractions import Fraction
from typing import get_args

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from freqtrade_ext.strategy.answers import Action, SignalError, read_signal
from tests.fuzz.hostile import json_values, numbers

answers = st.one_of(
    json_values,
    st.fixed_dictionaries(
        {
            "action": st.one_of(st.sampled_from(get_args(Action)), json_values),
            "confidence": st.one_of(numbers, json_values),
        }
    ),
)


@given(answer=answers)
@example(answer={"action": "BUY", "confidence": 10**400})
@example(answer={"action": "BUY", "confidence": Fraction(10**400, 3)})
@example(answer={"action": "BUY", "confidence": Decimal("sNaN")})
@example(answer={"action": "BUY", "confidence": np.float64("nan")})
@example(answer={"action": np.array(["BUY", "SELL"]), "confidence": 80})
def test_an_answer_is_a_signal_or_a_signal_error(answer):
    try:
        action, percent = read_signal(answer)
    except SignalError:
        return
    assert action in get_args(Action)
    assert percent is None or 0 <= percent <= 100
