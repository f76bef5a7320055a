"""What a learner says before a step runs → whether it was right.

Knows: the notation below, and which option the real output makes the right one. Doesn't know: blocks (blocks.py), HTML, or who
answers. Pure.

    # predict: How much memory does free report? 32 MB => Mem: 32 ... | all that the sandbox has => Mem: ...
    # | it refuses to start => Error...
    # why: free reads /proc/meminfo, and that file knows nothing of cgroups.

The question ends with the first `?`. Options are parted by ` | `; where there are none, the answer is free text. An option is
`words` or `words => pattern`: a line of expected output (matching.py) that some line of the real output must match. Without a
pattern the words themselves must occur in the output. The first option that holds is the right one: none is marked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from lab_server.lessons.fences import Mistake
from lab_server.lessons.matching import line_matches, plain

EXAMPLE = "Write it like this: # predict: How many? one => 1 | many => ..."
ANYTHING = "..."
_QUESTION = re.compile(r"(?P<question>[^?]*[^\s?][^?]*\?)(?:\s+(?P<options>.*))?")
_PARTED = re.compile(r"(?:^|(?<=\s))\|(?=\s|$)")
_ARROW = re.compile(r"(?:^|\s)=>(?:\s|$)")


@dataclass(frozen=True)
class Option:
    """`text` is inline Markdown. `pattern` is "" where the words themselves must occur in the output."""

    id: str
    text: str
    pattern: str


@dataclass(frozen=True)
class Prediction:
    """`question` and `why` are inline Markdown; no `options`: the answer is free text. `line` counts from 1 in the page."""

    question: str
    options: tuple[Option, ...]
    why: str
    line: int = field(compare=False)

    def public(self) -> dict[str, object]:
        """The question and its options: neither patterns nor reasons."""
        options = [{"id": option.id, "text": option.text} for option in self.options]
        return {"question": self.question, "options": options}


@dataclass(frozen=True)
class Graded:
    """`right` is None where no option holds for the output: then nothing was graded, and `why` is "".
    `holds` is the id of the option that does; "" where there is none, and for free text."""

    right: bool | None
    why: str
    holds: str = ""


def parse(lines: Sequence[tuple[str, int]], why: str) -> Prediction:
    """A prediction from the texts behind `predict:` and each `|` under it, with their lines. Raises Mistake."""
    (first, line), more = lines[0], lines[1:]
    found = _QUESTION.fullmatch(first.strip())
    if found is None:
        raise Mistake(line, "A prediction needs a question that ends with a question mark.", EXAMPLE)
    behind = [(found["options"], line)] if found["options"] else []
    written = [(text, at) for words, at in [*behind, *more] for text in _PARTED.split(words.strip())]
    options: list[Option] = []
    for text, at in written:
        option = _option(found["question"], text, at)
        if any(_alike(option, earlier) for earlier in options):
            raise Mistake(at, f"Two options of a prediction are alike: {option.text!r}.", "The first would always win.")
        options.append(option)
    if len(options) == 1:
        raise Mistake(line, "A prediction with one option only.", "Add another behind ` | `, or none: free text.")
    return Prediction(found["question"].strip(), tuple(options), why, line)


def _option(question: str, text: str, line: int) -> Option:
    words, *patterns = (" ".join(part.split()) for part in _ARROW.split(text, maxsplit=1))
    if not words:
        raise Mistake(line, "An empty option of a prediction.", EXAMPLE)
    if patterns == [""]:
        raise Mistake(line, f"Nothing behind the => of {words!r}.", "`...` holds for any output, and for none.")
    if not patterns and not re.search(r"\w", words):
        raise Mistake(line, f"The words of the option {words!r} can't be looked for.", "Add a pattern behind =>.")
    digest = hashlib.sha256(f"{question}\0{words}".encode()).hexdigest()
    return Option(f"p-{digest[:8]}", words, "".join(patterns))


def _alike(one: Option, other: Option) -> bool:
    return one.text.casefold() == other.text.casefold() or bool(one.pattern and one.pattern == other.pattern)


def right(prediction: Prediction, output: str) -> Option | None:
    """The first option that holds for a step's output; None where none does, and for free text."""
    return next((option for option in prediction.options if _holds(option, output)), None)


def grade(prediction: Prediction, answer: str, output: str) -> Graded:
    """Judge an answer (an option's id, or free text) by what the step printed."""
    if not prediction.options:
        return Graded(occurs(answer, output), prediction.why)
    holds = right(prediction, output)
    return Graded(holds.id == answer, prediction.why, holds.id) if holds else Graded(None, "")


def _holds(option: Option, output: str) -> bool:
    if not option.pattern:
        return occurs(option.text, output)
    return option.pattern == ANYTHING or any(line_matches(option.pattern, line) for line in plain(output))


def occurs(words: str, output: str) -> bool:
    """Whether the output has these words, whole: blanks don't count, nor does case. Never for no words."""
    wanted = " ".join(words.split()).casefold()
    text = " ".join(plain(output)).casefold()
    return bool(wanted) and re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) is not None
