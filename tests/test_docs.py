"""What the documents lead to is there, and what is named in two places is named alike."""

import re

import pytest

from freqtrade_ext.paper.seams import NEWEST_TRIED
from tests.bot_process import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_files_named_are_there(page):
    text = page.read_text()
    links = [link.split("#") for link in re.findall(r"\]\((?!https?:)([^)]+)\)", text)]
    for target, *anchor in links:
        found = page.parent / target if target else page
        assert found.exists(), target
        titles = re.findall(r"^#+ (.+)", found.read_text(), re.MULTILINE) if anchor else []
        assert anchor == [] or anchor[0] in {title.lower().replace(" ", "-") for title in titles}
    files = re.findall(r"`((?:docs|docker|freqtrade_ext|strategies|tests)/[\w/.-]+\.\w+)`", text)
    for file in files:
        assert (ROOT / file).exists(), file


def test_the_image_has_the_versions_that_are_tested():
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    image = re.search(r"FROM freqtradeorg/freqtrade:(\S+)", dockerfile)[1]
    pins = re.findall(r"[\w-]+==\S+", dockerfile)
    assert image == NEWEST_TRIED
    locked = "".join((ROOT / name).read_text() for name in ("requirements.txt", "requirements-dev.txt"))
    assert len(pins) == 3
    assert [pin for pin in pins if f"{pin} " not in locked] == []
    copied = re.findall(r"^COPY \S+ (.+) \S+$", dockerfile, re.MULTILINE)
    allowed = re.findall(r"^!([\w.]+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert sorted(" ".join(copied).split()) == sorted(allowed)


def test_containers_are_reached_from_this_machine_only():
    compose = (ROOT / "docker-compose.yml").read_text()
    ports = re.findall(r'ports: \["(\S+)"\]', compose)
    assert len(ports) == compose.count("ports:") == 3
    assert [port.rsplit(":", 2)[0] for port in ports] == ["127.0.0.1"] * 3
