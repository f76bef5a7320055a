"""`labs verify` on a course with a task and a prediction: breaking one line of either fails, with its place. Real spawner, real shells."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from pathlib import Path

import pytest

from lab_server import scaffolds
from lab_server.build.verified import badges
from lab_server.lessons.catalog import load
from lab_server.lessons.manifest import parse
from tests.conftest import PATIENCE
from tests.fakes import PtyDriver
from tests.lessons.helpers import HEAD
from tests.lessons.test_verify import ID, PAGE, Course
from tests.shell import eventually

TASKS = f"labs/{ID}/tasks/01-a-file"
TEXT = f"""{HEAD}```bash {{.lab #one}}
# predict: What comes first? alpha | omega
echo alpha
# alpha
```

<!-- task: 01-a-file -->
> Make a file.
"""
LAB = """sessions: [host]
tasks:
  01-a-file:
    title: A file
    timeout_seconds: 5
"""
SCRIPTS = {
    "check": '#!/bin/bash\nif [[ -e $HOME/done ]]; then exit 0; fi\necho "There is no file yet."\nexit 1\n',
    "hint": "#!/bin/bash\necho 'touch(1) makes files.'\n",
    "solve": '#!/bin/bash\ntouch "$HOME/done"\n',
}


class WithTask(Course):
    def write(self, text: str = TEXT, **changed: str) -> None:
        folder = self.root / TASKS
        folder.mkdir(parents=True, exist_ok=True)
        for kind, script in (SCRIPTS | changed).items():
            file = folder / f"{kind}.sh"
            file.write_text(script)
            file.chmod(0o755)
        self.page(text, LAB)


@pytest.fixture
def small(tmp_path: Path, monkeypatch, capsys):
    made = WithTask(tmp_path, PtyDriver(), monkeypatch, capsys)
    yield made
    made.close()


def test_a_task_is_proved_in_its_place_and_by_itself(small):
    small.write()
    code, out, _ = small.verify()
    assert code == 0, out
    assert len(small.driver.created) == 2, "one sandbox for the page, one for the tasks alone"
    told = json.loads(small.verify("--json")[1])
    assert [task["status"] for task in told["lessons"][0]["tasks"]] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("changed", "place", "words"),
    [
        ({"check": "#!/bin/bash\nexit 0\n"}, "check.sh:1", "check.sh passes before the task is solved"),
        ({"check": "#!/bin/bash\necho 'Not yet.'\nexit 1\n"}, "check.sh:1", "check.sh fails after solve.sh"),
        ({"check": "#!/bin/bash\n[[ -e $HOME/done ]]\n"}, "check.sh:1", "says nothing of what is missing"),
        ({"check": "#!/bin/bash\nif true; then\n"}, "check.sh:", "bash can't read check.sh"),
        ({"solve": "#!/bin/bash\n\nno-such-command-here || exit 3\n"}, "solve.sh:3", "solve.sh fails: exit status 3"),
        ({"solve": "#!/bin/bash\ntrue\n"}, "check.sh:1", "check.sh fails after solve.sh"),
        ({"hint": "#!/bin/bash\ntrue\n"}, "hint.sh:1", "hint.sh says nothing"),
    ],
)
def test_one_broken_script_is_told_with_its_place(small, changed, place, words):
    small.write(**changed)
    code, out, _ = small.verify()
    assert code == 1
    assert f"{TASKS}/{place}" in out, out
    assert words in out


def test_a_script_that_hangs_is_ended(small):
    small.write(check="#!/bin/bash\nsleep 600\n")
    code, out, _ = small.verify()
    assert code == 1
    assert f"{TASKS}/check.sh:1" in out and "did not end within 5 s" in out


def test_a_prediction_that_no_option_of_holds_is_told_with_its_line(small):
    small.write(TEXT.replace("alpha | omega", "beta | omega"))
    code, out, _ = small.verify()
    assert code == 1
    line = TEXT.split("\n").index("# predict: What comes first? alpha | omega") + 1
    assert f"{PAGE}:{line}" in out, out


def test_a_broken_line_beside_a_task_is_told_too(small):
    small.write(TEXT.replace("# alpha\n", "# omega\n"))
    code, out, _ = small.verify()
    assert code == 1
    assert f"{PAGE}:{TEXT.split(chr(10)).index('echo alpha') + 1}: differs: block one, step 1" in out


def test_what_passed_is_noted_and_the_committed_manifest_only_when_asked(small):
    small.write()
    own, committed = small.data / "verified.json", small.root / "labs/verified.json"
    assert small.verify()[0] == 0
    entry = parse(own.read_text())[ID]
    assert (entry.steps, entry.tasks, entry.skipped, entry.driver) == (1, 1, 0, "pty") and not committed.exists()
    assert badges(small.root, small.data, load(small.root)) == {ID: entry.words()}
    assert "Noted in labs/verified.json: 1" in small.verify("--record")[2] and parse(committed.read_text()) == {
        ID: entry
    }
    small.write(TEXT.replace("# alpha\n", "# omega\n"))
    assert small.verify()[0] == 1
    assert parse(own.read_text()) == {} and parse(committed.read_text()) == {ID: entry}
    assert badges(small.root, small.data, load(small.root)) == {}, "the page is another one"
    assert small.verify("--update")[0] == 0
    assert parse(own.read_text()) == {}, "what was written into the page was not run yet"


def test_a_task_that_this_host_can_not_run_is_skipped_and_said(small):
    small.write()
    small.page(TEXT, LAB.replace("    timeout_seconds: 5", "    needs: [limits]") + "needs: [limits]\n")
    code, out, _ = small.verify()
    line = TEXT.split("\n").index("<!-- task: 01-a-file -->") + 1
    assert code == 0 and f"{PAGE}:{line}: skipped: task 01-a-file: it needs limits" in out
    assert "tasks, twice each: 2 skipped" in out and len(small.driver.created) == 1
    assert parse((small.data / "verified.json").read_text())[ID].words().endswith(" · 1 step · skipped: 1")


def test_the_report_says_where_the_time_went(small):
    small.write()
    out = small.verify()[1]
    for words in ("Where the time went: ", "starting 2 sandboxes", "typing 1 steps", "running 2 tasks"):
        assert words in out, out
    slowest = out[out.index("Slowest steps:") :]
    assert "block one, step 1: echo alpha" in slowest and "task 01-a-file, with no step run" in slowest
    (lesson,) = json.loads(small.verify("--json")[1])["lessons"]
    assert len(lesson["starts"]) == 2 and lesson["whole"] and lesson["tasks"][0]["seconds"] > 0


def test_a_task_may_build_on_the_one_before_it(small):
    small.write()
    folder = small.root / f"labs/{ID}/tasks/02-more"
    folder.mkdir()
    later = {kind: text.replace("$HOME/done", "$HOME/more") for kind, text in SCRIPTS.items()}
    later["solve"] = '#!/bin/bash\nmv "$HOME/done" "$HOME/more" && touch "$HOME/done"\n'
    for kind, text in later.items():
        (folder / f"{kind}.sh").write_text(text)
        (folder / f"{kind}.sh").chmod(0o755)
    small.page(f"{TEXT}\n<!-- task: 02-more -->\n> Move it.\n", f"{LAB}  02-more:\n    title: More\n")
    code, out, _ = small.verify()
    assert code == 0 and "tasks, twice each: 4 ok" in out, out


@pytest.mark.parametrize("blocked", ["step", "check"])
def test_ctrl_c_ends_it_in_order_and_tells_what_is_known(small, tmp_path, blocked):
    """The step or script waits for this test, which then interrupts as a terminal does."""
    begun = tmp_path / "begun"
    wait = f"touch {begun}; exec sleep 600"
    if blocked == "step":
        small.write(TEXT.replace("# alpha\n", f"# alpha\n\n{wait}\n"))
    else:
        small.write(check=f"#!/bin/bash\n{wait}\n")

    def interrupt() -> None:
        eventually(begun.exists)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    code, out, _ = small.verify()
    thread.join(PATIENCE)
    assert code == 130
    assert re.search(rf"Interrupted: \d of {4 if blocked == 'step' else 3} were run\.", out), out
    assert "hung" not in out and "lost" not in out and "failed" not in out
    assert not (small.data / "verified.json").exists() or parse((small.data / "verified.json").read_text()) == {}


def test_what_labs_new_makes_is_verified_as_it_is(small):
    (small.root / "docs").mkdir()
    scaffolds.lesson(small.root, ID, "A Lesson: new")
    scaffolds.task(small.root, f"{ID}/01-a-file")
    scaffolds.task(small.root, f"{ID}/02-a-second")
    code, out, _ = small.verify()
    assert code == 0, out
    assert f"{ID}: 3 ok; tasks, twice each: 4 ok" in out
