"""One lab.yml → sessions, limits, needs, tasks.

Knows: the fields of lab.yml, their units, and where each stands. Doesn't know: files, pages, drivers. Pure.

    title: How Containers Work      # that of the page
    sessions: [host, watch]         # terminals of the lesson; the first is the usual one
    limits:                         # what one sandbox may use; left out: as everywhere
      memory: 768M                  # bytes, or with K, M, G (1024 each)
      cpus: 1                       # cores
      pids: 512
      disk: 1G
      io: 200M/s                    # a second, each way
    needs: [limits, nested_engine]  # all that any step or task of the lesson needs
    tasks:                          # in any order: the page says where each stands
      01-own-hostname:
        title: A hostname of your own
        needs: [nested_engine]      # may be left out
        timeout_seconds: 10         # of each of its scripts; 15 when left out
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from lab_server.lessons.fences import DEFAULT_SESSION, SESSION, Mistake

CAPABILITIES = ("limits", "disk_quota", "nested_engine")
LIMITS = ("memory", "cpus", "pids", "disk", "io")
MAX_SESSIONS = 6
MAX_TASKS = 16
TASK = re.compile(r"(?=.{4,64}\Z)\d\d(?:-[a-z0-9]+)+")
TIMEOUT, LONGEST = 15, 60  # seconds of a task's script: usual, most
_SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*(?P<unit>[KMG]?)(?:i?B)?", re.I)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_LEAST = {"memory": 64 << 20, "cpus": 0.05, "pids": 16, "disk": 16 << 20, "io": 1 << 20}


@dataclass(frozen=True)
class Declared:
    """A task as the file has it. `timeout` is in seconds; `line` is that of its name."""

    name: str
    title: str
    needs: tuple[str, ...]
    timeout: int
    line: int


@dataclass(frozen=True)
class Lab:
    """What a lesson's sandbox is like. `limits` holds only what the file sets: bytes, cores, counts, bytes a second."""

    title: str = ""
    title_line: int = 1
    sessions: tuple[str, ...] = (DEFAULT_SESSION,)
    limits: dict[str, int | float] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    tasks: tuple[Declared, ...] = ()


def read(text: str) -> Lab:
    """Read a lab.yml. Raises Mistake with the line of the field that is wrong."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        what = getattr(wrong, "problem", None) or "this can't be read"
        raise Mistake(
            mark.line + 1 if mark else 1, f"Not YAML: {what}.", "Mind colons, quotes and indentation."
        ) from None
    fields = _mapping(root, ("title", "sessions", "limits", "needs", "tasks"), "lab.yml") if root is not None else {}
    title, sessions, limits, needs, tasks = (
        fields.get(name) for name in ("title", "sessions", "limits", "needs", "tasks")
    )
    needed = _needs(needs) if needs else ()
    return Lab(
        _text(title, "title") if title else "",
        _line(title) if title else 1,
        _sessions(sessions) if sessions else (DEFAULT_SESSION,),
        _limits(limits) if limits else {},
        needed,
        _tasks(tasks, needed) if tasks else (),
    )


def size(text: str) -> int:
    """Bytes of "768M", "1.5G", "4096", with or without B or iB. Raises ValueError."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return int(float(found["number"]) * _UNITS[found["unit"].upper()])


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _mapping(node: yaml.Node, known: tuple[str, ...], what: str) -> dict[str, Any]:
    if not isinstance(node, yaml.MappingNode):
        raise Mistake(_line(node), f"{what} must be fields and their values.", f"It takes {', '.join(known)}.")
    found: dict[str, Any] = {}
    for key, value in node.value:
        if key.value not in known:
            raise Mistake(_line(key), f"{what} has no field {key.value!r}.", f"It takes {', '.join(known)}.")
        if key.value in found:
            raise Mistake(_line(key), f"{key.value!r} is given twice.")
        found[key.value] = value
    return found


def _text(node: yaml.Node, what: str) -> str:
    if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
        raise Mistake(_line(node), f"{what} must be a value, not a list or fields.")
    return str(node.value).strip()


def _list(node: yaml.Node, what: str) -> list[tuple[str, int]]:
    if not isinstance(node, yaml.SequenceNode):
        raise Mistake(_line(node), f"{what} must be a list.", f"Write it like this: {what}: [one, two]")
    return [(_text(item, f"each of {what}"), _line(item)) for item in node.value]


def _sessions(node: yaml.Node) -> tuple[str, ...]:
    found = _list(node, "sessions")
    for name, line in found:
        if not SESSION.fullmatch(name):
            raise Mistake(line, f"{name!r} can't be a session.", "Use small letters, digits and hyphens, at most 16.")
    names = tuple(name for name, _ in found)
    if not names or len(set(names)) < len(names) or len(names) > MAX_SESSIONS:
        raise Mistake(_line(node), f"sessions must be 1 to {MAX_SESSIONS} different names.")
    return names


def _needs(node: yaml.Node) -> tuple[str, ...]:
    found = _list(node, "needs")
    for name, line in found:
        if name not in CAPABILITIES:
            raise Mistake(line, f"There is no capability {name!r}.", f"Known are {', '.join(CAPABILITIES)}.")
    return tuple(dict.fromkeys(name for name, _ in found))


def _tasks(node: yaml.Node, needed: tuple[str, ...]) -> tuple[Declared, ...]:
    if not isinstance(node, yaml.MappingNode):
        raise Mistake(_line(node), "tasks must be names and what belongs to each.", "Like 01-some-name: {title: Words}")
    found: dict[str, Declared] = {}
    for key, value in node.value:
        name, line = str(key.value), _line(key)
        if not TASK.fullmatch(name):
            raise Mistake(line, f"{name!r} can't be a task.", "Two digits, a hyphen, small letters: 01-some-name.")
        if name in found:
            raise Mistake(line, f"{name!r} is given twice.")
        fields = _mapping(value, ("title", "needs", "timeout_seconds"), f"The task {name}")
        if "title" not in fields:
            raise Mistake(line, f"The task {name} has no title.", "Give it one: title: Some words")
        needs = _needs(fields["needs"]) if "needs" in fields else ()
        for need in needs:
            if need not in needed:
                raise Mistake(_line(fields["needs"]), f"This task needs {need!r}.", "Add it to the lesson's needs.")
        timeout = _timeout(fields["timeout_seconds"]) if "timeout_seconds" in fields else TIMEOUT
        found[name] = Declared(name, _text(fields["title"], "title"), needs, timeout, line)
    if len(found) > MAX_TASKS:
        raise Mistake(_line(node), f"A lesson has at most {MAX_TASKS} tasks.", "Make two lessons of it.")
    return tuple(found.values())


def _timeout(node: yaml.Node) -> int:
    text = _text(node, "timeout_seconds")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= LONGEST):
        raise Mistake(_line(node), f"timeout_seconds: {text!r} is no whole number from 1 to {LONGEST}.")
    return int(text)


def _limits(node: yaml.Node) -> dict[str, int | float]:
    return {name: _limit(name, value) for name, value in _mapping(node, LIMITS, "limits").items()}


def _limit(name: str, node: yaml.Node) -> int | float:
    text = _text(node, name)
    try:
        amount: int | float
        if name == "cpus":
            amount = float(text)
        elif name == "pids":
            amount = int(text)
        else:
            amount = size(text.removesuffix("/s") if name == "io" else text)
    except ValueError:
        example = {"cpus": "0.5", "pids": "512", "io": "200M/s"}.get(name, "768M")
        raise Mistake(_line(node), f"{name}: {text!r} is no amount.", f"Write it like {example}.") from None
    if not _LEAST[name] <= amount < float(1 << 50):
        raise Mistake(_line(node), f"{name}: {text} is out of range.", f"The least is {_LEAST[name]}.")
    return amount
