"""The local book against Binance's procedure, a naive rebuild, and the recorded best bid/ask stream."""

from bisect import bisect_right
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freqtrade_ext.feed.local_book import LocalBook, Top
from freqtrade_ext.fills.book import walk
from freqtrade_ext.tape import Recording

BIDS = [["100.0", "1"], ["99.5", "2"], ["99.0", "3"]]
ASKS = [["100.5", "1"], ["101.0", "2"], ["101.5", "3"]]


def synced(update_id: int = 10) -> LocalBook:
    book = LocalBook()
    book.snapshot(update_id, BIDS, ASKS)
    return book


def test_levels_are_those_an_order_takes_from_best_first() -> None:
    book = synced()
    assert list(book.levels("buy")) == [(100.5, 1.0), (101.0, 2.0), (101.5, 3.0)]
    assert list(book.levels("sell")) == [(100.0, 1.0), (99.5, 2.0), (99.0, 3.0)]
    assert walk(book.levels("buy"), 2, "buy").cost == 100.5 + 101.0


def test_diffs_before_the_snapshot_are_buffered_and_the_covered_ones_dropped() -> None:
    book = LocalBook()
    assert not book.diff(5, 8, [["100.0", "7"]], [])
    assert not book.diff(9, 12, [["99.5", "8"]], [])
    assert book.lost == "no snapshot yet"
    book.snapshot(10, BIDS, ASKS)
    assert book.lost is None
    assert book.update_id == 12
    assert list(book.levels("sell")) == [(100.0, 1.0), (99.5, 8.0), (99.0, 3.0)]


def test_zero_removes_a_level_and_may_name_an_unknown_one() -> None:
    book = synced()
    assert book.diff(11, 11, [["100.0", "0.00"], ["12.0", "0"]], [["100.2", "4"]])
    assert list(book.levels("sell")) == [(99.5, 2.0), (99.0, 3.0)]
    assert next(book.levels("buy")) == (100.2, 4.0)


def test_a_gap_loses_the_book_until_a_snapshot_that_covers_it() -> None:
    book = synced()
    assert not book.diff(12, 13, [["99.0", "9"]], [])
    assert book.lost == "gap: update 11 expected, the next difference starts at 12"
    book.snapshot(10, BIDS, ASKS)
    assert book.lost is not None, "a snapshot from before the gap does not close it"
    book.snapshot(12, BIDS, ASKS)
    assert book.lost is None
    assert book.update_id == 13
    assert list(book.levels("sell"))[-1] == (99.0, 9.0)


def test_duplicates_and_late_diffs_change_nothing() -> None:
    book = synced()
    assert book.diff(11, 12, [["100.0", "5"]], [])
    assert book.diff(11, 12, [["100.0", "6"]], [])
    assert book.diff(9, 11, [["100.0", "7"]], [])
    assert next(book.levels("sell")) == (100.0, 5.0)


def test_an_older_snapshot_does_not_turn_time_back() -> None:
    book = synced()
    book.diff(11, 12, [["100.0", "5"]], [])
    book.snapshot(11, BIDS, ASKS)
    assert next(book.levels("sell")) == (100.0, 5.0)


def test_a_newer_best_bid_ask_replaces_the_top_and_what_is_better_than_it() -> None:
    book = synced()
    book.best(Top(12, 99.5, 0.5, 101.2, 4.0))
    assert list(book.levels("sell")) == [(99.5, 0.5), (99.0, 3.0)]
    assert list(book.levels("buy")) == [(101.2, 4.0), (101.5, 3.0)]
    book.best(Top(11, 100.0, 9.0, 100.5, 9.0))
    assert next(book.levels("sell")) == (99.5, 0.5), "the stream's own order is by update id"
    book.diff(11, 12, [["100.0", "0"], ["99.5", "0.4"]], [])
    assert next(book.levels("sell")) == (99.5, 0.4), "the difference has caught up and is the truth again"


def test_crossed_is_told() -> None:
    book = synced()
    assert not book.is_crossed
    book.diff(11, 11, [["100.5", "1"]], [])
    assert book.is_crossed


rates = st.integers(1, 30).map(lambda n: n / 10)
raw_levels = st.lists(st.tuples(rates, st.sampled_from([0.0, 0.5, 1.0, 2.0])), max_size=8)


@given(start=raw_levels, diffs=st.lists(raw_levels, max_size=20), best=st.none() | st.tuples(rates, rates))
def test_equals_a_naive_rebuild_for_any_differences(start, diffs, best) -> None:  # type: ignore[no-untyped-def]
    """The naive book is a dictionary that is sorted at the end; the same levels feed both sides."""
    book, naive = LocalBook(), {rate: amount for rate, amount in start if amount}
    book.snapshot(0, [level for level in start if level[1]], [level for level in start if level[1]])
    for number, diff in enumerate(diffs, 1):
        assert book.diff(number, number, diff, diff)
        naive.update(diff)
    naive = {rate: amount for rate, amount in naive.items() if amount}
    asks = sorted(naive.items())
    bids = asks[::-1]
    if best is not None:
        book.best(Top(len(diffs) + 1, best[0], 1.0, best[1], 1.0))
        bids = [(best[0], 1.0), *(level for level in bids if level[0] < best[0])]
        asks = [(best[1], 1.0), *(level for level in asks if level[0] > best[1])]
    assert list(book.levels("buy")) == asks
    assert list(book.levels("sell")) == bids


@pytest.mark.parametrize(
    ("folder", "files", "same_id", "diffs", "conflated"),
    [
        (
            "hftbacktest_spot_BTCUSDT_20240808",
            ["btcusdt_20240808.gz", "btcusdt_20240809.gz"],
            1_072,
            6_492,
            2,
        ),
        (
            "nexo_spot_NEXOUSDT_20240723_24",
            ["spot_nexousdt_20240723.dat.gz", "spot_nexousdt_20240724.dat.gz"],
            12_198,
            68_180,
            0,
        ),
    ],
)
def test_recorded_best_bid_ask_is_the_top_of_the_book(  # type: ignore[no-untyped-def]
    shared_data, folder, files, same_id, diffs, conflated
) -> None:
    """
    After each difference the top of the book is what the best bid/ask stream said last, by update ids.

    Where both end at one id they agree without exception. Else the stream may have left out a state that
    lasted for a few updates only, as it does under load: `conflated` counts such differences.
    """
    records = list(Recording(shared_data / "book" / folder / file for file in files))
    tops = [_top(record.data) for record in records if record.kind == "bookTicker"]
    ids = [top.update_id for top in tops]
    assert ids == sorted(ids)
    book, compared, compared_at_one_id, differing = LocalBook(), 0, 0, 0
    for record in records:
        if record.kind == "snapshot":
            data = record.data
            book.snapshot(data["lastUpdateId"], data["bids"], data["asks"])
        if record.kind != "depth":
            continue
        data = record.data
        newest = bisect_right(ids, data["u"]) - 1
        if not book.diff(data["U"], data["u"], data["b"], data["a"]) or newest < 0:
            continue
        top = tops[newest]
        agree = [next(book.levels(side)) == top.level(side) for side in ("buy", "sell")]
        compared += 1
        differing += not all(agree)
        if top.update_id == book.update_id:
            assert all(agree)
            compared_at_one_id += 1
    assert book.lost is None
    assert (compared_at_one_id, compared, differing) == (same_id, diffs, conflated)


def _top(data: dict[str, Any]) -> Top:
    return Top(data["u"], float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"]))


def test_spliced_book_is_never_crossed_on_a_recording(shared_data) -> None:  # type: ignore[no-untyped-def]
    book = LocalBook()
    for record in Recording(
        [shared_data / "book/nexo_spot_NEXOUSDT_20240723_24/spot_nexousdt_20240723.dat.gz"]
    ):
        data = record.data
        if record.kind == "snapshot":
            book.snapshot(data["lastUpdateId"], data["bids"], data["asks"])
        elif record.kind == "depth":
            book.diff(data["U"], data["u"], data["b"], data["a"])
        elif record.kind == "bookTicker":
            book.best(_top(data))
        assert book.lost is not None or not book.is_crossed
    assert book.lost is None
