import socket

import pytest

from freqtrade_ext.run import frequi
from freqtrade_ext.run.beside import StartError
from tests.served_bot import free_port


def test_port_is_free(silent_port, closed_port):
    assert not frequi.port_is_free("127.0.0.1", silent_port)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    assert frequi.port_is_free("127.0.0.1", port)


def test_the_api_of_the_user_is_left_alone(own_freqtrade, silent_port):
    own = {"enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": free_port()}
    assert frequi.private_config({"api_server": own}) == []
    assert frequi.private_config({"api_server": {"enabled": False}}) == []
    assert list((own_freqtrade / "user_data").iterdir()) == []
    with pytest.raises(StartError, match=rf"port {silent_port} of api_server is in use"):
        frequi.private_config({"api_server": own | {"listen_port": silent_port}})
