"""`labs verify` on small courses, with the real spawner and a real shell on a PTY; and its pure parts."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
import typer.main

from lab_server import cli, typist
from lab_server.commands import common
from lab_server.lessons.catalog import load
from lab_server.lessons.differences import diff, merge
from lab_server.lessons.matching import matches
from lab_server.lessons.rewrite import rewrite
from lab_server.sandbox.client import SpawnerClient
from lab_server.sandbox.spawner import Spawner
from tests.conftest import PATIENCE
from tests.fakes import FailingDriver, PtyDriver
from tests.lessons.helpers import HEAD, course
from tests.shell import eventually

ID = "concepts/01-a-lesson"
PAGE = "docs/concepts/01-a-lesson.md"
GOOD = f"""{HEAD}```bash {{.lab #one}}
# Several lines
printf 'alpha\\nbeta\\n%s\\n' $$
# alpha
# ...

# A here-document, typed line by line
cat <<END
two
lines
END
# two
# lines

# It remembers: same shell
X=kept

echo $X
# kept
```

```console {{.lab #two}}
host$ echo "$X"
kept

# another terminal
watch$ echo "[$X]"
[]
watch$ (exit 3)
...
watch$ sh -c 'echo out; exit 4'
out
```
"""
LAB = "sessions: [host, watch]\n"


class Course:
    """A course on disk and a spawner that serves it; `verify` is the command as a person gives it."""

    def __init__(self, path: Path, driver: PtyDriver, monkeypatch, capsys) -> None:
        self.root, self.data, self.driver, self._capsys = path / "course", path / "data", driver, capsys
        self.root.mkdir()
        monkeypatch.setattr(common, "ROOT", self.root)
        monkeypatch.setenv("LABS_DATA", str(self.data))
        socket = self.data / "run" / "spawner.sock"
        self.spawner = Spawner(driver, {ID: {}, "concepts/02-more": {}}, [], socket, reason="it is a test")
        self.client = SpawnerClient(socket)
        self.thread = threading.Thread(target=self.spawner.serve, daemon=True)
        self.thread.start()
        eventually(lambda: self.client.info()["ready"])

    def page(self, text: str, lab: str | None = LAB, id_: str = ID) -> Path:
        course(self.root, text, lab, id_)
        return self.root / "docs" / f"{id_}.md"

    def verify(self, *words: str) -> tuple[int, str, str]:
        """(exit status, standard output, standard error)."""
        with pytest.raises(SystemExit) as ended:
            cli.main(["verify", *words], run=typer.main.get_command(cli.app))
        told = self._capsys.readouterr()
        assert self.client.list() == [], "a sandbox was left behind"
        return int(str(ended.value.code or 0)), told.out, told.err

    def close(self) -> None:
        self.spawner.stop()
        self.thread.join(PATIENCE)


@pytest.fixture
def small(tmp_path, monkeypatch, capsys):
    made = Course(tmp_path, PtyDriver(), monkeypatch, capsys)
    yield made
    made.close()


def line_of(text: str, command: str) -> int:
    (found,) = [n for n, line in enumerate(text.split("\n"), 1) if line.endswith(command)]
    return found


def test_a_page_that_says_what_happens_passes(small):
    small.page(GOOD)
    code, out, err = small.verify()
    assert code == 0, out
    assert "8 ok" in out and "Every step that was run does what its page says." in out
    assert "Driver: pty (it is a test)" in out and "Slowest steps:" in out
    assert err == f"{ID}: 8 ok\n"
    assert len(small.driver.created) == 1


def test_one_broken_line_is_told_with_its_place_and_a_diff(small):
    text = GOOD.replace("# lines\n", "# lanes\n")
    small.page(text)
    code, out, _ = small.verify()
    assert code == 1
    assert f"{PAGE}:{line_of(text, 'cat <<END')}: differs: block one, step 2\n" in out
    assert "    -lanes\n" in out and "    +lines\n" in out and "     two\n" in out
    assert "7 ok, 1 differs" in out and "Not verified." in out


def test_a_command_that_fails_where_the_page_promises_nothing(small):
    text = f"{HEAD}```bash {{.lab #one}}\nno-such-command-here\n```\n"
    small.page(text)
    code, out, _ = small.verify()
    assert code == 1
    assert f"{PAGE}:6: failed: block one, step 1" in out and "exit status 127" in out and "not found" in out


HANG = f"""{HEAD}```bash {{.lab #one}}
echo before
# before

echo half; cat
# half

echo after
# after

exit 5

echo again
# again
```
"""


def test_a_step_that_hangs_or_ends_its_shell_does_not_take_the_rest_with_it(small):
    small.page(HANG)
    code, out, _ = small.verify("--timeout", "3")
    assert code == 1
    assert f"{PAGE}:9: hung: block one, step 2: it did not end within 3 s" in out and "    +half\n" in out
    assert f"{PAGE}:15: lost: block one, step 4: its shell ended" in out
    assert "3 ok, 1 hung, 1 lost" in out


def test_what_can_not_be_run_here_is_skipped_and_named(small):
    small.page(
        f"{HEAD}```bash {{.lab #one}}\n# needs: limits\nfalse\n# x\n\necho <name>\n# x\n```\n",
        "sessions: [host]\nneeds: [limits]\n",
    )
    code, out, _ = small.verify()
    assert code == 0 and "No step was run." in out
    assert f"{PAGE}:7: skipped: block one, step 1: it needs limits, which the driver pty doesn't have" in out
    assert f"{PAGE}:10: skipped: block one, step 2: it has a placeholder" in out
    assert small.driver.created == [], "a sandbox for nothing"


def test_json(small):
    text = GOOD.replace("# alpha\n", "# omega\n")
    small.page(text)
    code, out, _ = small.verify("--json")
    told = json.loads(out)
    assert code == 1
    assert {"version", "started", "seconds", "updated", "driver", "reason", "capabilities", "facts", "ok"} <= set(told)
    assert (told["ok"], told["counts"], told["driver"]) == (False, {"differs": 1, "ok": 7}, "pty")
    (lesson,) = told["lessons"]
    assert (lesson["id"], lesson["file"], lesson["ok"]) == (ID, PAGE, False)
    first = lesson["steps"][0]
    assert (first["block"], first["step"], first["status"], first["exit"]) == ("one", 1, "differs", 0)
    assert first["line"] == line_of(text, "$$") and first["output"].startswith("alpha\r\nbeta\r\n")
    assert "-omega" in first["diff"] and first["expect"] == "omega\n..."
    assert [step["exit"] for step in lesson["steps"]] == [0, 0, 0, 0, 0, 0, 3, 4]
    assert [step["session"] for step in lesson["steps"]] == ["host"] * 5 + ["watch"] * 3


def test_update_writes_only_what_differs_and_then_it_passes(small):
    wrong = {"# alpha\n": "# omega\n", "# lines\n": "# lanes\n# more\n", "[]\n": "[kept]\n"}
    text = GOOD
    for right, said in wrong.items():
        text = text.replace(right, said)
    file = small.page(text)
    code, out, err = small.verify("--update")
    assert code == 0, out
    assert "3 steps' output" in err
    assert file.read_text() == GOOD, "wildcard lines and all that held are as they were"
    assert small.verify()[0] == 0


def test_update_writes_nothing_for_what_hangs(small):
    file = small.page(HANG)
    code, _, err = small.verify("--update", "--timeout", "3")
    assert code == 1 and "0 steps' output" in err and file.read_text() == HANG


def test_paths_choose_lessons(small, monkeypatch):
    small.page(GOOD)
    other = small.page(f"{HEAD}```bash {{.lab #one}}\necho more\n# more\n```\n", LAB, "concepts/02-more")
    code, out, _ = small.verify(str(other))
    assert code == 0 and "concepts/02-more: 1 ok" in out and ID not in out
    monkeypatch.chdir(small.root)
    assert "9 ok" in small.verify("docs/concepts")[1]
    code, out, err = small.verify("docs/concepts/03-none.md")
    assert (code, out) == (1, "") and "docs/concepts/03-none.md is no lesson's page." in err


def test_another_driver_than_the_one_that_serves_is_refused(small):
    small.page(GOOD)
    code, out, err = small.verify("--driver", "crun")
    assert (code, out) == (1, "") and "is being served with the driver pty, not crun" in err


def test_a_sandbox_that_can_not_be_made(tmp_path, monkeypatch, capsys):
    made = Course(tmp_path, FailingDriver(), monkeypatch, capsys)
    try:
        made.page(f"{HEAD}```bash {{.lab #one}}\necho hi\n# hi\n```\n")
        code, out, _ = made.verify()
        assert code == 1 and f"{PAGE}:6: not-run: block one, step 1" in out and "out of luck" in out
    finally:
        made.close()


# --- pure parts ---


def test_a_diff_shows_what_a_wildcard_stands_for_as_context():
    text = diff("a\n...\npid:[...]\nend", "a\nx\ny\npid:[42]\nfinish")
    assert text.split("\n")[3:] == [" x", " y", " pid:[42]", "-end", "+finish"]


@pytest.mark.parametrize(
    ("expected", "actual", "merged"),
    [
        ("a\n...\nb", "a\nx\nc", "a\n...\nc"),
        ("pid:[...]\nold", "pid:[7]\nnew", "pid:[...]\nnew"),
        ("", "one\n\ntwo\n", "one\n\ntwo"),
        ("a\nb\nc", "a\nc", "a\nc"),
        ("a", "\x1b[1mb\x1b[0m\tc", "b       c"),
        ("a", "", ""),
    ],
)
def test_merging_keeps_the_lines_that_hold(expected, actual, merged):
    assert "\n".join(merge(expected, actual)) == merged
    assert matches(merged, actual)


@pytest.mark.parametrize(
    ("before", "output", "after"),
    [
        ("```bash {.lab #one}\nid\n```\n", "uid=0\n", "```bash {.lab #one}\nid\n# uid=0\n```\n"),
        ("```bash {.lab #one}\nid\n\n# Output:\n# x\n\nls\n```\n", "y", "```bash {.lab #one}\nid\n\n# Output:\n# y\n\nls\n```\n"),
        ("- a\n\n    ```console {.lab #one}\n    $ id\n    x\n\n    z\n\n    # last\n    $ ls\n    ```\n", "y\n\nz",
         "- a\n\n    ```console {.lab #one}\n    $ id\n    y\n\n    z\n\n    # last\n    $ ls\n    ```\n"),
        ("```console {.lab #one}\n$ id\nx\n```\n", "$ not output but a prompt", None),
        ("```bash {.lab #one}\nid\n# x\n```\n", "", None),
        ("```bash {.lab #one}\nls\n# x\n```\n", "id is no longer there", None),
    ],
)  # fmt: skip
def test_rewriting_a_page(tmp_path, before, output, after):
    ran = load(course(tmp_path, f"{HEAD}```bash {{.lab #one}}\nid\n```\n")).lessons[0].blocks[0].steps[0]
    changed = rewrite(HEAD + before, ID, "one", ran, output)
    assert changed == (None if after is None else HEAD + after)


class Feeding(typist.Typist):
    """A typist that is given bytes by hand; `typed` as if a command had been."""

    def __init__(self) -> None:
        import os

        self.ends = os.pipe()
        super().__init__(self.ends[0], self.ends[1])
        self._state = "typed"

    def given(self, data: bytes, size: int) -> tuple[str, int | None, bool] | None:
        for at in range(0, len(data), size):
            self._feed(data[at : at + size])
        done = self._outcome
        return (self._text(), done.exit, done.inside) if done else None


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_marks_are_found_however_the_bytes_are_cut(size):
    import os

    echo, c, d, a = b"\x1b[?2004lecho\r\n", b"\x1b]133;C\x07", b"\x1b]133;D;7\x1b\\", b"\x1b]133;A\x07"
    for data, told in [
        (echo + c + b"a\x1b[1mb\x1b[0m\r\n" + d + b"more" + a, ("a\x1b[1mb\x1b[0m\r\n", 7, False)),
        (echo + c + b"welcome\r\n" + a + b"/ # ", ("welcome\r\n", None, True)),
        (echo + a + b"$ ", None),
    ]:
        shell = Feeding()
        assert shell.given(data, size) == told
        for fd in shell.ends:
            os.close(fd)
