"""What nobody should send, but somebody will."""

import math

from hypothesis import strategies as st

edges = st.sampled_from(
    [0.0, -0.0, -1.0, 1e-8, 1e-300, 1e8, 1e300, 1e308, 5e-324, math.inf, -math.inf, math.nan]
)
numbers = st.one_of(edges, st.floats(), st.floats(0.01, 1e6), st.integers(-(10**25), 10**25))
texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "0", "-1", "1e308", "NaN", "Infinity", "1_0", "٣", "0x10", "<b>1</b>", "1" * 500]
    ),
)
numerals = st.one_of(numbers.map(str), texts)
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, texts),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=8,
)
