from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from freqtrade_ext.run import market_choice
from freqtrade_ext.run.beside import StartError
from freqtrade_ext.run.market_choice import choose_market


def binance_at(port):
    return {
        "name": "binance",
        "ccxt_config": {"urls": {"api": {"public": f"http://127.0.0.1:{port}/api/v3"}}},
    }


class Clock(BaseHTTPRequestHandler):
    """Binance's /api/v3/time, or whatever `status` and `body` say."""

    status, body = 200, b'{"serverTime": 1700000000000}'

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_):
        pass


@pytest.fixture
def clock():
    handler = type("OneClock", (Clock,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield handler, binance_at(server.server_port)
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("wanted", ["auto", "binance"])
def test_exchange_that_answers(clock, wanted):
    _, exchange = clock
    assert choose_market(wanted, exchange) == ("binance", "its public API answers")


def test_embedded_is_not_probed():
    chosen, why = choose_market("embedded", {"name": "binance", "ccxt_config": {"urls": "must not be read"}})
    assert (chosen, why) == ("embedded", "asked for; not the real market")


def test_closed_port(closed_port):
    exchange = binance_at(closed_port)
    chosen, why = choose_market("auto", exchange)
    assert (chosen, why) == ("embedded", "binance does not answer: NetworkError; not the real market")
    with pytest.raises(StartError, match=r"binance does not answer \(NetworkError\); --market embedded"):
        choose_market("binance", exchange)


@pytest.mark.timeout(20)
def test_silence_ends_in_time(silent_port, monkeypatch):
    monkeypatch.setattr(market_choice, "PROBE_TIMEOUT_MS", 300)
    assert market_choice.probe(binance_at(silent_port)) == "RequestTimeout"


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [
        (451, b"restricted location", "ExchangeNotAvailable"),
        (418, b"{}", "DDoSProtection"),
        (503, b"", "ExchangeNotAvailable"),
        (200, b"<html>hotel login</html>", "no time in the answer"),
        (200, b"[]", "no time in the answer"),
    ],
)
def test_answers_that_are_no_exchange(clock, status, body, failure):
    handler, exchange = clock
    handler.status, handler.body = status, body
    assert market_choice.probe(exchange) == failure


def test_unknown_market_and_exchange():
    with pytest.raises(StartError, match=r"--market must be auto, embedded or bybit .*, is binance"):
        choose_market("binance", {"name": "bybit"})
    with pytest.raises(StartError, match="stands in for binance, the configuration says bybit"):
        choose_market("embedded", {"name": "bybit"})
    with pytest.raises(StartError, match="ccxt knows no exchange named binanse"):
        choose_market("auto", {"name": "binanse"})
