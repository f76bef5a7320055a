"""Puts a task into a page and a lab.yml, and a lesson into a navigation, and leaves every other character as it was.

Knows: the shape of these three texts. Doesn't know: files. Pure.
"""

from __future__ import annotations

import re

import yaml

from lab_server.lessons.fences import Mistake, inside

_RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,})")
_PAGE = re.compile(r"(?P<indent> *)- (?P<title>.*?:\s+)?(?P<page>[\w-]+/\d\d-[\w-]+)\.md\s*(?:#.*)?")
_SECTION = re.compile(r"(?P<indent> *)- [^:]+:\s*(?:#.*)?")


def holds(page: str, task: str) -> bool:
    return re.search(rf"<!--\s*task:\s*{re.escape(task)}\s*-->", page) is not None


def into_page(page: str, quote: str) -> str:
    """The page with a task before its Key Takeaways (and the rule above them), else at its end."""
    lines, fenced = page.splitlines(), inside(page)
    headings = [
        i for i, line in enumerate(lines) if i not in fenced and re.match(r"#+\s+key takeaways\b", line, re.IGNORECASE)
    ]
    at = headings[0] if headings else len(lines)
    before = at
    while before and not lines[before - 1].strip():
        before -= 1
    if headings and before and _RULE.fullmatch(lines[before - 1].strip()):
        at = before - 1
    head, tail = lines[:at], lines[at:]
    while head and not head[-1].strip():
        head.pop()
    parts = [*head, "", *quote.rstrip("\n").split("\n"), *(["", *tail] if tail else [])]
    end = "\r\n" if "\r\n" in page else "\n"
    return end.join(parts) + end


def into_lab(lab: str, task: str, title: str) -> str:
    """The lab.yml with a task declared; `title` is its field, as YAML. Raises Mistake where there is no place for it."""
    try:
        root = yaml.compose(lab, Loader=yaml.SafeLoader)
    except yaml.YAMLError as wrong:
        mark = getattr(wrong, "problem_mark", None)
        raise Mistake(mark.line + 1 if mark else 1, "Not YAML.", "Mend it first; nothing was changed.") from None
    lines = lab.splitlines()
    if root is not None and (not isinstance(root, yaml.MappingNode) or root.flow_style):
        raise Mistake(root.start_mark.line + 1, "This is no list of fields, one a line.", _by_hand(task, title))
    found = next((pair for pair in root.value if pair[0].value == "tasks"), None) if root is not None else None
    if found is None:
        gap = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *gap, "tasks:", f"  {task}:", f"    {title}"]) + "\n"
    key, tasks = found
    at, indent = key.start_mark.line + 1, "  "
    if isinstance(tasks, yaml.MappingNode) and not tasks.flow_style and tasks.value:
        if any(name.value == task for name, _ in tasks.value):
            raise Mistake(key.start_mark.line + 1, f"The task {task} is declared already.", "Choose another name.")
        at, indent = _last_line(tasks) + 1, " " * tasks.value[0][0].start_mark.column
    elif not (isinstance(tasks, yaml.ScalarNode) and not tasks.value):
        raise Mistake(key.start_mark.line + 1, "tasks must be fields, one a line.", _by_hand(task, title))
    lines[at:at] = [f"{indent}{task}:", f"{indent}  {title}"]
    return "\n".join(lines) + "\n"


def _by_hand(task: str, title: str) -> str:
    return f"Write tasks: one a line, or add it by hand: {task}: {{{title}}}"


def _last_line(node: yaml.Node) -> int:
    """Index of the last line with something of the node: a mapping's own end is after the comments that follow it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style:
        return max(_last_line(value) if value.value else _last_line(key) for key, value in node.value)
    if isinstance(node, yaml.SequenceNode) and not node.flow_style:
        return max(_last_line(value) for value in node.value)
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.line) - 1
    return int(node.end_mark.line)


def nav_line(title: str, lesson: str) -> str:
    return f"- {_key(title)}: {lesson}.md"


def _key(title: str) -> str:
    """A title as a key of YAML, quoted where it must be."""
    return yaml.safe_dump({title: 0}, allow_unicode=True, width=10_000).rpartition(": ")[0].removeprefix("? ")


def nav(config: str, title: str, lesson: str) -> str | None:
    """mkdocs.yml with the lesson among those of its module, else in a section of its own after the last lesson; None where none is
    named, or this one is."""
    lines = config.splitlines()
    pages = [(i, found) for i, line in enumerate(lines) if (found := _PAGE.fullmatch(line))]
    if not pages or any(found["page"] == lesson for _, found in pages):
        return None
    module = lesson.split("/")[0]
    ours = [(i, found) for i, found in pages if found["page"].startswith(f"{module}/")]
    if ours:
        after = [i for i, found in ours if found["page"] < lesson]
        at = after[-1] + 1 if after else ours[0][0]
        new = [f"{ours[0][1]['indent']}{nav_line(title, lesson)}"]
    else:
        last, found = pages[-1]
        at, indent = last + 1, found["indent"]
        above = [opened["indent"] for line in lines[:last] if (opened := _SECTION.fullmatch(line))]
        outer = next((one for one in reversed(above) if len(one) < len(indent)), None)
        new = [f"{indent}{nav_line(title, lesson)}"]
        if outer is not None:
            new.insert(0, f"{outer}- {module.replace('-', ' ').capitalize()}:")
    lines[at:at] = new
    return "\n".join(lines) + "\n"
