"""The `labs` command as a person meets it: a process, its output, its exit status."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab_server.sandbox.client import SpawnerClient
from lab_server.sandbox.spawner import Spawner
from lab_server.settings import ROOT
from tests.conftest import PATIENCE, eventually
from tests.fakes import FailingDriver, PtyDriver
from tests.shell import Shell


def labs(*words: str, given: str | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lab_server.cli", *words],
        capture_output=True,
        text=True,
        input=given,
        env=os.environ | {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"} | env,
        cwd=ROOT,
        timeout=120,
    )


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A LABS_DATA whose spawner runs, as that of a course being served; its sandboxes are PtyDriver's."""
    yield from _serve(PtyDriver(), tmp_path)


@pytest.fixture
def failing(tmp_path: Path) -> Iterator[Path]:
    yield from _serve(FailingDriver(), tmp_path)


def _serve(driver: PtyDriver, path: Path) -> Iterator[Path]:
    spawner = Spawner(driver, {"concepts/02-how-containers-work": {}}, [], path / "run" / "spawner.sock")
    thread = threading.Thread(target=spawner.serve, daemon=True)
    thread.start()
    client = SpawnerClient(path / "run" / "spawner.sock")
    eventually(lambda: client.info()["ready"])
    yield path
    left = client.list()
    spawner.stop()
    thread.join(PATIENCE)
    assert left == [], "a sandbox was left behind"


def told(done: subprocess.CompletedProcess[str]) -> str:
    """What a failure says: one line on standard error, no traceback."""
    assert done.returncode == 1 and done.stdout == "", done
    assert done.stderr.startswith("labs: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


def test_help_teaches() -> None:
    text = labs("--help").stdout
    for word in ("serve", "doctor", "shell", "exec", "build", "LABS_PORT", "http://127.0.0.1:8000"):
        assert word in text
    serve = labs("serve", "--help").stdout
    assert "ready:" in serve
    from lab_server.settings import Settings

    for name in Settings.model_fields:
        assert f"LABS_{name.upper()}" in serve


def test_the_version() -> None:
    assert labs("--version").stdout.startswith("labs 0.")


@pytest.mark.parametrize("words", [["fly"], ["serve", "--fly"], ["exec"], ["serve", "--port", "x"]])
def test_wrong_usage_is_status_2(words: list[str]) -> None:
    done = labs(*words)
    assert done.returncode == 2 and done.stderr and "Traceback" not in done.stderr


def test_a_port_in_use_is_told_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        line = told(labs("serve", LABS_PORT=port, LABS_DATA=str(tmp_path / "data")))
    assert f"Port {port} is in use" in line and f"(process {os.getpid()})" in line and "LABS_PORT" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"LABS_PORT": "many"}, "LABS_PORT"),
        ({"LABS_DRIVER": "magic", "LABS_PORT": "0"}, "magic"),
        ({"LABS_HOST": "198.51.100.7"}, "LABS_HOST"),
        ({"LABS_DATA": "/proc/none", "LABS_PORT": "0"}, "LABS_DATA"),
    ],
)
def test_a_setting_that_can_not_be_used(env: dict[str, str], said: str) -> None:
    done = labs("serve", **env)
    assert done.returncode == 1 and done.stderr.startswith("labs: ") and said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_exec_passes_everything_through(data: Path) -> None:
    done = labs("exec", "--", "sh", "-c", "cat; echo err >&2; exit 42", given="in\n", LABS_DATA=str(data))
    assert (done.returncode, done.stdout, done.stderr) == (42, "in\n", "err\n")
    lesson = labs("exec", "--lesson", "concepts/02-how-containers-work", "echo", "--lesson", LABS_DATA=str(data))
    assert (lesson.returncode, lesson.stdout) == (0, "--lesson\n")


def test_exec_of_an_unknown_lesson_or_with_a_driver_that_fails(data: Path) -> None:
    assert "concepts/99" in told(labs("exec", "--lesson", "concepts/99-x", "--", "true", LABS_DATA=str(data)))


def test_exec_with_a_driver_that_fails(failing: Path) -> None:
    assert "out of luck" in told(labs("exec", "--", "true", LABS_DATA=str(failing)))


def test_shell_needs_a_terminal(data: Path) -> None:
    assert "labs exec" in told(labs("shell", LABS_DATA=str(data)))


def test_shell_is_a_terminal(data: Path) -> None:
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lab_server.cli", "shell"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"LABS_DATA": str(data)},
        cwd=ROOT,
    )
    os.close(slave)
    try:
        shell = Shell(master)
        shell.until(r"\$ ")
        shell.type("echo fr''om-inside; exit 9\n")
        shell.until("from-inside", within=PATIENCE)
        shell.end(PATIENCE)
        assert process.wait(PATIENCE) == 9
    finally:
        process.kill()
        process.wait()
        os.close(master)


def test_the_end_of_an_exec_by_signal_leaves_no_sandbox(data: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lab_server.cli", "exec", "--", "sh", "-c", "echo up; sleep 100"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"LABS_DATA": str(data)},
        cwd=ROOT,
    )
    assert process.stdout and process.stdout.readline() == "up\n"
    process.terminate()
    assert process.wait(PATIENCE) == 128 + 15
    process.stdout.close()


def test_doctor_says_what_this_host_can_do() -> None:
    done = labs("doctor")
    assert done.returncode in (0, 1) and "kernel" in done.stdout and "Driver:" in done.stdout
