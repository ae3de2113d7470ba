"""Lines of a recording with something wrong in them, for hypothesis."""

import json
from typing import Any

from hypothesis import strategies as st

SNAPSHOT = {
    "lastUpdateId": 10,
    "bids": [["99.0", "1"], ["98.0", "5"]],
    "asks": [["100.0", "1"], ["101.0", "5"]],
}
DEPTH = {
    "e": "depthUpdate",
    "E": 100,
    "s": "AB",
    "U": 11,
    "u": 11,
    "b": [["99.0", "2"]],
    "a": [["100.0", "0"]],
}
TRADE = {"e": "trade", "E": 150, "s": "AB", "t": 1, "p": "101.0", "q": "1", "T": 150, "m": False}
AGGREGATED = {"e": "aggTrade", "E": 150, "s": "AB", "p": "99", "q": "1", "f": 2, "l": 3, "T": 151, "m": True}
TOP = {"u": 12, "s": "AB", "b": "99.0", "B": "1", "a": "101.0", "A": "5"}
STREAMS = {"depth@100ms": DEPTH, "trade": TRADE, "aggTrade": AGGREGATED, "bookTicker": TOP}

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.integers(0, 400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "0", "-1", "nan", "inf", "1e999", "abc", "100.0", "99.0"])
)
levels = st.lists(st.lists(scalars, max_size=3), max_size=3)
anything = scalars | levels | st.dictionaries(st.text(max_size=2), scalars, max_size=2)


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """A message that is right up to two of its fields, perhaps cut off."""
    name, message = draw(st.sampled_from([*STREAMS.items(), ("", SNAPSHOT)]))
    changed: dict[str, Any] = {**message}
    for field in draw(st.lists(st.sampled_from(sorted(message)), max_size=2)):
        changed[field] = draw(anything)
    if draw(st.booleans()):
        changed.pop(draw(st.sampled_from(sorted(message))))
    clock = draw(st.sampled_from(["1700000000123", "1700000000124000", "1700000000125000000", "9", "1e30"]))
    body = {"stream": f"ab@{name}", "data": changed} if name else changed
    text = f"{clock} {json.dumps(body, separators=(',', ':'))}".encode()
    return text[: draw(st.integers(0, len(text)))] if draw(st.integers(0, 9)) == 0 else text


recordings = st.lists(lines(), max_size=30).map(b"\n".join)
