"""The docker driver: a container per sandbox through Docker Engine's API, and in it the sandbox that the crun driver makes.

Knows the order in which a sandbox is made, and how those of a killed spawner are found again. Doesn't know the engine's API
(engine.py), what the agent in a container does (agent/) or how a root tree is laid (layers.py).

The root tree is mounted here, in the spawner's mount namespace, and sent into the container as a descriptor (open_tree(2)): no mount of
ours is ever seen on the host, nothing is copied or chowned, and each sandbox has ids of its own. So the engine must be on this very
kernel; one that is reached over a network is refused.

    <run>/<id>/agent                             the agent's socket; the folder is the container's /run/labs
    <data>/<id>/…                                the learner's files (layers.py), and `bound`: whose a warm one became
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from lab_server.errors import DriverUnavailable, SandboxFailed
from lab_server.sandbox import apparmor, oci, syscalls
from lab_server.sandbox.agent import places, start
from lab_server.sandbox.contract import Capabilities, DriverConfig, Sandbox, SandboxSpec, Survivor
from lab_server.sandbox.drivers import containers, layers
from lab_server.sandbox.drivers.docker_sandbox import Agent, DockerSandbox
from lab_server.sandbox.drivers.engine import Engine
from lab_server.sandbox.drivers.layers import Layers
from lab_server.sandbox.drivers.parts import Parts

BOUND = "bound"
STARTS_WITHIN = 90.0  # seconds until a container's agent calls, under the slowest emulation
BOOTS_WITHIN = start.READY_WITHIN + 30.0
PATHS = oci.SandboxPaths(
    Path(places.ROOTFS), Path(places.FILES) / "home", Path(places.FILES) / "containers", places.CGROUP
)


class DockerDriver:
    name = "docker"

    def __init__(self, config: DriverConfig) -> None:
        self._config = config
        self._layers = Layers(config)
        self._engine = Engine(self._layers.name)
        self._lock = threading.Lock()
        self._sandboxes: dict[str, DockerSandbox] = {}
        self._facts = oci.HostFacts(limits=True, raise_limits=False)
        self._apparmor = ""
        self._folder = str(config.run)  # as the engine's host names it
        self._sys = self._layers.stage / "sys"

    def start(self) -> None:
        if os.getuid() != 0:
            raise DriverUnavailable("The docker driver needs root.", "Run the spawner as root, or as compose does.")
        self._engine.connect()
        self._apparmor = apparmor.profile() if self._engine.has_apparmor else ""
        self._folder = self._engine.find_self(self._config.run)
        try:
            self._layers.start(keep=[found["Labels"][containers.LABEL] for found in self._engine.ours()])
            self._sys.mkdir()
            # writable and whole: without one in sight, the kernel gives a sandbox none to write to (mount_namespaces(7))
            inert = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC
            syscalls.mount("sysfs", self._sys, "sysfs", inert)
            # in a container it is the one that the engine mounted: read-only as a whole, not only at its place
            syscalls.mount("sysfs", self._sys, flags=syscalls.MS_REMOUNT | inert)
        except OSError as why:
            raise DriverUnavailable(f"The spawner may not mount: {why}.", "It needs CAP_SYS_ADMIN.") from why
        limits = self._engine.has_limits
        device = layers.disk(self._config.data) if limits else None
        self._facts = oci.HostFacts(limits=limits, raise_limits=False, device=device)

    def survivors(self) -> list[Survivor]:
        """The sandboxes of a spawner that was killed, which still run; what is left of others is removed."""
        found = []
        for container in self._engine.ours():
            try:
                found.append(self._adopt(container["Labels"]))
            except Exception as why:  # an agent's answer is a container's word: the others are adopted all the same
                print(f"spawner: a sandbox could not be taken over: {why!r}", file=sys.stderr, flush=True)
                self._give_up(container)
        for folder in (self._config.run, self._config.data):
            for left in folder.iterdir():
                if left.name not in self._sandboxes:
                    layers.remove_tree(left)
        return found

    def _give_up(self, container: Mapping[str, Any]) -> None:
        sandbox = self._sandboxes.get(container["Labels"].get(containers.LABEL, ""))
        with contextlib.suppress(Exception):
            if sandbox:
                sandbox.destroy()
            else:
                self._engine.remove(str(container["Id"]))

    def _adopt(self, labels: Mapping[str, str]) -> Survivor:
        id = labels[containers.LABEL]
        agent = Agent(self._config.run / id / places.AGENT)
        agent.hold()
        parts = self._parts(id, json.loads(labels[containers.LABELS]), self._layers.take(int(labels[containers.SLOT])))
        bound = self._bound(id)
        sandbox = DockerSandbox(id, bound.get("labels", parts.labels), agent, parts.release)
        self._sandboxes[id] = sandbox
        kept, frozen = sandbox.kept()
        return Survivor(sandbox, labels[containers.TEMPLATE], kept, bound.get("id", ""), frozen)

    def bind(self, sandbox: Sandbox, id: str, labels: Mapping[str, str]) -> None:
        """In a file that only the host's root can write, not with the agent: what a container says of whose it is would be believed."""
        file = self._config.data / sandbox.id / BOUND
        new = file.with_name(f"{BOUND}.new")
        new.write_text(json.dumps({"id": id, "labels": dict(labels)}))
        new.replace(file)

    def _bound(self, id: str) -> dict[str, Any]:
        file = self._config.data / id / BOUND
        found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return found

    def capabilities(self) -> Capabilities:
        return Capabilities(limits=self._facts.limits, disk_quota=self._layers.quota, nested_engine=True)

    def describe(self) -> dict[str, str]:
        return {
            **self._engine.facts,
            "apparmor": self._apparmor or "not on this host",
            "isolation": "shared kernel, a container each",
            "disk limit": self._layers.bounds,
        }

    # --- one sandbox ---

    def create(self, id: str, spec: SandboxSpec, labels: Mapping[str, str]) -> DockerSandbox:
        slot = self._layers.take()
        parts = self._parts(id, labels, slot)
        agent = Agent(self._config.run / id / places.AGENT)
        sandbox = DockerSandbox(id, parts.labels, agent, parts.release)
        try:
            with ThreadPoolExecutor(1) as beside:  # the root tree is laid while the engine makes the container
                laid = beside.submit(self._layers.make, parts, slot, spec)
                agent.called(call := self._start(id, spec, slot, labels))
                laid.result()
                self._boot(call, parts, slot, spec)
        except BaseException:
            sandbox.destroy()
            raise
        with self._lock:
            self._sandboxes[id] = sandbox
        return sandbox

    def _parts(self, id: str, labels: Mapping[str, str], slot: int) -> Parts:
        nowhere = Path()  # its cgroup is the engine's
        return self._layers.parts(id, labels, nowhere, lambda parts: self._release(parts, slot))

    def _start(self, id: str, spec: SandboxSpec, slot: int, labels: Mapping[str, str]) -> socket.socket:
        """A container whose agent calls: the call. Raises SandboxFailed, HostFull, Conflict."""
        folder = self._config.run / id
        folder.mkdir(mode=0o700)
        name = containers.name(self._layers.name, id)
        whose = containers.Whose(id, self._layers.name, slot, dict(labels))
        configuration = containers.configuration(
            spec, whose, image=self._engine.image, folder=f"{self._folder}/{id}", apparmor=self._apparmor
        )
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as called:
            called.bind(str(folder / places.SPAWNER))
            called.listen(1)
            self._engine.run(name, configuration)
            call = self._wait(called, name)
        (folder / places.SPAWNER).unlink(missing_ok=True)
        return call

    def _wait(self, called: socket.socket, name: str) -> socket.socket:
        until = time.monotonic() + STARTS_WITHIN
        called.settimeout(2.0)
        while time.monotonic() < until:
            try:
                return called.accept()[0]
            except TimeoutError:
                why = self._engine.why_ended(name)
            if why is not None:
                raise SandboxFailed(f"The sandbox's container ended as soon as it started: {why}", "See `labs doctor`.")
        raise SandboxFailed(f"The sandbox's agent did not call within {STARTS_WITHIN:.0f} seconds.", "Try again.")

    def _boot(self, call: socket.socket, parts: Parts, slot: int, spec: SandboxSpec) -> None:
        """Send the root tree in, and wait until the sandbox is ready; afterwards the tree is mounted there and nowhere else."""
        ids = "".join(f"{inside} {outside} {count}\n" for inside, outside, count in oci.agent_ids(slot))
        bundle = json.dumps(oci.config(spec, slot, PATHS, self._facts))
        trees: list[int] = []
        try:
            trees.append(syscalls.clone_mount(parts.rootfs, below=True))
            trees.append(syscalls.clone_mount(parts.files))
            trees.append(syscalls.clone_mount(self._sys))
            socket.send_fds(call, [start.told(oci.agent_id(slot), ids, bundle)], trees)
            call.settimeout(BOOTS_WITHIN)
            answer = call.recv(start.MOST)
        except OSError as why:
            raise SandboxFailed(
                f"The sandbox's root tree could not be handed over: {why}.", "See `labs doctor`."
            ) from why
        finally:
            for tree in trees:
                os.close(tree)
            self._layers.unmount(parts)
        if answer != start.DONE:
            raise SandboxFailed(answer.decode(errors="replace") or "The sandbox's agent ended while it started.")

    def _release(self, parts: Parts, slot: int) -> None:
        self._engine.remove(containers.name(self._layers.name, parts.id))
        layers.remove_tree(self._config.run / parts.id)
        self._layers.remove(parts)
        with self._lock:
            self._sandboxes.pop(parts.id, None)
        self._layers.give_back(slot)

    def close(self) -> None:
        for sandbox in list(self._sandboxes.values()):
            sandbox.destroy()
        if self._sys.is_dir():
            syscalls.unmount(self._sys)
        self._layers.close()
