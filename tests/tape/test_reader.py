"""The reader of recordings: every format at hand, damage of every kind, constant memory."""

import contextlib
import gzip
import io
import json
import logging
import time
import tracemalloc
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freqtrade_ext.tape import Record, Recording, RecordingError, TradeIds
from tests.hostile_lines import recordings

TRADE = {
    "e": "trade",
    "E": 1700000000002,
    "s": "BTCUSDT",
    "t": 7,
    "p": "1.5",
    "q": "2",
    "T": 1700000000001,
    "m": True,
}
DEPTH = {"e": "depthUpdate", "E": 1700000000100, "s": "BTCUSDT", "U": 4, "u": 5, "b": [["1.4", "0"]], "a": []}
TICKER = {"u": 6, "s": "BTCUSDT", "b": "1.4", "B": "1", "a": "1.5", "A": "1"}
SNAPSHOT = {"lastUpdateId": 3, "bids": [["1.4", "1"]], "asks": [["1.5", "1"]]}


def combined(stream: str, data: dict[str, Any]) -> str:
    return json.dumps({"stream": stream, "data": data}, separators=(",", ":"))


def write(path: Path, *lines: str, packed: bool = False) -> Path:
    text = "".join(line + "\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    return path


def read(*paths: Path) -> list[Record]:
    return list(Recording(paths))


@pytest.mark.parametrize(
    "clock", ["1700000000123000000", "1700000000123000", "1700000000123", "1700000000.123", "1700000000.123:"]
)
@pytest.mark.parametrize("packed", [False, True])
def test_local_time_comes_in_ns_us_ms_or_seconds(tmp_path: Path, clock: str, packed: bool) -> None:
    path = write(tmp_path / "a", f"{clock} {combined('btcusdt@trade', TRADE)}", packed=packed)
    (record,) = read(path)
    assert record.local_ms == pytest.approx(1700000000123.0, abs=1e-3)
    assert (record.kind, record.symbol, record.data) == ("trade", "BTCUSDT", TRADE)


def test_kinds_are_told_by_stream_or_by_event(tmp_path: Path) -> None:
    kline = {"e": "kline", "E": 1, "s": "BTCUSDT", "k": {}}
    path = write(
        tmp_path / "a",
        f"1700000000123 {combined('btcusdt@depth@100ms', DEPTH)}",
        f"1700000000124 {combined('btcusdt@bookTicker', TICKER)}",
        f"1700000000125 {combined('btcusdt@kline_1m', kline)}",
        f"1700000000126 {json.dumps(DEPTH)}",
        f"1700000000127 {json.dumps({'stream': 'btcusdt@bookTicker', 'data': TICKER})}",
        '1700000000128 {"result":null,"id":1}',
        f"1700000000129 {combined('btcusdt@depth20', SNAPSHOT)}",
        "",
    )
    recording = Recording([path])
    assert [record.kind for record in recording] == ["depth", "bookTicker", "kline", "depth", "bookTicker"]
    assert recording.skipped == 0


def test_a_snapshot_takes_the_symbol_whose_ids_it_joins(tmp_path: Path) -> None:
    """Not that of the lines around it: two pairs' snapshots come first, a third in the middle."""
    ether = {**DEPTH, "s": "ETHUSDT", "U": 9_000_004, "u": 9_000_005}
    alone = tmp_path / "snapshot.json"
    alone.write_text(json.dumps({**SNAPSHOT, "lastUpdateId": 9_000_003}, indent=1))
    lines = write(
        tmp_path / "b",
        f"1700000000122 {json.dumps(SNAPSHOT)}",
        f"1700000000123 {combined('btcusdt@depth', DEPTH)}",
        f"1700000000124 {combined('ethusdt@depth', ether)}",
        f"1700000000125 {json.dumps(SNAPSHOT)}",
    )
    assert [(record.kind, record.symbol) for record in read(alone, lines)] == [
        ("snapshot", "BTCUSDT"),
        ("depth", "BTCUSDT"),
        ("snapshot", "ETHUSDT"),
        ("depth", "ETHUSDT"),
        ("snapshot", "BTCUSDT"),
    ]
    assert [record.symbol for record in read(alone)] == [""]


def test_a_snapshot_that_joins_nothing_is_that_of_the_only_symbol(tmp_path: Path) -> None:
    far = {**SNAPSHOT, "lastUpdateId": 9_000_003}
    path = write(
        tmp_path / "a",
        f"1700000000122 {json.dumps(far)}",
        f"1700000000123 {combined('btcusdt@depth', DEPTH)}",
    )
    assert [(record.kind, record.symbol) for record in read(path)] == [
        ("depth", "BTCUSDT"),
        ("snapshot", "BTCUSDT"),
    ]


def test_a_snapshot_takes_the_symbol_with_the_nearest_ids(tmp_path: Path) -> None:
    """Both pairs' ids are near enough: taken for the other's, it would be a book at the other's rates."""
    ether = {**DEPTH, "s": "ETHUSDT", "U": 9_004, "u": 9_005}
    path = write(
        tmp_path / "a",
        f"1700000000121 {combined('btcusdt@depth', DEPTH)}",
        f"1700000000122 {combined('ethusdt@depth', ether)}",
        f"1700000000123 {json.dumps({**SNAPSHOT, 'lastUpdateId': 9_003})}",
        f"1700000000124 {json.dumps(SNAPSHOT)}",
    )
    assert [record.symbol for record in read(path) if record.kind == "snapshot"] == ["ETHUSDT", "BTCUSDT"]


@pytest.mark.parametrize("is_array", [False, True])
@pytest.mark.parametrize("is_combined", [False, True])
def test_a_message_without_any_time_came_right_after_the_one_before(
    tmp_path: Path, is_array: bool, is_combined: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """As if it came at time 0, a best bid/ask after a sweep would be taken for one before it."""
    messages = [SNAPSHOT, TICKER, DEPTH, TICKER, {**TRADE, "E": 1700000000200}, TICKER]
    names = ["", "bookTicker", "depth", "bookTicker", "trade", "bookTicker"]
    if is_combined:
        messages[1:] = [
            {"stream": f"btcusdt@{name}", "data": message}
            for name, message in zip(names[1:], messages[1:], strict=True)
        ]
    lines = [json.dumps(message, separators=(",", ":")) for message in messages]
    path = write(tmp_path / "a", f"[{','.join(lines)}]") if is_array else write(tmp_path / "a", *lines)
    recording = Recording([path])
    assert sorted((record.local_ms, record.kind) for record in recording) == [
        (0.0, "snapshot"),
        (1700000000100.0, "bookTicker"),
        (1700000000100.0, "depth"),
        (1700000000200.0, "bookTicker"),
        (1700000000200.0, "trade"),
    ]
    assert recording.skipped == 1
    assert "2: skipped, bookTicker without a time" in caplog.text


def test_trade_ids_are_new_once_in_whatever_order_they_come() -> None:
    ids = TradeIds()
    came = [(5, 5), (5, 5), (8, 10), (9, 9), (6, 6), (6, 7), (7, 7), (4, 5), (2, 3), (2, 2), (11, 11)]
    new = [(5, 5), (8, 10), (6, 6), (7, 7), (2, 3), (11, 11)]
    assert [trade for trade in came if ids.add(*trade, time_ms=max(trade))] == new
    assert [trade for trade in came if ids.add(*trade, time_ms=1_000 + max(trade))] == new, "counted anew"


def test_cryptofeed_lines_with_their_headers(tmp_path: Path) -> None:
    http = write(
        tmp_path / "http",
        f"https://binance.com/api/v3/depth?symbol=XMRBTC&limit=5000 -> 1628952396.2: {json.dumps(SNAPSHOT)}",
        "",
    )
    socket = write(
        tmp_path / "ws",
        "wss://stream.binance.com:9443/stream?streams=xmrbtc@depth <-> 1633998511.15",
        f"1628952395.799805: {combined('btcusdt@trade', TRADE)}",
    )
    recording = Recording([http, socket])
    assert [(record.kind, record.symbol, record.local_ms) for record in recording] == [
        ("snapshot", "XMRBTC", 1628952396200.0),
        ("trade", "BTCUSDT", 1628952395799.805),
    ]
    assert recording.skipped == 0


def test_arrays_beside_each_other_are_merged_by_exchange_time(tmp_path: Path) -> None:
    depth, trades = tmp_path / "depth.json", tmp_path / "trades.json"
    depth.write_text(json.dumps([DEPTH, {**DEPTH, "E": 1700000000300}]))
    trades.write_bytes(gzip.compress(json.dumps([{**TRADE, "E": 1700000000200}]).encode()))
    assert [(record.kind, record.local_ms) for record in read(depth, trades)] == [
        ("depth", 1700000000100.0),
        ("trade", 1700000000200.0),
        ("depth", 1700000000300.0),
    ]


def test_what_is_no_event_in_an_array_is_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "a", json.dumps([None, 1, {**TRADE, "e": []}, TRADE, "x"]))
    recording = Recording([path])
    assert [record.data for record in recording] == [TRADE]
    assert recording.skipped == 4


def test_files_play_in_the_order_given(tmp_path: Path) -> None:
    first = write(tmp_path / "z", f"1700000000123 {combined('btcusdt@trade', TRADE)}")
    second = write(tmp_path / "a", f"1700000000001 {combined('btcusdt@bookTicker', TICKER)}")
    assert [record.kind for record in read(first, second)] == ["trade", "bookTicker"]


def test_bad_lines_are_counted_and_named_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    good = f"1700000000123 {combined('btcusdt@trade', TRADE)}"
    path = write(tmp_path / "a", good, "nonsense", good[:-20], "12 {}", "1700000000123 [1]", good)
    recording = Recording([path])
    with caplog.at_level(logging.WARNING):
        assert len(list(recording)) == 2
    assert recording.skipped == 4
    assert len(caplog.records) == 1
    assert "a, line 2: skipped" in caplog.text


def test_a_file_cut_off_in_the_middle_gives_what_it_holds(tmp_path: Path) -> None:
    lines = "".join(
        f"{1700000000123 + n} {combined('btcusdt@trade', {**TRADE, 't': n * n})}\n" for n in range(500)
    )
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(lines.encode())[:-1500])
    recording = Recording([path])
    assert 100 < len(list(recording)) < 500
    assert recording.skipped >= 1


@pytest.mark.parametrize(
    "content", [b"", b"hello\n", b"[]", b"[1,2", b"[null]", b"{\n", b"\x1f\x8bgarbage", bytes(1000)]
)
def test_a_file_of_nothing_usable_is_one_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "empty.gz"
    path.write_bytes(content)
    with pytest.raises(RecordingError, match=r"empty\.gz: "):
        read(path)


def test_a_line_that_never_ends_is_passed_in_time_and_named_in_short(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Joined anew by each piece that is read, it took 144 s; and it was written to the log whole."""
    good = f"1700000000123 {combined('btcusdt@trade', TRADE)}"
    path = write(tmp_path / "a", good, "x" * 100_000_000, good)
    started = time.process_time()
    assert len(read(path)) == 2
    assert time.process_time() - started < 5
    assert "a, line 2: skipped" in caplog.text
    assert len(caplog.text) < 1000


def test_progress_reaches_the_end(tmp_path: Path) -> None:
    path = write(tmp_path / "a", *[f"1700000000123 {combined('btcusdt@trade', TRADE)}"] * 10, packed=True)
    recording = Recording([path, path])
    for _ in recording:
        assert recording.bytes_read <= recording.total_bytes
    assert recording.bytes_read == recording.total_bytes == 2 * path.stat().st_size


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    line = f"1700000000123 {combined('btcusdt@trade', TRADE)}"
    path = write(tmp_path / "long", *[line] * 50_000, packed=True)
    tracemalloc.start()
    try:
        assert sum(1 for _ in Recording([path])) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(garbage=st.lists(st.binary(max_size=60) | st.text(max_size=40).map(str.encode), max_size=20))
def test_no_garbage_between_good_lines_crashes_or_hides_them(tmp_path: Path, garbage: list[bytes]) -> None:
    good = f"1700000000123 {combined('btcusdt@trade', TRADE)}".encode()
    with io.BytesIO() as content:
        for line in garbage:
            content.write(good + b"\n" + line + b"\n")
        content.write(good)
        (tmp_path / "fuzzed").write_bytes(content.getvalue())
    trades = 0
    for record in Recording([tmp_path / "fuzzed"]):
        try:
            trades += record.data == TRADE
        except orjson.JSONDecodeError:
            continue
    assert trades == len(garbage) + 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=recordings)
def test_hostile_messages_are_skipped_or_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "fuzzed"
    path.write_bytes(content)
    recording = Recording([path])
    with contextlib.suppress(RecordingError):
        records = list(recording)
        # other lines hold no market data
        assert len(records) + recording.skipped <= len(content.split(b"\n"))
        assert all(0 <= record.local_ms < 1e15 for record in records)


@pytest.mark.parametrize(
    ("files", "counts"),
    [
        (
            ["hftbacktest_spot_BTCUSDT_20240808/btcusdt_20240808.gz"],
            {"depth": 3451, "bookTicker": 28040, "trade": 9757, "snapshot": 1},
        ),
        (
            ["nexo_spot_NEXOUSDT_20240723_24/spot_nexousdt_20240723.dat.gz"],
            {"depth": 1188, "bookTicker": 437, "trade": 178, "snapshot": 1},
        ),
        (
            ["cryptofeed_binance_20210814/BINANCE.http.0.0", "cryptofeed_binance_20210814/BINANCE.ws.1.0"],
            {"snapshot": 4, "depth": 546, "bookTicker": 412, "aggTrade": 28, "kline": 17},
        ),
        (
            [
                f"deep_orderbook_ETHBTC_20201101_09h/2020-11-01T09-00-00_{part}.json.gz"
                for part in ("snapshot", "update", "trades")
            ],
            {"snapshot": 1, "depth": 3600, "aggTrade": 1736},
        ),
    ],
)
def test_recordings_are_read_whole(shared_data: Path, files: list[str], counts: dict[str, int]) -> None:
    recording = Recording(shared_data / "book" / file for file in files)
    found: dict[str, int] = {}
    for record in recording:
        assert record.symbol
        assert record.data
        found[record.kind] = found.get(record.kind, 0) + 1
    assert found == counts
    assert recording.skipped == 0


def test_an_empty_file_among_others_is_passed_over_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A recorder that is killed before its first line leaves one."""
    empty = tmp_path / "0.gz"
    empty.touch()
    recording = Recording([empty, write(tmp_path / "1.gz", f"1700000000000 {json.dumps(DEPTH)}")])
    assert [record.kind for record in recording] == ["depth"]
    assert recording.skipped == 1
    assert f"{empty}: skipped, the file is empty" in caplog.text
    with pytest.raises(RecordingError, match=r"0\.gz, .*0\.gz: empty"):
        list(Recording([empty, empty]))


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"PAR1\x15\x04\x15\x10\n", "a Parquet file"),
        (b"exchange,symbol,timestamp\nbinance,BTCUSDT,1\n", "a CSV file"),
        (b"\x00\x01\x02\xff\n", "a binary file"),
    ],
)
def test_what_others_record_is_refused_by_its_name_without_its_bytes(tmp_path, start, what):
    path = tmp_path / "tape"
    path.write_bytes(start)
    with pytest.raises(RecordingError) as error:
        list(Recording([path]))
    assert f"{what}, which is not read" in str(error.value)
    assert "\\x" not in str(error.value)
