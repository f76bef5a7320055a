"""The Python-Markdown extension that writes live blocks and quizzes into the page.

Knows: the HTML of docs/develop/protocol.md ("Page"). Doesn't know: MkDocs, or any other site generator, so the same pages
build under all of them; only `page_path` looks at what two of them leave lying about. No answer of a quiz leaves this file.

In mkdocs.yml: `lab_server.lessons.markdown` among the extensions, and two custom fences of pymdownx.superfences, `bash` and
`console`, with `live_fence` as format and `is_live` as validator. attr_list must be on.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from markdown import Markdown
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from pygments import highlight
from pygments.formatters.html import HtmlFormatter
from pygments.lexers.shell import BashLexer
from pymdownx.superfences import SuperFencesException  # type: ignore[import-untyped]

from lab_server.lessons.blocks import Step, parse_text
from lab_server.lessons.fences import Mistake, header
from lab_server.lessons.quizzes import Question, Quiz, find

AFTER_FENCES = 24  # superfences is registered at 25
_NAME = "lab_lessons"


class LessonMarkup(SuperFencesException):  # type: ignore[misc]
    """A page that can't be written. Of this family because superfences swallows every other exception."""


class Lessons(Extension):
    """`page` is the lesson's id; left empty, it is found by `page_path`."""

    def __init__(self, **options: Any) -> None:
        self.config = {"page": ["", "id of the lesson"]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:
        md.registerExtension(self)
        md.preprocessors.register(_Quizzes(md, self), _NAME, AFTER_FENCES)


def makeExtension(**options: Any) -> Lessons:
    return Lessons(**options)


def page_path(md: Markdown) -> str:
    """The path of the page being built, as lessons are named: `concepts/02-how-containers-work`; "" where nobody tells."""
    ours = _NAME in md.preprocessors and md.preprocessors[_NAME]
    path = ours.extension.getConfig("page") if isinstance(ours, _Quizzes) else ""
    for tree in md.treeprocessors:  # MkDocs: the processor that makes links relative has the file
        path = path or getattr(getattr(tree, "file", None), "src_uri", "")
    for processor in md.preprocessors:  # Zensical: a processor that only carries the page
        path = path or getattr(getattr(processor, "page", None), "path", "")
    return str(path).removesuffix(".md")


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
            *(_step(step) for step in block.steps),
            "</ol>",
            "</section>",
        ]
    )


def _button(action: str, words: str) -> str:
    return f'<button type="button" data-action="{action}" hidden>{words}</button>'


def _step(step: Step) -> str:
    needs = f' data-needs="{escape(" ".join(step.needs))}"' if step.needs else ""
    edit = " data-edit" if step.edit else ""
    code = highlight(step.command, BashLexer(stripnl=False), HtmlFormatter(nowrap=True)).rstrip("\n")
    buttons = [] if step.edit else [_button("run", "Run")]
    buttons += [_button("copy", "Copy"), _button("edit", "Edit")]
    parts = [f'<li class="lab-step" data-step="{step.n}" data-session="{escape(step.session)}"{needs}{edit}>']
    if step.caption:
        parts.append(f'<p class="lab-caption">{inline(step.caption)}</p>')
    parts += [
        '<div class="lab-line">',
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


def inline(text: str) -> str:
    """One line of Markdown (code, emphasis) as HTML without a paragraph around it; HTML in it is shown, not obeyed."""
    md = Markdown()
    md.preprocessors.deregister("html_block")
    md.inlinePatterns.deregister("html")
    for name in ("hashheader", "setextheader", "hr", "olist", "ulist", "quote", "code", "indent", "reference"):
        md.parser.blockprocessors.deregister(name)
    return re.sub(r"</?p>", "", md.convert(text))


class _Quizzes(Preprocessor):
    """Puts each quiz in the place of its question list, after fences are out of the way."""

    def __init__(self, md: Markdown, extension: Lessons) -> None:
        super().__init__(md)
        self.extension = extension

    def run(self, lines: list[str]) -> list[str]:
        page = page_path(self.md)
        try:
            found = find(lines, page)
        except Mistake as wrong:
            raise LessonMarkup(f"{page}: {wrong.message} {wrong.remedy}") from None
        for item in reversed(found):
            lines[item.start : item.end] = ["", self.md.htmlStash.store(_quiz(item.quiz, page)), ""]
        return lines


def _quiz(quiz: Quiz, page: str) -> str:
    questions = "\n".join(_question(question) for question in quiz.questions)
    return f'<form class="lab-quiz" data-quiz="{escape(quiz.id)}" data-lesson="{escape(page)}">\n{questions}\n</form>'


def _question(question: Question) -> str:
    kind = "checkbox" if question.multiple else "radio"
    hint = " <small>(more than one)</small>" if question.multiple else ""
    options = "\n".join(
        f'<label><input type="{kind}" name="{question.id}" value="{option.id}"> {inline(option.text)}</label>'
        for option in question.options
    )
    legend = f"<legend>{inline(question.text)}{hint}</legend>"
    return f'<fieldset data-question="{question.id}">{legend}\n{options}</fieldset>'
