"""The text of a live block → its steps.

Knows: the two ways to write a block, continuations, here-documents, placeholders.
Doesn't know: fence headers (fences.py), wildcards in output (matching.py), predictions' words (predictions.py),
HTML, or how a step is run. Pure.

`bash`                              `console`
    # A caption                         # A caption
    # needs: limits                     # needs: limits
    # predict: …? … | …                 # predict: …? … | …
    cat /proc/self/cgroup               host$ cat /proc/self/cgroup
    # 0::/...                           0::/...
                                        watch$ another command, in the session `watch`

A blank line ends a step. In a `bash` block a comment right under a command is its expected output; so is one that
starts with `# Output:`, even after a blank line. In a `console` block output stands as it is; a bare `$` prompts in the block's own
session. A line that ends in a backslash or opens a here-document goes on (`> ` before each further line in `console`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lab_server.lessons import predictions
from lab_server.lessons.fences import SESSION, Fence, Header, Mistake, read_needs
from lab_server.lessons.predictions import Prediction

PLACEHOLDER = re.compile(r"(?<![<\w])<[a-z][a-z0-9]*(?:[-_ ][a-z0-9]+)*>")
_HEREDOC = re.compile(r"""(?<!<)<<(?P<dash>-?)\s*(?P<q>["']?)(?P<word>[A-Za-z_]\w*)(?P=q)""")
_PROMPT = re.compile(r"(?P<session>[\w-]*)(?P<sign>[$#]) (?P<command>\S.*)")
_NEEDS = re.compile(r"needs:\s*(?P<names>.*)")
_PREDICT = re.compile(r"predict:\s*(?P<text>.*)")
_WHY = re.compile(r"why:\s*(?P<text>.*)")
_OUTPUT = re.compile(r"output:?\s*", re.I)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Step:
    """One command. `n` counts from 1 in its block; `expect` is "" where nothing is promised; `line` is that of the command."""

    n: int
    session: str
    command: str
    expect: str
    caption: str
    needs: tuple[str, ...]
    line: int
    predict: Prediction | None = None

    @property
    def edit(self) -> bool:
        """Whether the command has a <placeholder> that the learner fills in."""
        return PLACEHOLDER.search(self.command) is not None

    def public(self) -> dict[str, object]:
        return {
            "n": self.n,
            "session": self.session,
            "command": self.command,
            "expect": self.expect,
            "caption": self.caption,
            "edit": self.edit,
            "needs": list(self.needs),
            "predict": self.predict.public() if self.predict else None,
        }


@dataclass(frozen=True)
class Block:
    """A live block of a lesson. `id` is unique in its lesson."""

    id: str
    caption: str
    session: str
    steps: tuple[Step, ...]
    line: int

    def public(self) -> dict[str, object]:
        steps = [step.public() for step in self.steps]
        return {"id": self.id, "caption": self.caption, "session": self.session, "steps": steps}


def parse(fence: Fence) -> Block:
    """The block in a fence that has a header. Raises Mistake with the line in the page."""
    assert fence.header is not None
    return parse_text(fence.language, fence.header, fence.lines, fence.line + 1)


def parse_text(language: str, header: Header, lines: Sequence[str], first: int = 1) -> Block:
    """A block from its parts; `first` is the line of the page on which `lines` begins."""
    lines = [line.rstrip() for line in lines]
    for i, line in enumerate(lines):
        if _CONTROL.search(line):
            # Markdown turns tabs into blanks, so the page would show another command than the one that is run
            raise Mistake(first + i, "A tab or control character in a live block.", "Use blanks, or $'\\t'.")
    reader = _Reader(header, lines, first)
    if language == "console":
        reader.console()
    else:
        reader.bash()
    if not reader.steps:
        raise Mistake(first - 1, "A live block without a command.", "Write one, or make it an ordinary fence.")
    return Block(header.id, header.caption, header.session, tuple(reader.steps), first - 1)


class _Reader:
    """One pass over the lines of one block."""

    def __init__(self, header: Header, lines: Sequence[str], first: int) -> None:
        self.header = header
        self.lines = lines
        self.first = first
        self.at = 0
        self.steps: list[Step] = []
        self.caption: list[str] = []
        self.needs: list[str] = []
        self.predict: list[tuple[str, int]] = [(header.predict, first - 1)] if header.predict else []
        self.why: list[tuple[str, int]] = []
        self.asking = False  # the line before was of a prediction's options

    def bash(self) -> None:
        under = False  # right under a command: a comment is expected output
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if not line:
                under = False
            elif not line.startswith("#"):
                self._command(self.header.session, line, quote="")
                under = True
                continue
            elif self.steps and not self.caption and _OUTPUT.fullmatch(line.lstrip("# ")):
                under = True
            elif under:
                if _PREDICT.match(line.lstrip("# ")):
                    raise Mistake(self._line(), "A prediction right under a command.", "Put it above its command.")
                self._expect(line[1:].removeprefix(" "))
            else:
                self._remark(line)
            self.at += 1
        self._done()

    def console(self) -> None:
        fresh = True  # at the start, or after a blank line: `# text` is a caption
        blank = 0
        while self.at < len(self.lines):
            line = self.lines[self.at]
            prompt = _PROMPT.fullmatch(line)
            if not line:
                fresh, blank = True, blank + 1
            elif line.startswith("# ") and (fresh or self.caption or not self.steps):
                self._remark(line)
                blank = 0
            elif prompt and (prompt["session"] or prompt["sign"] == "$"):
                session = prompt["session"] or self.header.session
                if not SESSION.fullmatch(session):
                    raise Mistake(self._line(), f"{session!r} can't be a session.", "Use small letters and digits.")
                self._command(session, prompt["command"], quote=">")
                fresh, blank = False, 0
                continue
            elif not self.steps or self._pending():
                raise Mistake(self._line(), "Output without a command.", "Begin commands with a prompt: host$ ls")
            else:
                for _ in range(blank):
                    self._expect("")
                self._expect(line)
                fresh, blank = False, 0
            self.at += 1
        self._done()

    def _line(self) -> int:
        return self.first + self.at

    def _pending(self) -> bool:
        """Whether comments were read that belong to a command still to come."""
        asked = [line for _, line in self.predict if line >= self.first]
        return bool(self.caption or self.needs or self.why or asked)

    def _remark(self, line: str) -> None:
        text = line.lstrip("#").strip()
        asking, self.asking = self.asking, False
        if needs := _NEEDS.fullmatch(text):
            self.needs += read_needs(needs["names"], self._line())
        elif predict := _PREDICT.fullmatch(text):
            if self.predict:
                raise Mistake(self._line(), "A step has one prediction.", "More options go behind `# | `.")
            self.predict.append((predict["text"], self._line()))
            self.asking = True
        elif text.startswith("|"):
            if not asking:
                raise Mistake(self._line(), "An option that belongs to no prediction.", "Put it under `# predict: …`.")
            self.predict.append((text[1:], self._line()))
            self.asking = True
        elif why := _WHY.fullmatch(text):
            self.why.append((why["text"], self._line()))
        elif text:
            self.caption.append(text)

    def _command(self, session: str, command: str, quote: str) -> None:
        line = self._line()
        self.at += 1
        parts = [command]
        while _odd_backslash(parts[-1]):
            parts.append(self._more(line, quote, "The command ends in a backslash"))
        for heredoc in list(_HEREDOC.finditer("\n".join(parts))):
            while True:
                part = self._more(line, quote, f"The here-document {heredoc['word']} doesn't end")
                parts.append(part)
                if (part.lstrip("\t") if heredoc["dash"] else part) == heredoc["word"]:
                    break
        needs = tuple(dict.fromkeys((*self.header.needs, *self.needs)))
        caption = " ".join(self.caption)
        if self.header.predict and self.steps:
            raise Mistake(
                self.first - 1, "predict= is for a block with one step.", "Write `# predict: …` above the step."
            )
        if self.why and not self.predict:
            raise Mistake(
                self.why[0][1], "A reason without a prediction.", "Write `# predict: …` above it, or drop it."
            )
        why = " ".join(text for text, _ in self.why if text)
        predict = predictions.parse(self.predict, why) if self.predict else None
        number, command = len(self.steps) + 1, "\n".join(parts)
        self.steps.append(Step(number, session, command, "", caption, needs, line, predict))
        self.caption, self.needs, self.predict, self.why = [], [], [], []
        self.asking = False

    def _more(self, line: int, quote: str, what: str) -> str:
        if self.at >= len(self.lines) or not self.lines[self.at].startswith(quote):
            hint = " Begin each further line with '> '." if quote else ""
            raise Mistake(line, f"{what}, and nothing follows.", f"Finish it.{hint}")
        text = self.lines[self.at]
        self.at += 1
        return text.removeprefix(quote).removeprefix(" ") if quote else text

    def _expect(self, text: str) -> None:
        last = self.steps[-1]
        self.steps[-1] = replace(last, expect=f"{last.expect}\n{text}" if last.expect else text)

    def _done(self) -> None:
        if self._pending():
            raise Mistake(self.first + len(self.lines) - 1, "A comment with no command under it.", "Move or drop it.")


def _odd_backslash(text: str) -> bool:
    return (len(text) - len(text.rstrip("\\"))) % 2 == 1
