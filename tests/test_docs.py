"""What the documents lead to is there, and what is named in two places is named alike."""

import re
import shlex
import subprocess
from importlib.util import find_spec

import pytest
from freqtrade.commands import Arguments

from freqtrade_ext.__main__ import main
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


def commands(page):
    """Lines to type of a page, without comments and the settings before a command."""
    typed = re.sub(r"<<'END'.*?END", "", page.read_text(), flags=re.DOTALL)
    for block in re.findall(r"```sh\n(.*?)```", typed, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            while words and re.match(r"[A-Z_]+=", words[0]):
                words.pop(0)
            if words and "..." not in line:
                yield words


PROGRAMS = {"freqtrade", "freqtrade-ext", "python", "pip"}
OWN_ENVIRONMENT = {"existing-freqtrade.md"}
"""pages for readers whose environment is not ours"""
ON_THE_MACHINE = {"export", "createdb", "dask", "docker", "chmod", "python3", "pip", "cp", "cd"}
COMMANDS = [(page.name, words) for page in PAGES for words in commands(page)]


@pytest.mark.parametrize(("page", "words"), COMMANDS, ids=lambda value: " ".join(value)[:60])
def test_each_command_is_taken_as_written_without_an_activated_environment(page, words, capsys):
    """The command lines of the programs that they name must take them, and the files named must be there."""
    program, *arguments = words
    named = (word for word in arguments if re.fullmatch(r"user_data/[\w/-]+\.json", word))
    for path in named:
        assert (ROOT / path).exists() or path == "user_data/private.json"
    known = program.removeprefix(".venv/bin/")
    assert known not in PROGRAMS or known != program or page in OWN_ENVIRONMENT, f"{page}: {words}"
    if program == "make":
        subprocess.run(["make", "-n", *arguments], cwd=ROOT, capture_output=True, check=True)
    elif known == "freqtrade":
        Arguments(arguments).get_parsed_arg()
    elif known == "freqtrade-ext":
        with pytest.raises(SystemExit, match=r"^0$"):
            main([arguments[0], "--help"])
        told = capsys.readouterr().out
        assert all(word in told for word in arguments if word.startswith("--"))
    elif known == "python":
        assert find_spec(arguments[1])
    else:
        assert known in ON_THE_MACHINE, f"{page}: {words}"


def test_the_site_has_all_pages():
    listed = set(re.findall(r": (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    assert listed == {page.name for page in PAGES if page.parent.name == "docs"}
    makefile = (ROOT / "Makefile").read_text()
    assert "mkdocs build --quiet --strict" in makefile


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
