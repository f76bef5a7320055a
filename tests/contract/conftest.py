"""One suite, every driver: each test gets a spawner with that driver behind its socket, or a skip that says why not."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lab_server.errors import SpawnerGone
from lab_server.sandbox import cgroups
from lab_server.sandbox.client import SpawnerClient
from tests.contract import engine
from tests.shell import Shell

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LABS_DATA") or ROOT / ".labs")
DRIVERS = ("pty", "crun", "vm", "docker")
TEMPLATES = {"small": {"limits": {"memory": 256 << 20, "cpus": 0.5, "pids": 200, "disk": 64 << 20, "io": 50 << 20}}}
WARM = 2  # sandboxes kept ready
BOOT_WITHIN = 120.0  # seconds


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--driver", action="append", choices=DRIVERS, help="only this driver (may be given again)")


def lacking(driver: str) -> str:
    """Why this driver can't be tried here, or ""."""
    if driver == "pty":
        return ""
    if driver == "crun":
        if os.getuid() != 0:
            return "the crun driver needs root"
        if not shutil.which("crun"):
            return "crun is not installed"
        return "" if (DATA / "images/sandbox/etc").is_dir() else f"no sandbox image in {DATA}: run `labs build`"
    if driver == "docker":
        return engine.lacking() or ("" if (DATA / "images/store").is_dir() else f"no image store in {DATA}")
    if not shutil.which("qemu-system-x86_64"):
        return "QEMU is not installed"
    return "" if (DATA / "guest").is_dir() else f"no guest in {DATA}: run `labs build`"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "spawner" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--driver") or DRIVERS
        wanted = [driver for driver in DRIVERS if driver in chosen]
        if metafunc.definition.get_closest_marker("real"):
            wanted = [driver for driver in wanted if driver != "pty"]
        metafunc.parametrize("spawner", wanted, indirect=True, scope="session")


@dataclass
class Running:
    """A spawner under test: its client, what it says of itself, and (where it is one) its process."""

    driver: str
    client: SpawnerClient
    info: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    place: Path = Path()

    def has(self, capability: str) -> bool:
        return bool(self.info["capabilities"][capability])

    @contextlib.contextmanager
    def sandbox(self, template: str = "default") -> Iterator[str]:
        """A fresh sandbox's id; destroyed at the end."""
        id = secrets.token_hex(8)
        self.client.create(id, template, {"owner": "test"})
        try:
            yield id
        finally:
            self.client.destroy(id)

    @contextlib.contextmanager
    def shell(self, sandbox: str, session: str = "host", columns: int = 200, rows: int = 50) -> Iterator[Shell]:
        opened = self.client.open(sandbox, session, columns, rows)
        os.set_blocking(opened.fd, False)
        try:
            yield Shell(opened.fd)
        finally:
            os.close(opened.fd)
            os.close(opened.ring)

    def run(self, sandbox: str, *argv: str, given: bytes = b"") -> tuple[int, str, str]:
        """(status, standard output, standard error) of one command."""
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            source.write(given)
            source.seek(0)
            code = self.client.run(sandbox, argv, (source.fileno(), out.fileno(), err.fileno()))
            out.seek(0)
            err.seek(0)
            return code, out.read().decode(errors="replace"), err.read().decode(errors="replace")

    def sh(self, sandbox: str, script: str) -> str:
        """What a script prints, both streams; it may fail."""
        code, out, err = self.run(sandbox, "sh", "-c", script)
        return f"{out}{err}[{code}]"


def wait_ready(client: SpawnerClient, within: float, alive: Callable[[], bool]) -> dict[str, Any]:
    deadline = threading.Event()
    timer = threading.Timer(within, deadline.set)
    timer.start()
    try:
        while not deadline.is_set() and alive():
            with contextlib.suppress(SpawnerGone):
                info = client.info()
                if info["ready"] or info["failed"]:
                    return info
            deadline.wait(0.05)
        raise AssertionError("the spawner did not get ready")
    finally:
        timer.cancel()


def _in_process(place: Path) -> Iterator[Running]:
    from lab_server.sandbox.contract import DriverConfig
    from lab_server.sandbox.spawner import Spawner
    from tests.fakes import PtyDriver

    config = DriverConfig(place, place, place / "data", place / "run")
    spawner = Spawner(PtyDriver(config), TEMPLATES, [], place / "spawner.sock", warm=WARM)
    thread = threading.Thread(target=spawner.serve)
    thread.start()
    client = SpawnerClient(place / "spawner.sock")
    yield Running("pty", client, wait_ready(client, 10, thread.is_alive), place=place)
    spawner.stop()
    thread.join(30)
    assert not thread.is_alive()


def _as_process(driver: str, place: Path) -> Iterator[Running]:
    config = {
        "driver": driver,
        "socket": str(place / "spawner.sock"),
        "images": str(DATA / "images"),
        "guest": str(DATA / "guest"),
        "data": str(place / "data"),
        "run": str(place / "run"),
        "templates": TEMPLATES,
        "warm": WARM,
    }
    (place / "spawner.json").write_text(json.dumps(config))
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "lab_server.sandbox.spawner",
            "--die-with-parent",
            "--config",
            str(place / "spawner.json"),
        ],
        cwd=ROOT,
        text=True,
        env=os.environ | {"LABS_SANDBOX_IMAGE": engine.IMAGE},
    )
    client = SpawnerClient(place / "spawner.sock", timeout=120)
    try:
        info = wait_ready(client, BOOT_WITHIN, lambda: process.poll() is None)
        if info["failed"]:
            pytest.fail(f"the {driver} driver can't start: {info['detail']}")
        yield Running(driver, client, info, process, place)
    finally:
        process.terminate()
        code = process.wait(60)
    assert code == 0
    assert list((place / "data").iterdir()) == [], "files were left behind"
    assert not (place / "spawner.sock").exists()


@pytest.fixture(scope="session")
def spawner(request: pytest.FixtureRequest) -> Iterator[Running]:
    driver = request.param
    why = lacking(driver)
    if why:
        pytest.skip(f"{driver}: {why}")
    # below the data folder: an overlay's upper layer can't be on every kind of /tmp
    parent = DATA if driver != "pty" else Path(tempfile.gettempdir())
    place = Path(tempfile.mkdtemp(prefix="contract-", dir=parent))
    try:
        if driver == "docker":
            engine.build_image()
        yield from _in_process(place) if driver == "pty" else _as_process(driver, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def sandbox(spawner: Running) -> Iterator[str]:
    with spawner.sandbox() as id:
        yield id


@pytest.fixture(scope="session")
def shared(spawner: Running) -> Iterator[str]:
    """One for all tests that leave it as they found it: making one takes seconds where it is emulated."""
    with spawner.sandbox() as id:
        yield id


@pytest.fixture
def needs(spawner: Running) -> Callable[[str], None]:
    """Skip, with the reason, where this host's sandboxes lack a capability."""

    def check(capability: str) -> None:
        if not spawner.has(capability):
            where = "cgroup v2" if cgroups.is_pure_v2() else "a hybrid-cgroup host"
            pytest.skip(f"{spawner.driver} has no {capability} here ({where}); the guest run covers it")

    return check
