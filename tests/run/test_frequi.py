import json
import socket
import sys

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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no abstract names")
def test_a_port_that_another_start_has_claimed_is_left_to_it(own_freqtrade, capsys):
    """Two starts found 8080 free before either bot served there; the second bot waited for it for ever."""
    port = free_port()
    api = {"listen_ip_address": "127.0.0.1", "listen_port": port}
    frequi.PRIVATE.write_text(json.dumps({"api_server": api}))
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"\0freqtrade_ext port {port}")
        assert frequi.private_config({}) == []
    assert f"port {port} is in use: this bot runs without FreqUI's API" in capsys.readouterr().out


def test_what_is_told_to_be_typed_is_found_where_the_environment_is_not_on_the_path(
    own_freqtrade, monkeypatch, capsys
):
    monkeypatch.setattr(frequi, "UI", own_freqtrade)
    folder = own_freqtrade / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "freqtrade").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(folder))
    frequi.private_config({})
    assert "`freqtrade install-ui` gets it" in capsys.readouterr().out
    monkeypatch.setenv("PATH", "")
    frequi.private_config({})
    assert "`.venv/bin/freqtrade install-ui` gets it" in capsys.readouterr().out


def test_the_api_of_the_user_is_left_alone(own_freqtrade, silent_port):
    own = {"enabled": True, "listen_ip_address": "127.0.0.1", "listen_port": free_port()}
    assert frequi.private_config({"api_server": own}) == []
    assert frequi.private_config({"api_server": {"enabled": False}}) == []
    assert list((own_freqtrade / "user_data").iterdir()) == []
    with pytest.raises(StartError, match=rf"port {silent_port} of api_server is in use"):
        frequi.private_config({"api_server": own | {"listen_port": silent_port}})
