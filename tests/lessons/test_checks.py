"""The program that runs tasks' scripts, in the bash of this machine: bounds, frames, and what can't be forged."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.lessons import checks
from lab_server.lessons.checks import SAID, Job, Outcome, clean, program
from lab_server.lessons.tasks import Task


def run(*jobs: Job) -> dict[str, Outcome]:
    what = program(jobs)
    done = subprocess.run(what.argv, input=what.text, stdout=subprocess.PIPE, timeout=60, check=True)
    assert len(done.stdout) <= what.most
    return what.outcomes(done.stdout)


def one(script: str, seconds: int = 10, most: int = SAID, errors: bool = False) -> Outcome:
    return run(Job("check/one", f"#!/bin/bash\n{script}\n", seconds, most, errors))["check/one"]


def test_status_and_output():
    found = one("echo 'There is \"none\" yet: ü'; echo lost >&2; exit 3")
    assert (found.code, found.said) == (3, 'There is "none" yet: ü') and 0 < found.seconds < 10
    assert one("echo a; echo b >&2", errors=True).said == "a\nb"
    assert one("kill -9 $$").code == 137 and one("exit 0\nsyntax ( error").code == 0


def test_several_in_order_each_on_its_own():
    found = run(*(Job(f"check/{n}", f"x+={n}; cd /; echo $x; exit {n}", 10) for n in range(5)))
    assert [(key, one.code, one.said) for key, one in found.items()] == [(f"check/{n}", n, str(n)) for n in range(5)]


def test_input_is_nothing_and_no_descriptor_is_left_over():
    assert one("cat; readlink /proc/$$/fd/0").said == "/dev/null"
    assert one("ls /proc/self/fd | tr '\\n' ' '").said == "0 1 2 3"  # 3 is what ls itself opened


def test_the_script_is_on_no_command_line_and_in_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    look = "[[ $(cat /proc/[0-9]*/cmdline | tr '\\0' ' ') == *\"the $w solution\"* ]] && echo there\nls -A $TMPDIR"
    found = one(f"# the secret solution {'x' * 30_000}\nw=sec; w+=ret\n{look}")
    assert found.said == "" and not list(tmp_path.iterdir())


@pytest.mark.parametrize(("script", "code"), [("sleep 600", 124), ("trap '' TERM; while :; do :; done", 137)])
def test_time_is_bounded(script, code):
    began = time.monotonic()
    found = run(Job("check/slow", f"echo so far; {script}", 1), Job("check/next", "exit 0", 10))
    assert found["check/slow"].code == code and found["check/slow"].timed_out and found["check/slow"].said == "so far"
    assert found["check/next"].code == 0 and time.monotonic() - began < 8


def test_output_is_bounded_and_the_script_still_ends(tmp_path):
    found = one(f"seq 1000000; echo done >{tmp_path}/done; exit 5")
    assert (
        found.code == 5 and len(found.said) <= SAID and found.said.startswith("1\n2\n") and (tmp_path / "done").exists()
    )
    flood = run(Job("check/flood", "yes", 1, 100), Job("check/next", "echo ok", 10))
    assert flood["check/flood"].said == ("y\n" * 50).strip() and flood["check/next"].said == "ok"


def test_what_goes_on_running_holds_nothing_up():
    began = time.monotonic()
    found = one("sleep 30 & echo started; exit 0", seconds=25)
    assert (found.code, found.said) == (0, "started") and time.monotonic() - began < 10


def test_output_can_not_pass_for_a_frame(tmp_path):
    what = program([Job("check/a", f"cat {tmp_path}/said; exit 1", 10), Job("check/b", "echo b; exit 1", 10)])
    frames = "".join(f"{word} check/{key} 0 1.0 2.0 0\n\n" for word in ("", "0" * 32, "$nonce") for key in "ab")
    (tmp_path / "said").write_text(f"x\n{frames}")
    done = subprocess.run(what.argv, input=what.text, stdout=subprocess.PIPE, timeout=60, check=True)
    found = what.outcomes(done.stdout)
    assert {key: one.code for key, one in found.items()} == {"check/a": 1, "check/b": 1}
    # nor where it knows another program's word, or its own frame's length covers the next frame
    assert program([]).outcomes(done.stdout) == {}
    inner = f"{what.nonce} check/b 0 1.0 2.0 0\n\n"
    outer = f"{what.nonce} check/a 1 1.0 2.0 {len(inner)}\n{inner}\n{what.nonce} check/b 1 1.0 2.0 0\n\n"
    assert {key: one.code for key, one in what.outcomes(outer.encode()).items()} == {"check/a": 1, "check/b": 1}


@given(st.binary(max_size=200))
def test_any_answer_can_be_read(noise):
    what = program([])
    what.outcomes(noise)
    head = f"{what.nonce} check/a 1 1.0 2.0 99999999999999999999\n".encode()
    assert what.outcomes(head + noise) == {}
    good = f"{what.nonce} check/a 1 1.5 2.0 {len(noise)}\n".encode() + noise + b"\n"
    assert what.outcomes(good)["check/a"] == Outcome(1, clean(noise), 0.5)
    assert what.outcomes(good[:-1]) == {}


def test_text_for_a_person():
    assert clean(b"\x1b[31mred\x1b[0m\r\n\ta\x00\x07b\xff\n\n") == "red\n        ab\ufffd"
    assert clean("a\u202eb\u200bc".encode()) == "abc" and clean(b"\n \n") == ""


def test_what_is_prepared_once_is_not_prepared_again(tmp_path, monkeypatch):
    monkeypatch.setattr(checks, "MARKS", str(tmp_path / "marks"))
    scripts = {"check": "true", "hint": "true", "init": f"echo x >>{tmp_path}/init; [[ -e {tmp_path}/good ]]"}
    task = Task("01-a", "A", (), 10, 1, 0, scripts, {})
    (job,) = checks.preparing("concepts/01-x", task)
    assert run(job)["init/01-a"].code == 1  # tried again when it failed
    (tmp_path / "good").touch()
    assert run(job)["init/01-a"].code == 0
    assert run(job) == {} and run(*checks.preparing("concepts/02-y", task)) != {}
    assert (Path(tmp_path / "init").read_text()) == "x\n" * 3
    assert checks.preparing("concepts/01-x", Task("01-a", "A", (), 10, 1, 0, {"check": "", "hint": ""}, {})) == []
