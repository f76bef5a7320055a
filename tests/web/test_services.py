"""`labs web`, `labs spawner` and `labs health` as a container runs them: processes of their own, each with no more than it needs."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from lab_server import health, privileges
from lab_server.errors import Missing, Refused, SpawnerGone, Unwell
from lab_server.sandbox.client import SpawnerClient
from lab_server.settings import ROOT
from lab_server.store import lock
from tests.conftest import PATIENCE
from tests.shell import eventually
from tests.web.learner import Learner
from tests.web.processes import gone
from tests.web.test_serving import root_only

USER = 10001
LABS = [sys.executable, "-m", "tests.web.serving", "labs"]
# what `docker run --read-only --user 10001 --cap-drop ALL` leaves of a container, but for its volume `web`
SEALED = f"""
import os, sys
from pathlib import Path
from lab_server import privileges
from lab_server.sandbox import syscalls
data = Path(os.environ["LABS_DATA"])
web = data / "web"
syscalls.private_mounts()
syscalls.mount(str(web), web, flags=syscalls.MS_BIND)
for line in Path("/proc/self/mountinfo").read_text().splitlines():
    place = Path(line.split()[4].encode().decode("unicode_escape"))
    if place != web and not place.is_relative_to("/proc"):
        syscalls.mount("none", place, flags=syscalls.MS_REMOUNT | syscalls.MS_BIND | syscalls.MS_RDONLY)
privileges.drop({USER}, {USER}, [data / "site", data / "run", web])
for place in (data / "run", Path("/tmp"), Path("/")):
    try:
        (place / "written").touch()
        sys.exit(f"{{place}} can be written")
    except OSError:
        pass
from lab_server.cli import main
main(["web"])
"""
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """LABS_DATA with a site, and a machine that looks like one."""
    folder = tmp_path / "data"
    for part in ("site", "run", "web", "images/sandbox/etc", "images/store/overlay-images"):
        (folder / part).mkdir(parents=True)
    (folder / "site" / "index.html").write_text("<title>course</title>")
    (folder / "images" / "manifest.json").write_text('{"inputs": "of a test"}')
    return folder


@pytest.fixture
def start(data: Path) -> Iterator[Start]:
    """Starts a process with this LABS_DATA; it is gone at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def run(argv: list[str], **env: str) -> subprocess.Popen[str]:
        given = os.environ | {"LABS_DATA": str(data), "LABS_DRIVER": "pty"} | env
        process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=given
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE)
        assert process.stdout
        process.stdout.close()


def labs(data: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    given = os.environ | {"LABS_DATA": str(data), "LABS_DRIVER": "pty"} | env
    return subprocess.run([*LABS, *words], capture_output=True, text=True, cwd=ROOT, env=given, timeout=60)


def told(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1 and done.stderr.startswith("labs: ") and done.stderr.count("\n") == 1, done
    return done.stderr


def opened(process: subprocess.Popen[str]) -> str:
    """The address a web server says it can be opened at."""
    assert process.stdout
    line = process.stdout.readline()
    assert line.startswith("Open: "), line + process.stdout.read()
    return line.split()[1].rstrip("/")


def port(origin: str) -> str:
    return origin.rpartition(":")[2]


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def children(pid: int) -> list[int]:
    lists = [file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children")]  # one a thread
    return [int(child) for children in lists for child in children.split()]


def namespace(pid: int) -> str:
    return str(Path(f"/proc/{pid}/ns/pid").readlink())


def ready(client: SpawnerClient) -> bool:
    try:
        return bool(client.info()["ready"])
    except SpawnerGone:
        return False


# --- web ---


@root_only
def test_web_in_a_sealed_container_and_a_spawner_that_comes_late_and_again(data: Path, start: Start) -> None:
    shutil.chown(data / "web", USER, USER)
    web = start([sys.executable, "-c", SEALED], LABS_PORT="0")
    origin = opened(web)
    shown = status(web.pid)
    assert set(shown["Uid"].split()) == {str(USER)} and shown["NoNewPrivs"] == "1"
    assert int(shown["CapEff"], 16) == int(shown["CapBnd"], 16) == 0

    def readyz() -> httpx.Response:
        return httpx.get(f"{origin}/readyz", timeout=PATIENCE)

    assert httpx.get(f"{origin}/").text == "<title>course</title>"
    assert readyz().status_code == 503 and "spawner can't be reached" in readyz().json()["reason"]
    assert labs(data, "health", LABS_PORT=port(origin)).stdout.startswith("ok")
    assert "spawner" in told(labs(data, "health", "--ready", LABS_PORT=port(origin)))
    assert "spawner" in told(labs(data, "health", "--spawner"))

    first = start([*LABS, "spawner"], LABS_WEB_USER=str(USER))
    eventually(lambda: readyz().status_code == 200)
    assert labs(data, "health", "--ready", LABS_PORT=port(origin)).stdout == "ok: a sandbox can be had\n"
    assert labs(data, "health", "--spawner").stdout == "ok: a sandbox can be had, made with pty\n"
    known = Learner(SimpleNamespace(origin=origin))  # type: ignore[arg-type]
    lesson = known.http.get("/api/lessons").json()[0]["id"]
    known.wait(known.http.post("/api/sandboxes", json={"lesson": lesson}).json()["id"])

    first.kill()
    first.wait(PATIENCE)
    eventually(lambda: readyz().status_code == 503)
    assert httpx.get(f"{origin}/").status_code == 200
    start([*LABS, "spawner"], LABS_WEB_USER=str(USER))
    eventually(lambda: readyz().status_code == 200)

    web.send_signal(signal.SIGTERM)
    assert web.wait(PATIENCE) == 0
    assert {file.name for file in (data / "web").iterdir()} == {"cookie.key", "course.sqlite3", "lock"}
    assert {file.stat().st_uid for file in (data / "web").iterdir()} == {USER}


@root_only
def test_web_started_as_root_stops_being_it(data: Path, start: Start) -> None:
    web = start([*LABS, "web"], LABS_PORT="0", LABS_WEB_USER=str(USER))
    origin = opened(web)
    shown = status(web.pid)
    assert set((shown["Uid"] + "\t" + shown["Gid"]).split()) == {str(USER)} and shown["Groups"].strip() == ""
    assert {int(shown[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert httpx.get(f"{origin}/healthz").json() == {"status": "ok"}
    web.send_signal(signal.SIGINT)
    assert web.wait(PATIENCE) == 0


@root_only
def test_web_started_as_a_root_that_can_not_stop_being_it(data: Path) -> None:
    bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]
    done = subprocess.run(
        [*bare, *LABS, "web"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"LABS_DATA": str(data), "LABS_PORT": "0"},
        timeout=60,
    )
    assert "as another user" in told(done)


def test_web_without_a_site(data: Path) -> None:
    (data / "site" / "index.html").unlink()
    assert "labs build --only site" in told(labs(data, "web", LABS_PORT="0"))
    assert not list((data / "web").iterdir())


def test_web_without_a_folder_of_its_own(data: Path) -> None:
    (data / "web").rmdir()
    (data / "web").write_text("in the way")
    assert str(data / "web") in told(labs(data, "web", LABS_PORT="0"))


@root_only
def test_web_in_a_folder_that_is_somebody_elses(data: Path, start: Start) -> None:
    (data / "web").chmod(0o755)
    web = start([sys.executable, "-c", SEALED], LABS_PORT="0")
    assert web.stdout
    said = web.stdout.read()
    assert web.wait(PATIENCE) == 1 and f"chown -R {USER} {data / 'web'}" in said and said.count("\n") == 1


def test_web_while_a_backup_is_restored(data: Path) -> None:
    with lock.alone(data / "web"):
        assert "being restored" in labs(data, "web", LABS_PORT="0").stderr


def test_backup_and_restore_beside_a_web_server_that_runs(data: Path, start: Start, tmp_path: Path) -> None:
    web = start([*LABS, "web"], LABS_PORT="0")
    learner = Learner(SimpleNamespace(origin=opened(web)))  # type: ignore[arg-type]
    lesson = learner.http.get("/api/lessons").json()[0]
    step = {"lesson": lesson["id"], "block": lesson["blocks"][0]["id"], "step": 1, "exit": 0, "output": ""}
    learner.http.post("/api/progress/steps", json=step).raise_for_status()
    before = learner.http.get("/api/progress").json()
    file = str(tmp_path / "course.backup")
    assert labs(data, "backup", file).returncode == 0
    assert "Stop the web server first" in told(labs(data, "restore", file, "--force"))
    web.send_signal(signal.SIGTERM)
    assert web.wait(PATIENCE) == 0

    shutil.rmtree(data / "web")
    assert labs(data, "restore", file).returncode == 0
    learner.http.base_url = httpx.URL(opened(start([*LABS, "web"], LABS_PORT=port(learner.server.origin))))
    assert learner.http.get("/api/progress").json() == before  # the same learner, by the same cookie


# --- spawner ---


def test_the_spawner_ends_in_order(data: Path, start: Start) -> None:
    spawner = start([*LABS, "spawner"], LABS_WEB_USER=str(USER))
    client = SpawnerClient(data / "run" / "spawner.sock")
    eventually(lambda: ready(client))
    client.create("0123456789abcdef", "default", {})
    terminal = client.open("0123456789abcdef", "host", 80, 24)
    (shell,) = children(spawner.pid)
    config = data / "run" / "spawner.json"
    assert json.loads(config.read_text())["clients"] == [USER] and config.stat().st_mode & 0o777 == 0o600
    spawner.send_signal(signal.SIGTERM)
    assert spawner.wait(PATIENCE) == 0
    assert gone(shell) and not (data / "run" / "spawner.sock").exists()
    assert not list((data / "sandboxes").iterdir())
    os.close(terminal.fd)
    os.close(terminal.ring)


def test_the_spawner_ends_when_its_signal_comes_at_a_bad_moment(data: Path, start: Start) -> None:
    """Handled by another of its threads, a signal doesn't interrupt the first one's wait; just before the wait it is as well."""
    spawner = start([*LABS, "spawner"], LABS_WARM="1")
    eventually(lambda: ready(SpawnerClient(data / "run" / "spawner.sock")))
    tasks = Path(f"/proc/{spawner.pid}/task")
    eventually(lambda: len(list(tasks.iterdir())) == 2, "its first thread and the pool's are what is left")
    (pool,) = (int(one.name) for one in tasks.iterdir() if int(one.name) != spawner.pid)
    assert ctypes.CDLL(None).tgkill(spawner.pid, pool, signal.SIGTERM) == 0
    assert spawner.wait(PATIENCE) == 0 and not (data / "run" / "spawner.sock").exists()


@root_only
def test_the_spawner_as_the_first_process_of_a_container(data: Path, start: Start) -> None:
    outer = start(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", *LABS, "spawner"])
    eventually(lambda: ready(SpawnerClient(data / "run" / "spawner.sock")))
    (first,) = children(outer.pid)
    (spawner,) = children(first)
    orphan = "readlink /proc/self/ns/pid & exec true"  # nobody waits for it
    there = ["nsenter", "--target", str(first), "--pid", "--mount", "sh", "-c", orphan]
    done = subprocess.run(there, capture_output=True, text=True)
    assert done.stdout.strip() == namespace(first) != namespace(os.getpid())
    eventually(lambda: children(first) == [spawner], "the orphan is reaped")
    os.kill(first, signal.SIGTERM)
    assert outer.wait(PATIENCE) == 0
    assert gone(spawner) and not (data / "run" / "spawner.sock").exists()


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -KILL $$", 137), ("exit 0", 0)])
def test_the_reaper_ends_as_its_command_does(script: str, code: int) -> None:
    argv = [sys.executable, "-m", "lab_server.sandbox.reaper", "sh", "-c", script]
    assert subprocess.run(argv, cwd=ROOT).returncode == code


# A shell's trap won't do here: a signal between its look for one and its read(2) leaves it reading for good.
ASKED_TO_END = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("up", flush=True)
signal.sigwait({signal.SIGTERM})
print("asked", flush=True)
sys.exit(3)
"""


def test_the_reaper_passes_signals_on() -> None:
    argv = [sys.executable, "-m", "lab_server.sandbox.reaper", sys.executable, "-c", ASKED_TO_END]
    with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "up\n"
        process.terminate()
        assert process.stdout.readline() == "asked\n" and process.wait(PATIENCE) == 3


def test_the_spawner_without_what_it_needs(data: Path) -> None:
    assert "LABS_DRIVER" in told(labs(data, "spawner", LABS_DRIVER="magic"))
    shutil.rmtree(data / "images" / "sandbox")
    line = told(labs(data, "spawner"))
    assert "learner's machine is not in" in line and "labs build" in line
    assert not (data / "run" / "spawner.json").exists()


def test_the_spawner_without_a_folder_for_its_socket(data: Path) -> None:
    (data / "run").rmdir()
    (data / "run").write_text("in the way")
    assert "LABS_DATA" in told(labs(data, "spawner"))


def test_a_second_spawner_is_refused(data: Path, start: Start) -> None:
    start([*LABS, "spawner"])
    eventually(lambda: labs(data, "health", "--spawner").returncode == 0)
    done = labs(data, "spawner")
    assert done.returncode == 1 and "Another spawner" in done.stderr


# --- who, and how ---


def test_a_user_may_be_a_number() -> None:
    assert privileges.choose_user(str(USER)) == (USER, USER)
    with pytest.raises(Refused, match="root"):
        privileges.choose_user("0")
    with pytest.raises(Refused, match="number"):
        privileges.choose_user("4294967295")
    with pytest.raises(Missing):
        privileges.choose_user("-5")


def test_health_of_what_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        free = silent.getsockname()[1]
    with pytest.raises(Unwell, match="refused"):
        health.web("0.0.0.0", free)


def test_health_of_what_is_no_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "WITHIN", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(Unwell, match="in time"):
        health.web("127.0.0.1", deaf.getsockname()[1])


def test_health_of_a_port_that_is_taken_freely(data: Path) -> None:
    assert "LABS_PORT" in told(labs(data, "health", LABS_PORT="0"))
