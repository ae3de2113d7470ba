import signal
import subprocess
import sys

import pytest

from freqtrade_ext.run import beside


@pytest.mark.timeout(20)
def test_a_bot_that_hangs_is_killed(monkeypatch, capsys):
    monkeypatch.setattr(beside, "STOP_SECONDS", 0.5)
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    bot = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert bot.stdout.readline() == b"deaf\n"
    bot.terminate()
    beside.end(bot)
    assert bot.returncode == -signal.SIGKILL
    assert "has not ended within 0.5 s and is killed" in capsys.readouterr().out
    bot.stdout.close()


def test_ctrl_c_again_kills_a_bot_that_takes_its_time(monkeypatch, capsys):
    bot = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    waits = iter([KeyboardInterrupt])

    def wait(seconds=None):
        for error in waits:
            raise error
        return subprocess.Popen.wait(bot, seconds)

    monkeypatch.setattr(bot, "wait", wait)
    beside.end(bot)
    assert bot.returncode == -signal.SIGKILL
    assert "told again: the bot is killed" in capsys.readouterr().out
