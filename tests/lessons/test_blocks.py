"""Fence text → steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.lessons.blocks import Block, parse, parse_text
from lab_server.lessons.fences import Header, Mistake, scan

HEADER = Header("one", "host", "One", ())


def bash(text: str, header: Header = HEADER) -> Block:
    return parse_text("bash", header, text.splitlines())


def console(text: str) -> Block:
    return parse_text("console", HEADER, text.splitlines())


def test_captions_commands_and_expected_output_of_a_bash_block():
    block = bash("# Look at it,\n# carefully\nls -la\n# total 0\n#\n# #hash\n\nid\nuname\n# Linux")
    assert [(s.n, s.caption, s.command, s.expect) for s in block.steps] == [
        (1, "Look at it, carefully", "ls -la", "total 0\n\n#hash"),
        (2, "", "id", ""),
        (3, "", "uname", "Linux"),
    ]


def test_output_label_after_a_blank_line_goes_with_the_command_above():
    block = bash("# Look\nls\n\n# Output:\n# a\n# b\n\n# Then\nid")
    assert [(s.caption, s.command, s.expect) for s in block.steps] == [("Look", "ls", "a\nb"), ("Then", "id", "")]


def test_backslashes_and_heredocs_go_on():
    block = bash("docker run \\\n    --rm \\\n    alpine\n# ok\n\ncat <<'EOF' >f\n# not a caption\n\nEOF\n# done\nid\n")
    assert [s.command for s in block.steps] == [
        "docker run \\\n    --rm \\\n    alpine",
        "cat <<'EOF' >f\n# not a caption\n\nEOF",
        "id",
    ]
    assert [s.expect for s in block.steps] == ["ok", "done", ""]


def test_two_backslashes_at_the_end_are_no_continuation():
    assert [s.command for s in bash("echo \\\\\nid").steps] == ["echo \\\\", "id"]


def test_a_herestring_is_no_heredoc():
    assert [s.command for s in bash("cat <<<word\nid").steps] == ["cat <<<word", "id"]


def test_console_sessions_output_and_captions():
    block = console("# First\nhost$ ls\na  b\n\nc\n\n# Second\nctr# id\nuid=0\nctr$ true\n$ false")
    assert [(s.session, s.caption, s.command, s.expect) for s in block.steps] == [
        ("host", "First", "ls", "a  b\n\nc"),
        ("ctr", "Second", "id", "uid=0"),
        ("ctr", "", "true", ""),
        ("host", "", "false", ""),
    ]


def test_console_continuations():
    block = console("host$ cat <<END\n> two\n>\n> END\ntwo\n\nhost$ echo a \\\n>   b\na b")
    assert [(s.command, s.expect) for s in block.steps] == [
        ("cat <<END\ntwo\n\nEND", "two"),
        ("echo a \\\n  b", "a b"),
    ]


def test_output_that_looks_like_a_comment_stays_output_in_console():
    assert console("host$ cat f\n# in the file\nx").steps[0].expect == "# in the file\nx"


def test_needs_of_block_and_step_are_joined():
    header = Header("one", "host", "One", ("nested_engine",))
    block = bash("id\n\n# Caption\n# needs: limits, nested_engine\nls", header)
    assert [s.needs for s in block.steps] == [("nested_engine",), ("nested_engine", "limits")]
    assert block.steps[1].caption == "Caption"


@pytest.mark.parametrize(
    ("command", "edit"),
    [
        ("docker logs <container-id>", True),
        ("cat /sys/fs/cgroup/<path>/memory.max", True),
        ("docker logs <my container>", True),
        ("sort <in >out", False),
        ("cat <<<word", False),
        ("diff <(ls) <(ls -a)", False),
        ("test 1 -lt 2", False),
    ],
)
def test_placeholders_are_for_editing(command, edit):
    assert bash(command).steps[0].edit is edit


@pytest.mark.parametrize(
    ("language", "text", "line", "words"),
    [
        ("bash", "id\n\n# caption of nothing", 3, "no command under it"),
        ("bash", "", 0, "without a command"),
        ("bash", "id\necho a \\", 2, "backslash"),
        ("bash", "cat <<EOF\nx\nEO", 1, "EOF"),
        ("bash", "id\nprintf 'a\tb'", 2, "tab"),
        ("console", "total 0\nhost$ ls", 1, "Output without a command"),
        ("console", "Host$ ls", 1, "'Host' can't be a session"),
        ("console", "host$ cat <<EOF\nnot quoted\nEOF", 1, "EOF"),
    ],
)
def test_refusals_name_the_line(language, text, line, words):
    with pytest.raises(Mistake, match=words) as wrong:
        parse_text(language, HEADER, text.splitlines())
    assert wrong.value.line == line


def test_lines_are_those_of_the_page():
    fence = scan("text\n\n```bash {.lab #a}\n# c\nid\n\nls\n```\n")[0]
    block = parse(fence)
    assert (block.line, [s.line for s in block.steps]) == (3, [5, 7])


words = st.text("abc $|&;'\"<>\\.-", min_size=1, max_size=12).map(lambda t: "x" + t)


@given(
    st.lists(
        st.tuples(st.text("abc ", max_size=8), words, st.lists(st.text("ab #.", max_size=6), max_size=3)), min_size=1
    )
)
def test_what_is_written_in_bash_style_is_read_back(steps):
    text, wanted = [], []
    for caption, command, output in steps:
        command = command.rstrip("\\ ").replace("<<", "<")
        output = [line.rstrip() for line in output]
        text += [f"# {caption.strip()}"] if caption.strip() else []
        text += [command, *(f"# {line}" for line in output), ""]
        wanted.append((" ".join([caption.strip()]), command, output))
    read = [(s.caption, s.command) for s in bash("\n".join(text)).steps]
    assert read == [(caption, command) for caption, command, _ in wanted]
