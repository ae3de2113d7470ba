"""Say in sentences what a scoreboard means for the reader's own orders."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from freqtrade_ext.fidelity.reader import ALIKE, CONFIDENCE, DEAR_BPS, NEEDED
from freqtrade_ext.text import digits

LACKING = "not enough data"
KEPT = 0.90
"""share of the second half within a bound, below which the market has changed too much to rely on it"""
QUOTES = (
    "FDUSD",
    "USDT",
    "USDC",
    "TUSD",
    "BUSD",
    "USD",
    "BTC",
    "ETH",
    "BNB",
    "EUR",
    "GBP",
    "TRY",
    "BRL",
    "JPY",
)


def pair_of(symbol: str) -> str:
    """Return an exchange's symbol as freqtrade writes the pair; as it is where it names no known quote."""
    quote = next((quote for quote in QUOTES if symbol.endswith(quote) and symbol != quote), None)
    return f"{symbol.removesuffix(quote)}/{quote}" if quote and symbol.isalnum() else symbol


def of_market_orders(pair: str, found: Mapping[str, Any] | None) -> Iterator[str]:
    """
    Return the sentences for one pair.

    :param found: `Reader.figures`; None where the pair was not recorded.
    """
    if found is None:
        yield f"{pair}: not in this recording."
        return
    quote = pair.partition("/")[2].partition(":")[0]
    stake = f"{digits(found['stake'])} {quote}".rstrip()
    yield _price(pair, stake, found)
    if found["cost"] is None:
        looks = found["looks"]
        yield f"{pair}: what {stake} cost: {LACKING} ({looks} looks at the book, {2 * NEEDED} needed)."
        return
    yield _cost(stake, found["cost"])
    yield _room(quote, found["stake"], found["room"])
    yield _lots(pair, stake, found)


def _price(pair: str, stake: str, found: Mapping[str, Any]) -> str:
    price, low, high = found["price"], found["stake"] / ALIKE, found["stake"] * ALIKE
    sizes = f"orders of {digits(float(f'{low:.3g}'))} to {digits(float(f'{high:.3g}'))}"
    if price is None:
        return (
            f"{pair}: how near {stake} fill to this engine's price: {LACKING} ({found['orders']} market "
            f"{sizes} recorded, {2 * NEEDED} needed)."
        )
    return (
        f"{pair}: of market orders of {stake} {CONFIDENCE:.0%} fill within {price['bound']:.2f} bp of this "
        f"engine's price ({price['n']} {sizes}); {_checked(price)}."
    )


def _cost(stake: str, cost: Mapping[str, float]) -> str:
    if math.isinf(cost["bound"]):
        return f"The book recorded does not hold {stake} at one look in twenty."
    return (
        f"Such an order costs {cost['median']:.2f} bp against the middle at one look in two, and at most "
        f"{cost['bound']:.2f} bp at {CONFIDENCE:.0%} of them; {_checked(cost)}."
    )


def _room(quote: str, stake: float, room: Mapping[str, float]) -> str:
    size, dear = -room["bound"], f"over {DEAR_BPS:g} bp against the middle at one look in twenty"
    if size <= 0:
        return f"Too thin for any market order: even the smallest costs {dear}; {_checked(room)}."
    warning = ", and so for yours" if size < stake else ""
    return f"Too thin for more than {digits(size)} {quote}{warning}: that costs {dear}; {_checked(room)}."


def _lots(pair: str, stake: str, found: Mapping[str, Any]) -> str:
    if found["left_ratio"] is None:
        return f"What whole lots leave behind: {LACKING}."
    base, lot, part = pair.partition("/")[0], digits(found["lot"]), found["left_ratio"]
    share = f"{part:.2%}" if part >= 5e-5 else "less than 0.01 %"
    return (
        f"Lots of {lot} {base} (told by the amounts traded) leave {share} of {stake} unsold per trade on "
        "spot where the fee is paid in the coin, nothing with fees in BNB."
    )


def of_resting_orders(checks: Sequence[Mapping[str, Any]], seconds: int) -> Iterator[str]:
    """
    Return the sentences of a tape that tells each order.

    :param checks: of each estimate: `name`, `truth` and `bias` in percent and points, the `interval` of the
        first half and the `bias_checked` of the second; the numbers are None without enough data.
    """
    for found in checks:
        name = f"`{found['name']}`"
        if found["interval"] is None:
            yield f"Resting entries by {name}: {LACKING} (each half needs orders in ten minutes)."
            continue
        low, high = found["interval"]
        how = "too often" if found["bias"] > 0 else "too rarely"
        is_kept = "within that" if low <= found["bias_checked"] <= high else "outside of that"
        yield (
            f"Of resting entries at the best {found['truth']:.1f} % fill within {seconds} s; {name} fills "
            f"{abs(found['bias']):.2f} points {how}. From the first half {low:+.2f} to {high:+.2f} was to be "
            f"expected, the second has {found['bias_checked']:+.2f}: {is_kept}."
        )


def _checked(found: Mapping[str, float]) -> str:
    text = (
        f"on the second half of the recording {found['coverage']:.1%} of {found['n_checked']:.0f} kept to it"
    )
    return text if found["coverage"] >= KEPT else f"{text}: the market has changed, do not rely on it"
