"""The HTML is that of docs/develop/protocol.md, and no answer is in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from lab_server.lessons.catalog import load
from lab_server.lessons.markdown import LessonMarkup
from tests.lessons.helpers import HEAD, ROOT, course, render

VOID = {"input", "br"}


class Shape(HTMLParser):
    """Tags with their attributes and text, without highlighting spans and blanks between tags."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.dropped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "span" and not any(value and value.startswith("lab-") for name, value in attrs if name == "class"):
            self.dropped += 1
            return
        self.seen.append(f"<{tag} {sorted((name, value or '') for name, value in attrs)}>")

    def handle_endtag(self, tag: str) -> None:
        if tag == "span" and self.dropped:
            self.dropped -= 1
        elif tag not in VOID:
            self.seen.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if self.seen and not self.seen[-1].startswith("<"):
            self.seen[-1] += data
        elif data.strip():
            self.seen.append(data)


def shape(html: str) -> list[str]:
    parser = Shape()
    parser.feed(html)
    return [part if part.startswith("<") else part.strip() for part in parser.seen]


def protocol() -> str:
    text = (ROOT / "docs/develop/protocol.md").read_text()
    found = re.search(r"```html\n(.*?)```", text, re.S)
    assert found
    return found[1]


def test_a_block_is_written_as_the_protocol_has_it():
    wanted, _, _ = protocol().partition("<form")
    html = render(
        '```bash {.lab #namespaces session=host caption="Namespaces" needs="limits"}\n'
        "# View namespaces of a process\nls -la /proc/self/ns/\n# …\n```",
        "concepts/02-how-containers-work",
    )
    # the example shows data-edit and a Run button at once, which the text under it rules out
    assert shape(html) == shape(wanted.replace(" data-edit>", ">"))


def test_a_quiz_is_written_as_the_protocol_has_it():
    _, _, wanted = protocol().partition("<form")
    html = render("1. …\n   - [x] …\n   - [ ] other\n", "…")
    quiz, question, option = (
        re.findall(rf'{name}="([^"]+)"', html)[0] for name in ("data-quiz", "data-question", "value")
    )
    html = re.sub(r"\n<label>(?:(?!</label>).)*other</span></label>", "", html)
    wanted = "<form" + wanted.replace('"quiz-1"', f'"{quiz}"').replace('"q1"', f'"{question}"').replace(
        '"a1"', f'"{option}"'
    )
    assert shape(html) == shape(wanted)


def test_an_option_s_words_stay_together_whatever_is_marked_in_them():
    html = render("1. Which?\n   - [x] `a` and **b**\n   - [ ] c\n")
    assert "> <span><code>a</code> and <strong>b</strong></span></label>" in html


def test_options_of_commands_are_not_broken_behind_a_hyphen():
    html = render('```bash {.lab #one}\ndocker run -d --rm --name=a-b x; echo "--no" a-b - --\n```')
    assert re.findall(r'class="lab-option">([^<]*)<', html) == ["-d", "--rm", "--name"]
    assert re.sub("<.*?>", "", re.findall(r"<code>(.*?)</code>", html)[0]) == (
        'docker run -d --rm --name=a-b x; echo "--no" a-b - --'
    )


def test_several_right_answers_are_boxes():
    html = render("1. Which?\n   - [x] a\n   - [x] b\n   - [ ] c\n")
    assert html.count('type="checkbox"') == 3 and "radio" not in html and "more than one" in html


def test_a_placeholder_has_edit_and_no_run():
    html = render("```bash {.lab #one}\ndocker logs <id>\n```")
    assert " data-edit>" in html and 'data-action="edit"' in html and 'data-action="run"' not in html
    assert "&lt;id&gt;" in html and "<id>" not in html


def test_the_code_is_the_command_to_the_letter():
    command = "cat <<'EOF' >/tmp/a\\ b && echo \"$HOME\" | sed 's/&/<x>/'\n  indented  text\n\nEOF"
    html = render(f"```bash {{.lab #one}}\n{command}\n```")
    code = re.search(r"<code>(.*?)</code>", html, re.S)
    assert code
    parser = Shape()
    parser.feed(f"<code>{code[1]}</code>")
    assert "".join(parser.seen[1:-1]) == command


def test_a_command_of_many_lines_has_the_whole_width():
    html = render("```bash {.lab #one}\ncat <<end\n1\nend\n\ncat <<end\n1\n2\nend\n```")
    assert re.findall(r'class="(lab-line[^"]*)"', html) == ["lab-line", "lab-line lab-line--long"]


def test_ordinary_fences_stay_ordinary():
    html = render("```bash\n# nothing\nid\n```\n\n```console\n$ id\n```\n\n```mermaid\nflowchart TD\n```")
    assert "lab-" not in html and html.count("highlight") >= 2 and '<div class="mermaid">flowchart TD' in html


def test_blocks_within_a_list_and_an_ordinary_list():
    html = render("- item\n\n    ```bash {.lab #one}\n    id\n    ```\n\nText.\n\n1. one\n2. two\n")
    assert html.count("lab-block") == 1 and "<ol>\n<li>one</li>" in html


def test_html_in_captions_and_answers_is_shown_not_obeyed():
    html = render(
        '```bash {.lab #one caption="<b>&"}\n# <script>x</script> `a<b>`\nid\n```\n\n1. <i>Q</i>\n   - [x] <b>a\n   - [ ] `c>`'
    )
    for tag in ("<script", "<b>", "<i>"):
        assert tag not in html
    assert "<code>a&lt;b&gt;</code>" in html and 'aria-label="Live block: &lt;b&gt;&amp;"' in html


def test_no_answer_in_the_page():
    asked = "1. Which?\n   - [{}] Alpha\n     > Reason one\n   - [{}] Beta\n   > Reason two\n"
    one, other = (render(asked.format(*marks)) for marks in ("x ", " x"))
    assert one == other and "Reason" not in one and "[x]" not in one and "checked" not in one


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("```bash {.lab #one sesion=a}\nid\n```", "sesion"),
        ("```bash {.lab #one}\n\n```", "without a command"),
        ("1. Which?\n   - [ ] a\n   - [ ] b", "no right answer"),
    ],
)
def test_what_is_wrong_stops_the_build(text, words):
    with pytest.raises(LessonMarkup, match=words):
        render(text)


def test_page_and_catalogue_agree(tmp_path):
    page = (ROOT / "docs/concepts/02-how-containers-work.md").read_text()
    html = render(page, "concepts/02-how-containers-work")
    lesson = load(ROOT).lesson("concepts/02-how-containers-work")
    assert re.findall(r'data-block="([^"]+)"', html) == [block.id for block in lesson.blocks]
    steps = [(str(step.n), step.session) for block in lesson.blocks for step in block.steps]
    assert re.findall(r'data-step="(\d+)" data-session="([^"]+)"', html) == steps
    ids = [q.id for quiz in lesson.quizzes for q in quiz.questions]
    assert re.findall(r'data-question="([^"]+)"', html) == ids
    assert load(course(tmp_path, HEAD)).lessons[0].blocks == ()


def predictions() -> str:
    text = (ROOT / "docs/develop/protocol.md").read_text()
    found = re.search(r"prediction has, before its `lab-line`.*?```html\n(.*?)```", text, re.S)
    assert found
    return found[1]


def test_predictions_are_written_as_the_protocol_has_them():
    options, _, text = predictions().partition("</fieldset>")
    html = render(
        "```bash {.lab #namespaces}\n# predict: How much memory does free report? 32 MB => Mem: 3... | all => Mem: ...\n"
        "# why: A secret reason.\nfree\n\n# predict: …?\nid\n```"
    )
    found = re.findall(r"<fieldset.*?</fieldset>", html, re.S)
    value = re.findall(r'value="([^"]+)"', found[0])[0]
    first = re.sub(r"\n<label>(?:(?!</label>).)*all</span></label>", "", found[0]).replace(value, "p1")
    assert shape(first) == shape(options.replace(" …", "") + "</fieldset>")
    wanted = shape(text.strip().replace(" …>", ' autocomplete="off" spellcheck="false" aria-label="Your prediction">'))
    assert shape(found[1].replace("…?", "…")) == wanted
    assert "Mem:" not in html and "secret reason" not in html
    assert html.index('data-predict="options"') < html.index('class="lab-line"') < html.index('data-predict="text"')


def test_a_prediction_in_the_braces_is_the_same_in_the_page():
    html = render('```bash {.lab #one predict="Is `a|b` [x]? yes => y... | no => [...]"}\nid\n```')
    assert "<legend>Is <code>a|b</code> [x]?</legend>" in html and html.count("<label>") == 2
