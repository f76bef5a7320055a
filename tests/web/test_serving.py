"""The processes of `labs serve`: what survives a kill, what is left at the end, and what the web process may do."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from lab_server import listening, privileges, supervise
from lab_server.errors import Conflict, Missing, Refused
from lab_server.settings import ROOT
from tests.conftest import PATIENCE
from tests.shell import eventually
from tests.web.learner import Learner
from tests.web.processes import Serving, gone, served

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root has privileges to drop")


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    """Its data lies in a folder that only its owner enters, as pytest's own folders do."""
    tmp_path.chmod(0o700)
    with served(tmp_path / "data") as made:
        yield made


def learner(serving: Serving) -> Learner:
    server: Any = SimpleNamespace(origin=serving.origin)
    known = Learner(server)
    from lab_server.lessons import catalog

    lesson = catalog.load(ROOT).lessons[0].id
    id = known.http.post("/api/sandboxes", json={"lesson": lesson}).json()["id"]
    known.wait(id)
    known.sandbox = id  # type: ignore[attr-defined]
    return known


def test_progress_is_kept_when_web_is_killed_in_the_middle_of_writing(serving: Serving) -> None:
    known = Learner(SimpleNamespace(origin=serving.origin))  # type: ignore[arg-type]
    steps = [
        {"lesson": lesson["id"], "block": block["id"], "step": step["n"], "exit": 0, "output": ""}
        for lesson in known.http.get("/api/lessons").json()
        for block in lesson["blocks"]
        for step in block["steps"]
    ][:12]
    told: list[int] = []

    def tell() -> None:
        for step in steps:
            with contextlib.suppress(httpx.TransportError):  # its connection was cut: it was told nothing
                known.http.post("/api/progress/steps", json=step).raise_for_status()
                told.append(steps.index(step))

    teller = threading.Thread(target=tell)
    teller.start()
    eventually(lambda: len(told) >= 3)
    os.kill(serving.child("lab_server.web"), signal.SIGKILL)
    teller.join(PATIENCE)
    assert len(told) >= len(steps) - 1
    there = known.http.get("/api/progress").json()["lessons"]
    for step in (steps[i] for i in told):
        assert f"{step['block']}/{step['step']}" in there[step["lesson"]]["steps"]
    folder = serving.data / "web"
    names = [folder / f"course.sqlite3{end}" for end in ("", "-wal", "-shm")]
    assert all(stat.S_IMODE(name.stat().st_mode) == 0o600 for name in names)


def test_web_is_killed_mid_output_and_nothing_is_lost(serving: Serving) -> None:
    known = learner(serving)
    id = known.sandbox  # type: ignore[attr-defined]
    with known.terminal(id) as terminal:
        terminal.type("echo pid=$$=; for i in $(seq 1 300); do echo line $i; sleep 0.01; done; echo fi''nished\n")
        terminal.until(b"line 20\r\n")
        os.kill(serving.child("lab_server.web"), signal.SIGKILL)
        assert terminal.closed() == 1006
    killed = time.monotonic()
    eventually(lambda: httpx.get(f"{serving.origin}/healthz", timeout=PATIENCE).status_code == 200)
    assert time.monotonic() - killed < 10  # a second, where nothing else runs
    known.wait(id)
    with known.terminal(id, more=f"&output={terminal.offset}&terminal={terminal.hello['terminal']}") as again:
        assert again.hello["output"] == terminal.offset
        assert again.hello["terminal"] == terminal.hello["terminal"]
        again.until(b"finished\r\n")
        whole = (terminal.said + again.said).decode()
        assert [int(number) for number in re.findall(r"line (\d+)\r\n", whole)] == list(range(1, 301))
        shell = re.findall(r"pid=(\d+)=", whole)
        again.type("echo pid=$$=\n")
        again.until(f"pid={shell[-1]}=".encode(), start=len(again.said))
    assert any("web process ended (killed by SIGKILL)" in line for line in serving.lines)
    assert sum(line.startswith("ready:") for line in serving.lines) == 1


def test_the_spawner_is_killed_and_that_is_said_honestly(serving: Serving) -> None:
    known = learner(serving)
    id = known.sandbox  # type: ignore[attr-defined]
    with known.terminal(id) as terminal:
        os.kill(serving.child("tests.web.serving"), signal.SIGKILL)
        known.wait(id, "failed")
        assert "restarted" in known.http.get(f"/api/sandboxes/{id}").json()["detail"]
        assert terminal.closed() == 4410
    assert known.http.post(f"/api/sandboxes/{id}/reset").status_code == 200
    known.wait(id)


def test_the_end_leaves_nothing(serving: Serving) -> None:
    known = learner(serving)
    with known.terminal(known.sandbox) as terminal:  # type: ignore[attr-defined]
        terminal.type("echo pid=$$=\n")
        terminal.until(b"\x07pid=")
        terminal.until(b"=\r\n", start=terminal.said.index(b"\x07pid="))
        shell = int(re.findall(rb"pid=(\d+)=", terminal.said)[0])
        pids = [shell, serving.child("lab_server.web"), serving.child("tests.web.serving")]
        serving.process.send_signal(signal.SIGINT)
        assert serving.process.wait(PATIENCE) == 0
    assert all(gone(pid) for pid in pids)
    assert not (serving.data / "run" / "spawner.sock").exists()
    assert not list((serving.data / "sandboxes").iterdir())


def test_a_killed_supervisor_takes_everything_with_it(serving: Serving) -> None:
    pids = [serving.child("lab_server.web"), serving.child("tests.web.serving")]
    serving.process.kill()
    serving.process.wait(PATIENCE)
    eventually(lambda: all(gone(pid) for pid in pids), "web and spawner end")


@root_only
def test_the_web_process_has_no_privileges(serving: Serving) -> None:
    web = serving.child("lab_server.web")
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{web}/status").read_text().splitlines() if ":\t" in line
    )
    assert all(int(number) in privileges.DYNAMIC for number in (status["Uid"] + "\t" + status["Gid"]).split())
    assert status["Groups"].strip() == ""
    assert status["NoNewPrivs"] == "1"
    assert os.getpriority(os.PRIO_PROCESS, web) == privileges.FIRST, "pages and keys go before what learners run"
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    kept = serving.data / "web"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o700
    assert stat.S_IMODE((kept / "cookie.key").stat().st_mode) == 0o600
    assert (
        not (Path(f"/proc/{web}/root") / str(Path.home()).lstrip("/") / ".bashrc").exists() or str(Path.home()) == "/"
    )
    assert httpx.get(f"{serving.origin}/").text == "<title>course</title>"


def test_a_port_in_use_says_who_has_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        with pytest.raises(Conflict, match=rf"process {os.getpid()}\)") as why:
            listening.listen("127.0.0.1", taken.getsockname()[1])
        assert "LABS_PORT" in why.value.remedy


def test_an_address_that_is_none_of_ours() -> None:
    with pytest.raises(Refused, match=r"198\.51\.100\.7"):
        listening.listen("198.51.100.7", 0)
    with pytest.raises(Refused, match="LABS_HOST"):
        listening.listen("no such host", 0)


def test_a_process_that_never_stays_up_is_given_up() -> None:
    from lab_server.errors import SandboxFailed

    child = supervise.Child("hopeless", [sys.executable, "-c", ""])
    with pytest.raises(SandboxFailed, match="hopeless"):
        for _ in range(supervise.ATTEMPTS):
            child.start()
            assert child.died() == 0
    assert child.at > time.monotonic() - 1


def test_a_process_that_ignores_the_end_is_killed(tmp_path: Path) -> None:
    script = "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    script += f"pathlib.Path({str(tmp_path / 'up')!r}).touch(); signal.pause()"
    child = supervise.Child("deaf", [sys.executable, "-c", script])
    child.start()
    eventually((tmp_path / "up").exists)
    assert child.process
    pid = child.process.pid
    child.stop(0.1)
    assert gone(pid)


@root_only
def test_who_the_web_server_becomes() -> None:
    assert privileges.choose_user("auto")[0] in privileges.DYNAMIC
    with pytest.raises(Refused):
        privileges.choose_user("root")
    with pytest.raises(Missing, match="LABS_WEB_USER"):
        privileges.choose_user("nobody-of-that-name")


@root_only
def test_closed_folders_are_found_and_passed(tmp_path: Path) -> None:
    """Code, data and a file below two closed folders, one in the other, and a third that stays closed."""
    outer = tmp_path / "outer"
    inner = outer / "open" / "inner"
    (inner / "kept").mkdir(parents=True)
    (inner / "kept" / "file").write_text("reached")
    (inner / "secret").write_text("hidden")
    (outer / "open" / "link").symlink_to(inner / "kept")
    tmp_path.chmod(0o755)
    for closed in (outer, inner):
        closed.chmod(0o700)
    assert {outer, inner} <= set(privileges.blocking([inner / "kept"], 61184, 61184))
    script = f"""
from pathlib import Path
from lab_server import privileges
kept = [Path({str(inner / "kept")!r}), Path({str(outer / "open" / "link")!r}), Path({str(inner / "kept" / "file")!r})]
privileges.drop(61184, 61184, kept)
print((kept[0] / "file").read_text(), (kept[1] / "file").read_text(), Path({str(inner / "secret")!r}).exists())
try:
    Path({str(outer)!r}, "mine").touch()
except PermissionError:
    print("closed")
import decimal, sqlite3
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "reached reached False\nclosed\n", done.stderr
    assert (inner / "secret").read_text() == "hidden" and sorted(path.name for path in outer.iterdir()) == ["open"]
