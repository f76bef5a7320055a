"""The Python-Markdown extension that writes live blocks, quizzes and tasks into the page.

Knows: the HTML of docs/develop/protocol.md ("Page"). Doesn't know: MkDocs, or any other site generator, so the same pages
build under all of them; only `page_path` looks at what two of them leave lying about. No answer of a quiz leaves this file.

In mkdocs.yml: `lab_server.lessons.markdown` among the extensions, and two custom fences of pymdownx.superfences, `bash` and
`console`, with `live_fence` as format and `is_live` as validator. attr_list must be on.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.shell import BashLexer
from pymdownx.superfences import SuperFencesException  # type: ignore[import-untyped]

from lab_server.lessons import taskpage
from lab_server.lessons.blocks import Step, parse_text
from lab_server.lessons.fences import Mistake, header
from lab_server.lessons.manifest import badge
from lab_server.lessons.predictions import Prediction
from lab_server.lessons.quizzes import Question, Quiz, find

AFTER_FENCES = 24  # superfences is registered at 25
_NAME = "lab_lessons"
LONG = 4  # lines of a command that gets the whole width, its buttons above it
_OPTION = re.compile(r"(<[^>]*>)|(?<![^\s>])(-{1,2}[A-Za-z][\w-]*)")  # in highlighted code; tags are passed over


class LessonMarkup(SuperFencesException):  # type: ignore[misc]
    """A page that can't be written. Of this family because superfences swallows every other exception."""


class Lessons(Extension):
    """`page` is the lesson's id; left empty, it is found by `page_path`. `verified` has words for lessons that were verified.

    `labs` is the folder of lab files; left empty, it is found by `labs_folder`.
    """

    def __init__(self, **options: Any) -> None:
        self.config = {
            "page": ["", "id of the lesson"],
            "verified": ["", "lesson id → what its page says of it"],
            "labs": ["", "folder of lab files"],
        }
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:
        md.registerExtension(self)
        md.preprocessors.register(_Lists(md, self), _NAME, AFTER_FENCES)
        md.preprocessors.register(_Badge(md, self), f"{_NAME}_verified", AFTER_FENCES)


def makeExtension(**options: Any) -> Lessons:
    return Lessons(**options)


def page_path(md: Markdown) -> str:
    """The path of the page being built, as lessons are named: `concepts/02-how-containers-work`; "" where nobody tells."""
    ours = _NAME in md.preprocessors and md.preprocessors[_NAME]
    path = ours.extension.getConfig("page") if isinstance(ours, _Lists) else ""
    for tree in md.treeprocessors:  # MkDocs: the processor that makes links relative has the file
        path = path or getattr(getattr(tree, "file", None), "src_uri", "")
    for processor in md.preprocessors:  # Zensical: a processor that only carries the page
        path = path or getattr(getattr(processor, "page", None), "path", "")
    return str(path).removesuffix(".md")


def labs_folder(md: Markdown) -> Path:
    """labs/, beside the folder that MkDocs has the page from; else that of the working directory."""
    ours = md.preprocessors[_NAME]
    if isinstance(ours, _Lists) and (given := ours.extension.getConfig("labs")):
        return Path(str(given))
    for tree in md.treeprocessors:
        file = getattr(tree, "file", None)
        if source := getattr(file, "abs_src_path", None):
            return Path(source).parents[str(getattr(file, "src_uri", "")).count("/") + 1] / "labs"
    return Path("labs")


def is_live(
    language: str, inputs: dict[str, str], options: dict[str, Any], attrs: dict[str, str], md: Markdown
) -> bool:
    """SuperFences asks whether a fence is ours. An ordinary one goes on to the ordinary highlighter."""
    if "lab" not in getattr(md.preprocessors["fenced_code_block"], "classes", ()):
        return False
    attrs.update(inputs)
    return True


def live_fence(source: str, language: str, css: str, options: dict[str, Any], md: Markdown, **more: Any) -> str:
    """SuperFences' formatter: the HTML of one live block. Raises LessonMarkup."""
    try:
        head = header(language, more["classes"], more["id_value"], more["attrs"], 1)
        block = parse_text(language, head, source.splitlines(), 2)
    except Mistake as wrong:
        raise LessonMarkup(
            f"{page_path(md)}: live block #{more['id_value']}, line {wrong.line}: {wrong.message}"
        ) from None
    id_, caption = escape(block.id), escape(block.caption)
    return "\n".join(
        [
            f'<section class="lab-block" id="lab-{id_}" data-block="{id_}" data-lesson="{escape(page_path(md))}"'
            f' data-session="{escape(block.session)}" aria-label="Live block: {caption}">',
            f'<header class="lab-bar"><span class="lab-title">{caption}</span>{_button("run-all", "Run all")}</header>',
            '<ol class="lab-steps">',
            *(_step(block.id, step) for step in block.steps),
            "</ol>",
            "</section>",
        ]
    )


def _button(action: str, words: str) -> str:
    return f'<button type="button" data-action="{action}" hidden>{words}</button>'


def _whole_options(code: str) -> str:
    """Browsers break a line behind any hyphen: `-` here and `-name` below. Options are kept in one piece; the text is the same."""
    return _OPTION.sub(lambda found: found[1] or f'<span class="lab-option">{found[2]}</span>', code)


def _step(block: str, step: Step) -> str:
    needs = f' data-needs="{escape(" ".join(step.needs))}"' if step.needs else ""
    edit = " data-edit" if step.edit else ""
    long = " lab-line--long" if step.command.count("\n") + 1 >= LONG else ""
    code = _whole_options(highlight(step.command, BashLexer(stripnl=False), HtmlFormatter(nowrap=True)).rstrip("\n"))
    buttons = [] if step.edit else [_button("run", "Run")]
    buttons += [_button("copy", "Copy"), _button("edit", "Edit")]
    parts = [f'<li class="lab-step" data-step="{step.n}" data-session="{escape(step.session)}"{needs}{edit}>']
    if step.caption:
        parts.append(f'<p class="lab-caption">{inline(step.caption)}</p>')
    if step.predict:
        parts.append(_prediction(f"predict-{block}-{step.n}", step.predict))
    parts += [
        f'<div class="lab-line{long}">',
        f'<span class="lab-session">{escape(step.session)}</span>',
        f'<pre class="highlight"><code>{code}</code></pre>',
        f'<span class="lab-buttons">{"".join(buttons)}</span>',
        "</div>",
    ]
    if step.expect:
        expected = escape(step.expect, quote=False)
        parts.append(f'<details class="lab-expect"><summary>Expected output</summary><pre>{expected}</pre></details>')
    parts += ['<p class="lab-status" role="status"></p>', "</li>"]
    return "\n".join(parts)


def _prediction(name: str, asked: Prediction) -> str:
    """The question and what may be answered; what the right answer depends on stays here."""
    legend = f"<legend>{inline(asked.question)}</legend>"
    if not asked.options:
        field = '<input type="text" maxlength="200" autocomplete="off" spellcheck="false" aria-label="Your prediction">'
        return f'<fieldset class="lab-predict" data-predict="text" hidden>{legend}{field}</fieldset>'
    options = "\n".join(
        f'<label><input type="radio" name="{escape(name)}" value="{option.id}"> <span>{inline(option.text)}</span></label>'
        for option in asked.options
    )
    return f'<fieldset class="lab-predict" data-predict="options" hidden>{legend}\n{options}</fieldset>'


def inline(text: str) -> str:
    """One line of Markdown (code, emphasis) as HTML without a paragraph around it; HTML in it is shown, not obeyed."""
    md = Markdown()
    md.preprocessors.deregister("html_block")
    md.inlinePatterns.deregister("html")
    for name in ("hashheader", "setextheader", "hr", "olist", "ulist", "quote", "code", "indent", "reference"):
        md.parser.blockprocessors.deregister(name)
    return re.sub(r"</?p>", "", md.convert(text))


class _Lists(Preprocessor):
    """Puts quizzes in the place of their question lists and tasks in that of their quotes, after fences are out of the way."""

    def __init__(self, md: Markdown, extension: Lessons) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        page = page_path(self.md)
        try:
            lines = taskpage.place(lines, page, labs_folder(self.md), self.md.htmlStash.store)
            found = find(lines, page)
        except Mistake as wrong:
            raise LessonMarkup(f"{page}: {wrong.message} {wrong.remedy}") from None
        for item in reversed(found):
            lines[item.start : item.end] = ["", self.md.htmlStash.store(_quiz(item.quiz, page)), ""]
        return lines


class _Badge(Preprocessor):
    """Says under a lesson's facts that it was verified, where it was as it is."""

    def __init__(self, md: Markdown, extension: Lessons) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        given = self.extension.getConfig("verified")
        # a text where it came through the environment: MkDocs' !ENV makes no fields of it
        verified = json.loads(given) if isinstance(given, str) and given else given or {}
        words = verified.get(page_path(self.md), "")
        if words and (found := badge(lines, words)):
            at, html = found
            lines[at:at] = ["", self.md.htmlStash.store(html), ""]
        return lines


def _quiz(quiz: Quiz, page: str) -> str:
    questions = "\n".join(_question(question) for question in quiz.questions)
    return f'<form class="lab-quiz" data-quiz="{escape(quiz.id)}" data-lesson="{escape(page)}">\n{questions}\n</form>'


def _question(question: Question) -> str:
    kind = "checkbox" if question.multiple else "radio"
    hint = " <small>(more than one)</small>" if question.multiple else ""
    options = "\n".join(
        f'<label><input type="{kind}" name="{question.id}" value="{option.id}"> <span>{inline(option.text)}</span></label>'
        for option in question.options
    )
    legend = f"<legend>{inline(question.text)}{hint}</legend>"
    return f'<fieldset data-question="{question.id}">{legend}\n{options}</fieldset>'
