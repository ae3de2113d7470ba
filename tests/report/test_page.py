"""What people see: the answer first, every figure, and nothing that a hostile name could do."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise

import pytest
from freqtrade.persistence import Trade
from rich.console import Console

from freqtrade_ext.report.charts import bar, column_chart
from freqtrade_ext.report.database import read_trades
from freqtrade_ext.report.figures import make_report
from freqtrade_ext.report.page import render
from freqtrade_ext.report.svg import Axis
from freqtrade_ext.report.terminal import print_report
from freqtrade_ext.report.timeline import _spread
from tests.report.database import add_order, add_trade, database, keep, plan, record

MADE = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
HOSTILE = [
    "</script><script>document.title='hit'</script>",
    "\"><img src=x onerror=document.title='hit'>",
    "' onmouseover='document.title=1' x='",
    "</title></style></svg><svg onload=document.title='hit'>",
    "&lt;b&gt; &amp; &#x41; <!-- ]]>",
    "{{ 7 * 7 }} {% raw %} ${7} %s {0} \\u003cscript>",
    "[red]x[/red] [/] [link=http://x]y[/link]",
    "javascript:alert(1) style=x",
]


class Page(HTMLParser):
    """Elements with their attributes, and the text, as a browser takes them."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(html)
        self.words = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data + " "


@pytest.fixture(scope="module")
def page(small):
    return Page(render(small, "sqlite:///small.sqlite", MADE))


def printed(report, width=200):
    console = Console(file=StringIO(), width=width, color_system=None)
    print_report(report, console)
    return console.file.getvalue()


def test_the_answer_comes_first(page):
    assert (
        "Would it have earned money? Yes: +7.453 USDT (+1.49 %) after costs "
        "3 trades from 2026-11-20: too few to tell skill from luck: below 30, chance decides. "
        "Holding the same coins instead, from the first to the last fill:" in page.words
    )
    assert "A naive dry-run would have claimed +10.548 USDT (+2.11 %)." in page.words
    assert "sqlite:///small.sqlite, read 2026-11-22 10:30 UTC; trades closed 2026-11-20" in page.words
    assert "2 still open, not counted" in page.words


@pytest.mark.parametrize(
    "words",
    [
        "Balance 507.453 USDT from 500.000 at the start",
        "Deepest drawdown -2.158 USDT -0.42 %",
        "Profit factor 4.45 won per 1 lost",
        "A trade brings +2.484 USDT on average",
        "Best and worst +8.310 / -2.158",
        "Longest losing run 1 trades",
        "Trades won 2 of 3",
        "Cost of trading -0.177 USDT per 100 traded, -17.66 bps: slippage -8.08 bps, fees -9.58 bps",
        "Fee for backtests 0.001766",
        "TP1 3 70 % 70 % -5.49 bps +8.132",
        "stop 1 - 15 % -20.37 bps -6.872",
        "trending 1 100 % +0.83 % +8.310 +11.005",
        "40 / 30 / 30 1 100 % +0.83 % +8.310 +11.005",
        "all fills 8 2,349.739 - -1.899 -2.251 -4.150 -17.66",
        "1,000 to 2,000 1 -10.00 bps -10.00 bps -10.00 bps -1.000",
        "BTC 1 0.01 1.001 1,001.000 0.1000 %",
        "order to the exchange 9 100 120 120 120",
        "BTC/USDT sell tp1 4 0 expired the order book ended after 20 levels",
        "#4 BTC/USDT long 2026-11-20 11:00 100.00 - 100.000 +0.639",
        "#2 ETH/USDT:USDT short 2026-11-20 09:00 2026-11-20 10:00 99.800 +1.301 +1.30 % +1.701 tp1",
        "Missing, at the rates decided on: 407.600 USDT.",
        "in the middle of the book +11.620 USDT",
        "slippage -1.899 USDT",
        "fees -2.268 USDT",
        "earned +7.453 USDT",
        "claimed by a naive dry-run +10.548 USDT",
        "TP1 101.90 +1.8% \N{MIDDLE DOT} 40% \N{CHECK MARK}",
        "TP3 105.60 +5.49% \N{MIDDLE DOT} 30%",
        "stop 98.20 -1.9% \N{CHECK MARK}",
        "stop 51.00 +2.2%",
        "stop: sell 2.99 at 98.00, -10.19 bps from the rate decided on",
        "#1, 2026-11-20 09:00: 508.31 USDT",
        "rates moved between 97.90 and 103.40",
    ],
)
def test_the_page_shows(page, words):
    assert words in page.words


def test_the_terminal_shows_the_same(small):
    told = " ".join(re.sub(r"[│┃]", " ", printed(small)).split())
    for words in (
        "Would it have earned money? Yes: +7.453 USDT (+1.49 %) after costs. "
        "A naive dry-run would have claimed +10.548 USDT (+2.11 %).",
        "Fee for backtests: 0.001766 (per side, as --fee)",
        "TP1 3 70 % 70 % -5.49 bps +8.132",
        "all fills 8 2,349.739 - -1.899 -2.251 -4.150 -17.66",
    ):
        assert words in told


def test_nothing_is_loaded_and_nothing_can_run(page):
    policy = next(attrs["content"] for tag, attrs in page.elements if "http-equiv" in attrs)
    assert policy.startswith("default-src 'none';")
    assert "script-src" not in policy
    assert "script" not in {tag for tag, _ in page.elements}
    links = [attrs for _, attrs in page.elements if {"src", "href", "action", "data"} & set(attrs)]
    assert links == [{"rel": "icon", "href": "data:,"}]
    assert not re.search(r"https?:|url\(|@import", page.text)


def test_tables_and_pictures_are_accessible(page):
    elements = page.elements
    tables = [attrs for tag, attrs in elements if tag == "table"]
    assert len(tables) > 10
    assert all(attrs["aria-label"] for attrs in tables)
    assert all(attrs.get("scope") or attrs.get("aria-hidden") for tag, attrs in elements if tag == "th")
    drawings = [attrs for tag, attrs in elements if tag == "svg"]
    assert all(
        attrs.get("aria-hidden") or (attrs["role"], bool(attrs["aria-label"])) == ("img", True)
        for attrs in drawings
    )


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """One trade per hostile text, in every place that a text can come from."""
    url = f"sqlite:///{tmp_path_factory.mktemp('hostile')}/hostile.sqlite"
    with database(url):
        for hour, evil in enumerate(HOSTILE):
            trade = add_trade(evil, hour, exit_reason=evil, stake_currency="USDT", enter_tag=evil)
            entry = add_order(trade, "buy", 2.0, 100.0, 0, tag=evil)
            out = add_order(trade, "sell", 1.0, 101.0, 5, tag=evil, filled=0.5, status=evil)
            add_order(trade, "sell", 1.5, 101.0, 9, tag=evil)
            trade.close(101.0)
            fills = [record(order, 100.0, 100.0, fee_currency=evil, reason=evil) for order in (entry, out)]
            keep(trade, fills, plan(100, 98, [101, 102, 103], [40, 30, 30]) | {"reasons": [evil] * 3}, evil)
    return make_report(read_trades(url), 500.0)


def test_hostile_texts_are_only_text(hostile, page):
    shown = Page(render(hostile, HOSTILE[0], MADE))
    for evil in HOSTILE:
        # pair, exit reason, regime, currency, reasons of plan and order
        assert shown.words.count(" ".join(evil.split())) >= 10, evil
    harmless = {tag for tag, _ in page.elements}
    assert {tag for tag, _ in shown.elements} <= harmless
    names = {name for _, attrs in shown.elements for name in attrs}
    assert names <= {name for _, attrs in page.elements for name in attrs}
    assert not [name for name in names if name.startswith("on")]


def test_hostile_texts_do_nothing_to_the_terminal(hostile):
    told = printed(hostile, width=2000)
    for evil in HOSTILE:
        assert evil in told
    assert "\x1b" not in told


def test_stock_freqtrades_trades_get_a_page_that_says_what_is_missing(tmp_path):
    url = f"sqlite:///{tmp_path}/stock.sqlite"
    with database(url):
        trade = add_trade("BTC/USDT", 0)
        add_order(trade, "buy", 1.0, 100.0, 0)
        add_order(trade, "sell", 1.0, 101.0, 5, tag="roi")
        trade.close(101.0)
        Trade.commit()
    report = make_report(read_trades(url), None)
    shown = Page(render(report, url, MADE)).words
    # 101 * 0.999 - 100 * 1.001
    assert "Yes: +0.799 USDT after costs" in shown
    assert "What a naive dry-run would have claimed is not on record." in shown
    assert "No fill carries a record of the rate it was decided on" in shown
    assert "roi 1 - - - +0.799" in shown
    assert "Slippage by" not in shown


@pytest.mark.parametrize("trades", [0, 5])
def test_without_a_closed_trade(trades, small):
    waiting = [trade for trade in small.open if trade.id == trades]
    report = make_report(waiting, 500.0)
    shown = Page(render(report, "sqlite:///new.sqlite", MADE)).words
    expected = "No trade has closed yet." if waiting else "No trades yet."
    assert expected in shown
    assert "let the bot run, then make this page again" in shown
    assert expected in printed(report)


def test_axis():
    axis = Axis([0, 10], 100, 0)
    assert [axis(value) for value in (0, 5, 10)] == [100, 50, 0]
    assert axis.ticks() == [0, 2, 4, 6, 8, 10]
    assert Axis([3, 3], 0, 100)(3) == 50
    assert Axis([0, 0], 0, 100)(0) == 50
    assert Axis([0.0012, 0.0019], 0, 1).ticks() == pytest.approx([0.0012, 0.0014, 0.0016, 0.0018])


@pytest.mark.parametrize("places", [[100, 100, 100], [0, 5, 10], [190, 191, 195, 199], [12, 180]])
def test_labels_do_not_overlap(places):
    moved = _spread(places)
    assert [place for _, place in sorted(zip(places, moved, strict=True))] == sorted(moved)
    rising = sorted(moved)
    assert min(b - a for a, b in pairwise(rising)) >= 13
    assert rising[0] >= 12
    assert rising[-1] <= 192


def test_bars_show_sign_and_size():
    full, half, loss = (bar(value, [10.0, 5.0, -2.0], "profit") for value in (10.0, 5.0, -2.0))
    widths = [float(re.search(r'width="([\d.]+)"', drawn)[1]) for drawn in (full, half, loss)]
    assert widths == pytest.approx([98.3, 49.2, 19.7])
    assert 'class="loss"' in loss
    assert 'class="gain"' in full


def test_columns_of_nothing_but_zero():
    assert 'height="0.5"' in column_chart({"08": 0.0}, "Slippage", "bps")
