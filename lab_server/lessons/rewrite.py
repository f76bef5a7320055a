"""A page with what a step really printed as its expected output, for an author to review.

Knows: where a step's expected output stands in a page, and how it is written in each kind of block. Every change is read
back: one that the page would not say as it was meant is not made. Doesn't know: files, terminals. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lab_server.lessons import page
from lab_server.lessons.blocks import Block, Step
from lab_server.lessons.differences import merge
from lab_server.lessons.fences import Mistake, scan
from lab_server.lessons.matching import matches

_OUTPUT_HEADING = re.compile(r"#[# ]*output:?\s*", re.I)


def rewrite(text: str, id_: str, block_id: str, ran: Step, output: str) -> str | None:
    """The text of the lesson `id_` in which the step `ran` of a block promises `output`.

    Lines that still hold are kept as they are. None where it can't be written there, or the step is no longer there.
    """
    try:
        before = page.read(text, id_).blocks
    except Mistake:
        return None
    step, n = _step(before, block_id, ran.n), ran.n
    if step is None or step.command != ran.command:
        return None
    fence = max((fence for fence in scan(text) if fence.line < step.line), key=lambda fence: fence.line)
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines[fence.line - 1].endswith("\r\n") else "\n"
    indent = re.match(r"[ \t>]*", lines[fence.line - 1])
    prefix = indent[0] if indent else ""
    first = step.line - fence.line - 1 + step.command.count("\n") + 1  # index in the fence, behind the command
    sign = "# " if fence.language == "bash" else ""
    begin, end = (_bash if sign else _console)(fence.lines, first, step)
    fresh = merge(step.expect, output)
    lines[fence.line + begin : fence.line + end] = [f"{prefix}{sign}{line}".rstrip() + ending for line in fresh]
    changed = "".join(lines)
    try:
        after = page.read(changed, id_).blocks
    except Mistake:
        return None
    told = _step(after, block_id, n)
    same = [_commands(block) for block in before] == [_commands(block) for block in after]
    others = _others(before, block_id, n) == _others(after, block_id, n)
    return changed if same and others and told and told.expect and matches(told.expect, output) else None


def _bash(lines: Sequence[str], first: int, step: Step) -> tuple[int, int]:
    """The lines begin…end (indexes) of comments that are the output of the command before `first`."""
    begin = first
    heading = next((i for i in range(first, len(lines)) if lines[i].strip()), None)
    if heading is not None and _OUTPUT_HEADING.fullmatch(lines[heading].rstrip()):
        begin = heading + 1
    end = begin
    while end < len(lines) and lines[end].startswith("#"):
        end += 1
    return begin, end


def _console(lines: Sequence[str], first: int, step: Step) -> tuple[int, int]:
    if not step.expect:
        return first, first
    begin = next(i for i in range(first, len(lines)) if lines[i].strip())
    return begin, begin + step.expect.count("\n") + 1


def _step(blocks: Sequence[Block], block_id: str, n: int) -> Step | None:
    steps = (step for block in blocks if block.id == block_id for step in block.steps)
    return next((step for step in steps if step.n == n), None)


def _commands(block: Block) -> tuple[object, ...]:
    return block.id, block.caption, [replace(step, expect="", line=0) for step in block.steps]


def _others(blocks: Sequence[Block], block_id: str, n: int) -> list[str]:
    return [step.expect for block in blocks for step in block.steps if (block.id, step.n) != (block_id, n)]
