"""An engine for tests: enough of Docker Engine's API over a real unix socket, and containers that are real namespaces.

A container is a process in new pid, mount, ipc, uts, net and cgroup namespaces, with the folder at /run/labs, a read-only /sys and
the capabilities that were asked for, and as in an image with Python and our code where everybody may read them: what the agent needs
of one, and no more. Not faked: the agent, the runtime, the kernel.
Not there: images, the read-only root, limits, seccomp and AppArmor of the container itself; the engine guest tries those.

    FakeEngine(socket)           version, info, images can be set to what an engine shouldn't be
    engine.containers[id]        {"Id", "Names", "Config", "process", …}
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import socketserver
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from lab_server.sandbox import cgroups

ROOT = Path(__file__).parents[2]
TREE = next(path for path in (cgroups.ROOT / "unified", cgroups.ROOT) if path.is_dir())  # cgroup v2, hybrid host or not

SETUP = """set -e
mount --make-rprivate /
mount --bind "$1" /mnt
mount -t tmpfs run /run; mkdir /run/labs /run/code /run/python; mount --move /mnt /run/labs
mount --bind "$CODE" /run/code; mount --bind "$PYTHON" /run/python
umount -l /sys; mount -t sysfs -o ro sysfs /sys; mount -t cgroup2 -o ro cgroup2 /sys/fs/cgroup
shift; exec setpriv --bounding-set "$CAPABILITIES" --inh-caps -all "$@"
"""

# a cgroup with nothing else in it, not even the process that made the other namespaces, then whatever follows
ENTER = ("sh", "-c", 'echo 0 >"$0"; exec unshare --cgroup "$@"')


class FakeEngine:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = {"Version": "26.1.5", "ApiVersion": "1.45"}
        self.info: dict[str, Any] = {"CgroupVersion": "2", "KernelVersion": os.uname().release, "Driver": "overlay2"}
        self.images = {"labs-spawner"}
        self.refuses = ""  # what it says when it is to start a container
        self.containers: dict[str, dict[str, Any]] = {}
        engine = self

        class Handler(_Handler):
            fake = engine

        self._server = _Server(str(path), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"unix://{self.path}"

    def create(self, name: str, config: dict[str, Any]) -> str:
        id = secrets.token_hex(32)
        self.containers[id] = {
            "Id": id,
            "Name": name,
            "Config": config | {"Tty": False},
            "process": None,
            "cgroup": None,
        }
        return id

    def find(self, wanted: str) -> dict[str, Any] | None:
        return next((c for c in self.containers.values() if wanted in (c["Id"], c["Name"])), None)

    def start(self, container: dict[str, Any]) -> None:
        config = container["Config"]
        folder = config["HostConfig"]["Mounts"][0]["Source"]
        cgroup = container["cgroup"] = TREE / f"labs-fake-{container['Id'][:12]}"
        cgroup.mkdir()
        wanted = config["HostConfig"]["CapAdd"]
        capabilities = ",".join(["-all", *(f"+{name.lower()}" for name in wanted)])
        python = Path(sys.executable).resolve()
        inside = str(Path("/run/python") / python.relative_to(sys.base_prefix))
        argv = [inside if word == "python3" else word for word in config["Entrypoint"]]
        kinds = ("--pid", "--fork", "--kill-child", "--mount", "--ipc", "--uts", "--net", "--mount-proc")
        container["process"] = subprocess.Popen(
            ["unshare", *kinds, *ENTER, str(cgroup / "cgroup.procs"), "sh", "-c", SETUP, "sh", folder, *argv],
            env=os.environ
            | {"CAPABILITIES": capabilities, "CODE": str(ROOT), "PYTHON": sys.base_prefix, "PYTHONPATH": "/run/code"},
            stdin=subprocess.DEVNULL,
            cwd="/",
        )

    def running(self, container: dict[str, Any]) -> bool:
        return container["process"] is not None and container["process"].poll() is None

    def remove(self, container: dict[str, Any]) -> None:
        if container["cgroup"]:
            cgroups.remove(container["cgroup"])
        if container["process"]:
            container["process"].kill()
            container["process"].wait()
        self.containers.pop(container["Id"], None)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for container in list(self.containers.values()):
            self.remove(container)
        self.path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    fake: FakeEngine
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def address_string(self) -> str:
        return "unix"

    def _answer(self, status: int, body: object = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _path(self) -> tuple[str, dict[str, list[str]]]:
        parts = urlsplit(self.path)
        return re.sub(r"^/v[0-9.]+", "", parts.path), parse_qs(parts.query)

    def do_GET(self) -> None:
        path, query = self._path()
        fake = self.fake
        if path == "/version":
            return self._answer(200, fake.version)
        if path == "/info":
            return self._answer(200, fake.info)
        if path == "/containers/json":
            wanted = json.loads(query.get("filters", ["{}"])[0]).get("label", [])
            found = [
                {"Id": c["Id"], "Labels": c["Config"].get("Labels") or {}}
                for c in list(fake.containers.values())
                if all(_has(c["Config"].get("Labels") or {}, label) for label in wanted)
            ]
            return self._answer(200, found)
        if image := re.fullmatch(r"/images/(.+)/json", path):
            known = image[1] in fake.images
            return self._answer(200 if known else 404, {"Id": "sha256:0"} if known else {"message": "No such image"})
        if named := re.fullmatch(r"/containers/([^/]+)/(json|logs)", path):
            if (container := fake.find(named[1])) is None:
                return self._answer(404, {"message": "No such container"})
            if named[2] == "logs":
                return self._answer(200)
            state = {"Running": fake.running(container), "Error": "it ended"}
            return self._answer(200, {**{k: container[k] for k in ("Id", "Name", "Config")}, "State": state})
        return self._answer(404, {"message": f"page not found: {path}"})

    def do_POST(self) -> None:
        path, query = self._path()
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        if path == "/containers/create":
            name = query["name"][0]
            if self.fake.find(name):
                return self._answer(409, {"message": f"Conflict. The container name {name} is already in use"})
            return self._answer(201, {"Id": self.fake.create(name, body), "Warnings": []})
        if started := re.fullmatch(r"/containers/([^/]+)/start", path):
            container = self.fake.find(started[1])
            assert container
            if self.fake.refuses:
                return self._answer(500, {"message": self.fake.refuses})
            self.fake.start(container)
            return self._answer(204)
        return self._answer(404, {"message": f"page not found: {path}"})

    def do_DELETE(self) -> None:
        container = self.fake.find(self._path()[0].rpartition("/")[2])
        if container is None:
            return self._answer(404, {"message": "No such container"})
        self.fake.remove(container)
        return self._answer(204)


def _has(labels: dict[str, str], wanted: str) -> bool:
    name, _, value = wanted.partition("=")
    return labels.get(name) == value


@contextlib.contextmanager
def fake_engine(folder: Path) -> Any:
    engine = FakeEngine(folder / "engine.sock")
    try:
        yield engine
    finally:
        engine.close()
