"""The page in a real browser: nothing to complain about, nothing loaded, and something to see."""

import os
import shutil
import subprocess

import pytest

from freqtrade_ext.report.page import render
from tests.report.test_page import MADE, hostile  # noqa: F401  a fixture

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--enable-logging=stderr",
]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)"
)


@pytest.fixture
def browse(tmp_path):
    def open_page(html, *flags):
        """Return (what it printed, its complaints on the console)."""
        page = tmp_path / "page.html"
        page.write_text(html)
        # as root, the sandbox cannot be had
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [CHROMIUM, *FLAGS, *sandbox, f"--user-data-dir={tmp_path}/profile", *flags, page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]

    return open_page


def test_the_console_is_heard(browse):
    _, complaints = browse("<script>console.log('heard')</script>", "--dump-dom")
    assert "heard" in complaints[0]


def test_the_policy_stops_a_script_and_a_picture(browse, small):
    html = render(small, "small", MADE)
    evil = "<script>document.title = 'hit'</script><img src='http://127.0.0.1:9/x.png'>"
    shown, complaints = browse(html.replace("<main>", "<main>" + evil), "--dump-dom")
    assert "<title>Trading report: +7.453 USDT (+1.49 %) after costs</title>" in shown
    assert len(complaints) == 2
    assert all("Content Security Policy" in complaint for complaint in complaints)


@pytest.mark.parametrize("report", ["small", "hostile"])
def test_no_complaints(browse, request, report):
    html = render(request.getfixturevalue(report), "some.sqlite", MADE)
    shown, complaints = browse(html, "--dump-dom")
    assert complaints == []
    assert "hit" not in shown[shown.index("<title>") : shown.index("</title>")]
    assert shown.count("<figure") == html.count("<figure")


@pytest.mark.parametrize("scheme", ["0", "1"], ids=["dark", "light"])
def test_there_is_something_to_see(browse, small, tmp_path, scheme):
    picture = tmp_path / "page.png"
    flags = [
        f"--screenshot={picture}",
        "--window-size=1200,2000",
        f"--blink-settings=preferredColorScheme={scheme}",
    ]
    browse("<p>nothing</p>", *flags)
    blank = picture.read_bytes()
    browse(render(small, "small", MADE), *flags)
    assert len(picture.read_bytes()) > 10 * len(blank)
