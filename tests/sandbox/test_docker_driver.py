"""The docker driver with a fake engine and real containers: what it refuses, what it touches, what outlives a killed spawner.

The same driver goes through the whole contract with Docker Engine itself in the engine guest (`python -m tests.guest.run --engine`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab_server.errors import Conflict, DriverUnavailable, HostFull, Missing, SandboxFailed
from lab_server.sandbox import host
from lab_server.sandbox.client import SpawnerClient
from lab_server.sandbox.contract import DriverConfig, SandboxSpec
from lab_server.sandbox.drivers import containers
from tests.sandbox.fake_engine import FakeEngine, fake_engine
from tests.shell import Shell, eventually

pytest.importorskip("docker", reason="the docker SDK is not installed")
ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LABS_DATA") or ROOT / ".labs")
ID = "0123456789abcdef"


def lacking() -> str:
    if os.getuid() != 0:
        return "the docker driver needs root"
    if not shutil.which("crun"):
        return "crun is not installed"
    return "" if (DATA / "images/store").is_dir() else f"no learner's machine in {DATA}: run `labs build`"


needs_machine = pytest.mark.skipif(bool(lacking()), reason=lacking())


@pytest.fixture
def place() -> Iterator[Path]:
    parent = DATA if DATA.is_dir() else Path(tempfile.gettempdir())
    folder = Path(tempfile.mkdtemp(prefix="docker-", dir=parent))
    for name in ("data", "run"):
        (folder / name).mkdir()
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def engine(place: Path) -> Iterator[FakeEngine]:
    with fake_engine(place) as engine:
        yield engine


def driver(place: Path) -> Any:
    from lab_server.sandbox.drivers.docker import DockerDriver

    return DockerDriver(DriverConfig(DATA / "images", DATA / "guest", place / "data", place / "run"))


# --- what it refuses ---


def refusal(place: Path, kind: type[Exception] = DriverUnavailable) -> str:
    with pytest.raises(kind) as caught:
        driver(place).start()
    return str(caught.value)


@pytest.fixture(autouse=True)
def address(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{place / 'engine.sock'}")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
class TestRefused:
    def test_no_socket(self, place):
        assert "is not there. Start Docker Engine" in refusal(place)

    def test_a_file_in_its_place(self, place):
        (place / "engine.sock").write_text("")
        assert "can't be used" in refusal(place)

    def test_an_engine_elsewhere(self, place, monkeypatch):
        monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
        assert "not on this machine" in refusal(place)

    def test_an_engine_too_old(self, place, engine):
        engine.version = {"Version": "20.10.24", "ApiVersion": "1.41"}
        assert refusal(place) == "Docker Engine 20.10.24 is too old. Install Docker Engine 24 or newer."

    def test_podman(self, place, engine):
        engine.version = {"Version": "5.4.2", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}]}
        assert "Podman 5.4.2 answers" in refusal(place) and "LABS_DRIVER=crun" in refusal(place)

    def test_cgroup_v1(self, place, engine):
        engine.info["CgroupVersion"] = "1"
        assert "cgroup v1" in refusal(place) and "LABS_DRIVER=vm" in refusal(place)

    def test_a_rootless_engine(self, place, engine):
        engine.info["SecurityOptions"] = ["name=seccomp,profile=builtin", "name=rootless"]
        assert "too few ids" in refusal(place)

    def test_no_image(self, place, engine):
        engine.images.clear()
        assert "docker compose build" in refusal(place, Missing)


# --- what doctor says of it ---


def test_doctor_knows_a_good_engine_from_others(place, engine):
    at = place / "engine.sock"
    assert (host.engine(at).ok, host.engine(at).found) == (True, "26.1.5, cgroup v2")
    engine.info["CgroupVersion"] = "1"
    assert "needs cgroup v2" in host.engine(at).remedy
    engine.version["Version"] = "20.10.24+dfsg1"
    assert "24 or newer" in host.engine(at).remedy
    assert host.engine(place / "nowhere").ok is None


# --- what it does with containers ---


@pytest.fixture
def spawner(place: Path, engine: FakeEngine) -> Iterator[Any]:
    started: list[subprocess.Popen[bytes]] = []

    class Spawner:
        client = SpawnerClient(place / "spawner.sock", timeout=60)
        warm = 0

        def start(self) -> None:
            config: dict[str, Any] = {name: str(place / name) for name in ("data", "run")}
            config |= {
                "images": str(DATA / "images"),
                "guest": str(DATA / "guest"),
                "driver": "docker",
                "warm": self.warm,
            }
            file = place / "spawner.json"
            file.write_text(json.dumps(config | {"socket": str(place / "spawner.sock")}))
            argv = [sys.executable, "-m", "lab_server.sandbox.spawner", "--die-with-parent", "--config", str(file)]
            started.append(subprocess.Popen(argv, cwd=ROOT))
            eventually(lambda: (place / "spawner.sock").exists() and self.answers(), "the spawner answers")

        def answers(self) -> bool:
            try:
                info = self.client.info()
            except Exception:
                return False
            assert not info["failed"], info["detail"]
            return bool(info["ready"])

        def end(self, how: int) -> None:
            started[-1].send_signal(how)
            started[-1].wait(30)

    spawner = Spawner()
    spawner.start()
    yield spawner
    if started[-1].poll() is None:
        spawner.end(signal.SIGTERM)


@needs_machine
def test_a_sandbox_runs_commands_and_leaves_nothing(spawner, engine, place):
    spawner.client.create(ID, "default", {"owner": "me"})
    found = spawner.client.capture(ID, ["sh", "-c", "id -u; cat /proc/self/uid_map"], b"", 4096, 30)
    assert found.code == 0 and found.output.split() == [b"0", b"0", b"100000", b"65536"]
    [container] = engine.containers.values()
    ids = Path(f"/proc/{container['process'].pid}/task/{container['process'].pid}/children").read_text().split()
    status = Path(f"/proc/{ids[0]}/status").read_text()
    assert "\nUid:\t70000\t70000\t70000\t70000\n" in status, "the agent is not the host's root"
    room = Path(f"/proc/{ids[0]}/root/tmp/run")  # 4 MiB: what each command left there would fill it in an afternoon
    before = sorted(room.iterdir())
    for _ in range(3):
        assert spawner.client.capture(ID, ["true"], b"", 10, 30).code == 0
    with_terminal = spawner.client.open(ID, "host", 80, 24)
    assert sorted(room.iterdir()) == before != []
    for fd in (with_terminal.fd, with_terminal.ring):
        os.close(fd)
    spawner.client.destroy(ID)
    assert engine.containers == {}
    assert list((place / "data").iterdir()) == [] and list((place / "run").iterdir()) == []


@needs_machine
def test_a_killed_spawner_is_followed_by_one_that_has_everything_as_it_was(spawner, engine):
    spawner.client.create(ID, "default", {"owner": "me"})
    first = spawner.client.open(ID, "host", 80, 24)
    shell = Shell(first.fd)
    number, _ = shell.ask("echo $$")
    spawner.end(signal.SIGKILL)
    assert shell.ask("echo between")[0] == "between\n", "the terminal needs no spawner"
    spawner.start()
    assert [(one["sandbox"], one["labels"], one["state"]) for one in spawner.client.list()] == [
        (ID, {"owner": "me"}, "ready")
    ]
    again = spawner.client.open(ID, "host", 80, 24)
    assert again.terminal == first.terminal, "the same shell under the same name"
    assert os.fstat(again.ring).st_ino == os.fstat(first.ring).st_ino, "the same replay ring"
    assert Shell(again.fd).ask("echo $$")[0] == number
    spawner.client.create("fedcba9876543210", "default", {"owner": "you"})
    for id in (ID, "fedcba9876543210"):
        spawner.client.destroy(id)
    assert engine.containers == {}
    for fd in (first.fd, first.ring, again.fd, again.ring):
        os.close(fd)


@needs_machine
def test_a_sandbox_that_stands_still_does_so_for_the_spawner_that_comes_next(spawner, engine):
    spawner.client.create(ID, "default", {"owner": "me"})
    first = spawner.client.open(ID, "host", 80, 24)
    shell = Shell(first.fd)
    number, _ = shell.ask("echo $$")
    spawner.client.freeze(ID, True)
    spawner.end(signal.SIGKILL)
    spawner.start()
    assert [one["frozen"] for one in spawner.client.list()] == [True]
    assert spawner.client.status(ID, "host")["alive"], "its agent answers"
    while shell._read(0.2):  # its prompt
        pass
    shell.type("echo 4''2\n")
    assert not shell._read(0.5), shell.said
    spawner.client.freeze(ID, False)
    shell.until("42")
    assert shell.ask("echo $$")[0] == number
    spawner.client.freeze(ID, True)
    spawner.client.destroy(ID)
    assert engine.containers == {}
    for fd in (first.fd, first.ring):
        os.close(fd)


@needs_machine
def test_a_warm_container_is_its_learners_also_for_the_spawner_that_comes_next(spawner, engine, place):
    spawner.end(signal.SIGTERM)
    spawner.warm = 1
    spawner.start()
    assert eventually(lambda: spawner.client.info()["warm"]) and spawner.client.list() == []
    [container] = engine.containers.values()
    made = spawner.client.bind(ID, "default", {"owner": "me"})
    assert made and made["labels"] == {"owner": "me"} and ID not in container["Name"]
    first = spawner.client.open(ID, "host", 80, 24)
    number, _ = Shell(first.fd).ask("echo $$")
    [kept] = (place / "data").glob("*/bound")
    for ours in (kept, kept.parent):
        assert ours.stat().st_uid == 0 and not ours.stat().st_mode & 0o022, "only we can write it"
    assert eventually(lambda: spawner.client.info()["warm"]), "another is warm, and nobody's"
    spawner.end(signal.SIGKILL)
    spawner.start()
    listed = [(one["sandbox"], one["labels"], one["state"]) for one in spawner.client.list()]
    assert listed == [(ID, {"owner": "me"}, "ready")]
    again = spawner.client.open(ID, "host", 80, 24)
    assert again.terminal == first.terminal and Shell(again.fd).ask("echo $$")[0] == number
    assert eventually(lambda: spawner.client.info()["warm"]) and len(engine.containers) == 2
    assert container["Id"] in engine.containers, "the learner's is the one it was"
    spawner.client.destroy(ID)
    assert container["Id"] not in engine.containers
    spawner.end(signal.SIGTERM)
    assert engine.containers == {} and list((place / "data").iterdir()) == [] and list((place / "run").iterdir()) == []
    for fd in (first.fd, first.ring, again.fd, again.ring):
        os.close(fd)


@needs_machine
def test_a_stopped_spawner_ends_its_sandboxes(spawner, engine, place):
    spawner.client.create(ID, "default", {})
    spawner.end(signal.SIGTERM)
    assert engine.containers == {} and list((place / "data").iterdir()) == []


@needs_machine
def test_a_container_that_is_killed_is_told(spawner, engine):
    spawner.client.create(ID, "default", {})
    opened = spawner.client.open(ID, "host", 80, 24)
    [container] = engine.containers.values()
    engine.remove(container)
    eventually(lambda: not spawner.client.status(ID, "host")["alive"])
    assert spawner.client.status(ID, "host")["reason"] == "The sandbox ended."
    with pytest.raises(SandboxFailed):
        spawner.client.capture(ID, ["true"], b"", 10, 30)
    spawner.client.destroy(ID)
    os.close(opened.fd)
    os.close(opened.ring)


@needs_machine
def test_a_sandbox_whose_first_process_is_killed_takes_its_agent_along_and_is_told(spawner, engine):
    """Nobody asks anything of the agent: it notices by itself, and the container ends."""
    spawner.client.create(ID, "default", {})
    opened = spawner.client.open(ID, "host", 80, 24)
    assert spawner.client.list()[0]["state"] == "ready"
    [container] = engine.containers.values()
    [agent] = children(container["process"].pid)
    os.kill(first_process(agent), signal.SIGKILL)
    eventually(lambda: not spawner.client.status(ID, "host")["alive"])
    assert spawner.client.status(ID, "host")["reason"] == "The sandbox ended.", "also before the agent is gone"
    assert spawner.client.list()[0]["state"] == "gone"
    assert container["process"].wait(30) == 0, "the agent's end is an orderly one"
    with pytest.raises(SandboxFailed):
        spawner.client.open(ID, "other", 80, 24)
    spawner.client.destroy(ID)
    assert engine.containers == {} and spawner.client.list() == []
    os.close(opened.fd)
    os.close(opened.ring)


def children(pid: int) -> list[int]:
    found = [entry.read_text().split() for entry in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for listed in found for child in listed]


def first_process(agent: int) -> int:
    """The child of an agent that is the first of a pid namespace below the agent's own."""
    status = {child: Path(f"/proc/{child}/status").read_text() for child in children(agent)}
    [found] = [pid for pid, text in status.items() if re.search(r"^NSpid:(\t\d+){2,}\t1$", text, re.M)]
    return found


@needs_machine
def test_somebody_elses_container_of_the_same_name_is_left_alone(spawner, engine):
    spawner.client.create(ID, "default", {})
    [container] = engine.containers.values()
    spawner.client.destroy(ID)
    theirs = engine.create(container["Name"], {"Labels": {}})
    with pytest.raises(Conflict, match="It is not ours"):
        spawner.client.create(ID, "default", {})
    assert list(engine.containers) == [theirs]
    spawner.end(signal.SIGTERM)
    assert list(engine.containers) == [theirs]


@needs_machine
@pytest.mark.parametrize(("words", "kind"), [("no space left on device", HostFull), ("oh dear", SandboxFailed)])
def test_an_engine_that_refuses_is_quoted_and_nothing_stays(spawner, engine, place, words, kind):
    engine.refuses = words
    with pytest.raises(kind, match=words):
        spawner.client.create(ID, "default", {})
    assert engine.containers == {} and list((place / "data").iterdir()) == []
    engine.refuses = ""
    spawner.client.create(ID, "default", {})


@needs_machine
def test_a_container_that_ends_at_once_is_told_with_its_last_words(spawner, engine, monkeypatch):
    monkeypatch.setattr(engine, "start", lambda container: None)
    with pytest.raises(SandboxFailed, match="ended as soon as it started: it ended"):
        spawner.client.create(ID, "default", {})
    assert engine.containers == {}


# --- what a container is ---


def test_a_container_has_nothing_that_it_does_not_need():
    whose = containers.Whose(ID, "spawner", 3, {"owner": "me"})
    made = containers.configuration(SandboxSpec(), whose, image="labs", folder="/f", apparmor="labs-sandbox")
    host = made["HostConfig"]
    assert (host["Privileged"], host["NetworkMode"], host["ReadonlyRootfs"]) == (False, "none", True)
    assert host["CapDrop"] == ["ALL"] and set(host["CapAdd"]) == {"CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID"}
    assert "Devices" not in host and [mount["Target"] for mount in host["Mounts"]] == ["/run/labs"]
    assert "apparmor=labs-sandbox" in host["SecurityOpt"]
    assert json.loads(made["Labels"][containers.LABELS]) == {"owner": "me"}
    assert host["Memory"] == host["MemorySwap"] > SandboxSpec().limits.memory


def test_the_outer_filter_lets_through_what_the_inner_one_does_and_refuses_the_same_by_name():
    profile = containers.seccomp(SandboxSpec())
    refused = {name for rule in profile["syscalls"] if "ALLOW" not in rule["action"] for name in rule["names"]}
    allowed = {
        name
        for rule in profile["syscalls"]
        if "ALLOW" in rule["action"] and not rule.get("args")
        for name in rule["names"]
    }
    assert not refused & allowed
    assert {"unshare", "mount", "move_mount", "setns", "pivot_root"} <= allowed
    assert not {"bpf", "init_module", "kexec_load", "open_by_handle_at", "perf_event_open", "userfaultfd"} & allowed


# --- what a learner waits for ---


def imported(module: str) -> set[str]:
    told = "import sys, importlib; importlib.import_module(sys.argv[1]); print(*sys.modules)"
    words = [sys.executable, "-S", "-P", "-c", told, module]
    done = subprocess.run(words, env={"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True, check=True)
    return set(done.stdout.split())


def test_an_agent_imports_little_before_its_sandbox_runs_and_nothing_slow_after():
    start = imported("lab_server.sandbox.agent.start")
    assert "_socket" in start
    assert not {"dataclasses", "enum", "json", "pathlib", "re", "socket", "subprocess", "threading", "typing"} & start
    assert not {"dataclasses", "inspect", "logging", "asyncio"} & imported("lab_server.sandbox.agent.service")
