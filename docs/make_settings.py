"""Print `docs/settings.md`, made of the Settings class: `make docs`."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import Field, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from freqtrade_ext.settings import Settings

HEAD = """\
# Settings

All settings live in the `freqtrade_ext` section of `config.json`; what is left out has its default.
They are checked once, when the bot starts: an unknown name, a wrong type or an impossible value stops it with
one line that says which. This page is made of the class that checks them (`make docs`).

| name | unit | default | allowed | meaning | hyperopt space |
|---|---|---|---|---|---|
"""


def main() -> None:
    types = get_type_hints(Settings)
    print(HEAD + "\n".join(row(f, types[f.name]) for f in fields(Settings)))


def row(f: Field[Any], kind: Any) -> str:
    allowed = ", ".join(limits(kind, f.metadata)) or "any"
    unit = f.metadata["unit"] or "-"
    meaning, space = f.metadata["meaning"], f.metadata.get("space", "")
    return f"| `{f.name}` | {unit} | `{json.dumps(f.default)}` | {allowed} | {meaning} | {space} |"


def limits(kind: Any, metadata: Mapping[str, Any]) -> Iterator[str]:
    """Say in words what settings.py accepts."""
    words = {"above": "> {}", "at_least": ">= {}", "below": "< {}", "at_most": "<= {}", "total": "sum {}"}
    literal = kind if get_origin(kind) is Literal else (get_args(kind) or (None,))[-1]
    if get_origin(literal) is Literal:
        yield " or ".join(f"`{value}`" for value in get_args(literal))
    if kind is bool:
        yield "true or false"
    if bool in get_args(kind):
        yield "a path, true or false"
    if "choices" in metadata:
        yield "any of " + ", ".join(f"`{value}`" for value in metadata["choices"])
    for name, text in words.items():
        if name in metadata:
            yield text.format(metadata[name])
    if metadata.get("rising"):
        yield "rising"


if __name__ == "__main__":
    main()
