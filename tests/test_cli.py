"""The `labs` command as a person meets it: a process, its output, its exit status."""

from __future__ import annotations

import json
import os
import pty
import signal
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
from tests.conftest import PATIENCE, Make
from tests.fakes import FailingDriver, PtyDriver
from tests.shell import Shell, eventually
from tests.web.learner import Learner


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


# --- labs top ---


def test_top_prints_a_row_for_each_sandbox(make_server: Make) -> None:
    server = make_server()
    learners = [Learner(server), Learner(server)]
    ids = [learner.start() for learner in learners]
    with learners[0].terminal(ids[0]) as terminal:
        terminal.type("echo ty''ped\n")
        terminal.until(b"typed")
        for words in ([], ["--once"]):  # nobody watches a pipe
            done = labs("top", "--port", str(server.port), *words)
            assert (done.returncode, done.stderr) == (0, ""), done
            head, host, _, columns, *rows = done.stdout.splitlines()
            assert "Driver: pty" in head and "sandboxes: 2 of 500" in head
            assert "free" in host and "load" in host
            assert " ".join(columns.split()) == "SANDBOX LESSON STATE AGE IDLE TERMINALS VIEWERS MEMORY CPU % PROCESSES"
            found = {row.split()[0]: row.split()[1:] for row in rows}
            assert found.keys() == {id[:8] for id in ids}
            assert found[ids[0][:8]][:2] == found[ids[1][:8]][:2] == ["concepts/01-test", "ready"]
            assert found[ids[0][:8]][-2:] == ["1", "1"] and found[ids[1][:8]][-2:] == ["0", "0"]
            assert not any(learner.id in done.stdout for learner in learners)


def test_top_as_json(make_server: Make) -> None:
    server = make_server()
    learner = Learner(server)
    id = learner.start()
    told = json.loads(labs("top", "--json", LABS_PORT=str(server.port)).stdout)
    assert [row["id"] for row in told["sandboxes"]] == [id] and told["ready"] is True
    assert learner.id not in json.dumps(told)


def test_top_says_what_to_do(make_server: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    line = told(labs("top", "--once", "--port", str(free)))
    assert f"port {free}" in line and "labs serve" in line and "--port" in line
    assert "--port" in told(labs("top", "--once", LABS_PORT="0"))
    token = "a-token-of-more-than-16"
    server = make_server(metrics=token)
    assert "LABS_METRICS" in told(labs("top", "--port", str(server.port)))
    done = labs("top", "--port", str(server.port), LABS_METRICS=token)
    assert done.returncode == 0 and "No sandbox." in done.stdout
    assert "LABS_METRICS is off" in told(labs("top", "--port", str(make_server(metrics="off").port)))


def test_top_of_what_is_not_the_course() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:

        def answer() -> None:
            connection, _ = other.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

        thread = threading.Thread(target=answer)
        thread.start()
        assert "not the course" in told(labs("top", "--port", str(other.getsockname()[1])))
        thread.join(PATIENCE)


def test_top_goes_on_in_a_terminal_until_it_is_told_to_end(make_server: Make) -> None:
    server = make_server()
    learner = Learner(server)
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lab_server.cli", "top", "--port", str(server.port)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"TERM": "xterm-256color", "COLUMNS": "160", "LINES": "40"},
        cwd=ROOT,
    )
    os.close(slave)
    try:
        shell = Shell(master)
        shell.until("No sandbox", within=PATIENCE)
        id = learner.start()
        shell.until(id[:8], within=PATIENCE)
        server.stop_web()
        shell.until("No course is served", within=PATIENCE)
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE) == 128 + 2
    finally:
        process.kill()
        process.wait()
        os.close(master)
