"""Where the fenced blocks of a Markdown page are, and what their headers say.

Knows: fence lines as SuperFences reads them, and the header of a live block:

    ```bash {.lab #namespaces session=host caption="Namespaces" needs="limits"}

Doesn't know: what is inside a fence (blocks.py), or HTML. Pure.

SuperFences drops a header that it doesn't understand without a word, and the fence then swallows the text up to the
next one. So every header here is either understood or refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SESSION = re.compile(r"[a-z][a-z0-9-]{0,15}")
BLOCK_ID = re.compile(r"[a-z][a-z0-9-]{0,63}")
NEED = re.compile(r"[a-z][a-z0-9_]*")
LIVE_LANGUAGES = ("bash", "console")
DEFAULT_SESSION = "host"

_OPEN = re.compile(r"(?P<prefix>[ \t>]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_LANGUAGE = re.compile(r"\.?(?P<language>[\w#.+-]*)(?P<rest>.*)", re.S)
_OPTIONS = re.compile(r"""(?:\s*(?:title|hl_lines|linenums)=(?P<quote>["']).*?(?P=quote)(?=\s|$))+\s*""")
_TOKEN = re.compile(
    r"""\s*(?:\.(?P<cls>[\w-]+)|\#(?P<id>[^\s"'=]+)|(?P<key>[\w-]+)\s*=\s*(?:"(?P<dq>[^"]*)"|'(?P<sq>[^']*)'|(?P<bare>[^\s"']+)))(?=\s|$)"""
)
_HINT = re.compile(r"\blab\b|\b(?:session|caption|needs|predict)\s*=", re.I)
EXAMPLE = 'Write it like this: ```bash {.lab #some-id session=host caption="Some words"}'


class Mistake(Exception):
    """Something wrong on line `line` (counts from 1) of the text at hand; the catalogue adds the file."""

    def __init__(self, line: int, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.remedy = remedy


@dataclass(frozen=True)
class Header:
    """What the header of a live block says. `needs` are names of capabilities; `predict` is as predictions.py reads it."""

    id: str
    session: str
    caption: str
    needs: tuple[str, ...]
    predict: str = ""


@dataclass(frozen=True)
class Fence:
    """One fenced block. `line` is that of the opening fence; the first of `lines` is on `line + 1`."""

    line: int
    language: str
    header: Header | None  # None: an ordinary fence, nothing to run
    lines: tuple[str, ...]


def scan(text: str) -> list[Fence]:
    """All fenced blocks of a page, in order. Raises Mistake for a header not understood and an unclosed fence."""
    found: list[Fence] = []
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        opening = _OPEN.fullmatch(lines[i])
        if opening is None:
            i += 1
            continue
        width, fence = len(opening["prefix"]), opening["fence"]
        end = next((j for j in range(i + 1, len(lines)) if _closes(lines[j], width, fence)), None)
        if end is None:
            raise Mistake(i + 1, "This fence is never closed.", f"End it with a line of {fence} under its opening.")
        language, header = read_info(opening["info"], i + 1)
        for j in range(i + 1, end):
            if lines[j].strip() and lines[j][:width].strip(" \t>"):
                raise Mistake(
                    j + 1, "This line is less indented than its fence, which Markdown then drops.", "Indent it."
                )
        found.append(Fence(i + 1, language, header, tuple(line[width:] for line in lines[i + 1 : end])))
        i = end + 1
    return found


def inside(text: str) -> set[int]:
    """Indexes (from 0) of the lines that belong to a fenced block, fence lines and all; an unclosed one ends with the text."""
    held: set[int] = set()
    fence, width = "", 0
    for i, line in enumerate(text.splitlines()):
        if fence:
            held.add(i)
            if _closes(line, width, fence):
                fence = ""
        elif opening := _OPEN.fullmatch(line):
            fence, width = opening["fence"], len(opening["prefix"])
            held.add(i)
    return held


def _closes(line: str, width: int, fence: str) -> bool:
    return line[:width].strip(" \t>") == "" and line[width:].rstrip() == fence


def read_info(info: str, line: int) -> tuple[str, Header | None]:
    """The language, and the header of a live block where it is one, of the text after the opening fence."""
    parts = _LANGUAGE.fullmatch(info.strip())
    language, rest = (parts["language"], parts["rest"]) if parts else ("", info)
    braces = re.fullmatch(r"\s+\{(.*)\}", rest)
    if braces and language:
        classes, id_, attributes = _attributes(braces[1], line)
        if "lab" not in classes and (language in LIVE_LANGUAGES or _HINT.search(braces[1])):
            raise Mistake(line, f"{{{braces[1]}}} is not a live block: it has no .lab class.", EXAMPLE)
        return language, header(language, classes, id_, attributes, line) if "lab" in classes else None
    if not rest.strip() or _OPTIONS.fullmatch(rest):
        return language, None
    raise Mistake(line, f"The header of this fence is not understood: {info.strip()!r}.", EXAMPLE)


def _attributes(text: str, line: int) -> tuple[list[str], str, dict[str, str]]:
    classes: list[str] = []
    id_ = ""
    attributes: dict[str, str] = {}
    at = 0
    while text[at:].strip():
        token = _TOKEN.match(text, at)
        if token is None:
            raise Mistake(line, f"Not understood in the header of this fence: {text[at:].strip()!r}.", EXAMPLE)
        if token["cls"]:
            classes.append(token["cls"])
        elif token["id"]:
            id_ = token["id"]
        else:
            value = next(v for v in (token["dq"], token["sq"], token["bare"]) if v is not None)
            if token["key"] in attributes:
                raise Mistake(line, f"{token['key']} is given twice.")
            attributes[token["key"]] = value
        at = token.end()
    return classes, id_, attributes


def header(language: str, classes: Sequence[str], id_: str, attributes: Mapping[str, str], line: int) -> Header:
    """The header of a live block from its parts. Raises Mistake, naming what is wrong."""
    if language not in LIVE_LANGUAGES:
        raise Mistake(line, f"A live block is `bash` or `console`, not {language!r}.", EXAMPLE)
    if extra := [name for name in classes if name != "lab"]:
        raise Mistake(line, f"A live block knows no class .{extra[0]}.", EXAMPLE)
    if unknown := [key for key in attributes if key not in ("session", "caption", "needs", "predict")]:
        raise Mistake(
            line, f"A live block knows no {unknown[0]}=.", "It takes session=, caption=, needs= and predict=."
        )
    if not BLOCK_ID.fullmatch(id_):
        raise Mistake(line, "A live block needs an id of small letters, digits and hyphens.", EXAMPLE)
    session = attributes.get("session", DEFAULT_SESSION)
    if not SESSION.fullmatch(session):
        raise Mistake(line, f"{session!r} can't be a session.", "Use small letters, digits and hyphens, at most 16.")
    caption = attributes.get("caption", "").strip() or id_.replace("-", " ").capitalize()
    predict = attributes.get("predict", "").strip()
    if "predict" in attributes and not predict:
        raise Mistake(
            line, "predict= has no question.", 'Write it like this: predict="How many? one => 1 | many => ..."'
        )
    return Header(id_, session, caption, read_needs(attributes.get("needs", ""), line), predict)


def read_needs(text: str, line: int) -> tuple[str, ...]:
    """Names of capabilities, parted by blanks or commas."""
    names = tuple(dict.fromkeys(re.split(r"[\s,]+", text.strip()))) if text.strip() else ()
    for name in names:
        if not NEED.fullmatch(name):
            raise Mistake(line, f"{name!r} can't be the name of a capability.", "Use small letters, digits and _.")
    return names
