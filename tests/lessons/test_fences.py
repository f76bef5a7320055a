"""Where fences are, and which headers are refused instead of swallowing the page."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.lessons.fences import Header, Mistake, inside, scan


def header(info: str) -> Header | None:
    return scan(f"```{info}\nid\n```")[0].header


def test_the_whole_header():
    assert header('bash {.lab #my-block session=ctr caption="Two words" needs="limits nested_engine"}') == Header(
        "my-block", "ctr", "Two words", ("limits", "nested_engine")
    )


def test_what_is_left_out():
    assert header(" bash {.lab #my-block}") == Header("my-block", "host", "My block", ())


@pytest.mark.parametrize(
    "info", ["", "text", "bash", "console", "mermaid", "python {.line}", 'bash title="x"', 'yaml hl_lines="1 2"']
)
def test_ordinary_fences(info):
    assert header(info) is None


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ("bash .lab #one", "not understood"),
        ("bash lab", "not understood"),
        ("bash session=host", "not understood"),
        ('bash caption="x"', "not understood"),
        ("bash{.lab #one}", "not understood"),
        ("{.bash .lab #one}", "not understood"),
        ("bash {.lab #one", "not understood"),
        ("bash {lab #one}", "Not understood"),
        ("bash {.labb #one}", "no .lab class"),
        ("bash {#one session=host}", "no .lab class"),
        ("python {.lab #one}", "not 'python'"),
        ("sh {.lab #one}", "not 'sh'"),
        ("bash {.lab}", "needs an id"),
        ("bash {.lab #One}", "needs an id"),
        ("bash {.lab #one sesion=host}", "no sesion="),
        ("bash {.lab .big #one}", "no class .big"),
        ("bash {.lab #one session=Host}", "can't be a session"),
        ("bash {.lab #one session=a session=b}", "given twice"),
        ('bash {.lab #one needs="Limits!"}', "name of a capability"),
        ('bash {.lab #one caption="unclosed}', "Not understood"),
        ("python session=host", "not understood"),
        ("whatever foo bar", "not understood"),
    ],
)
def test_every_other_header_is_refused(info, words):
    with pytest.raises(Mistake, match=words) as wrong:
        scan(f"text\n\n```{info}\nid\n```")
    assert wrong.value.line == 3


def test_an_unclosed_fence_names_where_it_opens():
    with pytest.raises(Mistake, match="never closed") as wrong:
        scan("a\n```\nb\n````\nc\n")
    assert wrong.value.line == 2


def test_a_longer_fence_holds_a_shorter_one():
    fences = scan("````markdown\n```bash {.lab #x}\nid\n```\n````\n")
    assert [(f.language, f.header, len(f.lines)) for f in fences] == [("markdown", None, 3)]


def test_indented_fences_are_dedented_and_loose_lines_refused():
    assert scan("- a\n\n    ```bash {.lab #x}\n    id\n\n      ls\n    ```\n")[0].lines == ("id", "", "  ls")
    with pytest.raises(Mistake, match="less indented") as wrong:
        scan("- a\n\n    ```bash\n    id\n  ls\n    ```\n")
    assert wrong.value.line == 5


@given(st.lists(st.sampled_from(["```", "````", "~~~", "```bash", "text", "", "- [x] a"]), max_size=12))
def test_scan_and_inside_agree(lines):
    text = "\n".join(lines)
    try:
        fences = scan(text)
    except Mistake:
        return
    held = {i for f in fences for i in range(f.line - 1, f.line + len(f.lines) + 1)}
    assert held == inside(text)
