"""Docker Engine as the docker driver needs it: is it one that will do, which containers are ours, make one, remove one.

Knows the Engine API through the docker SDK, and turns its failures into ours. Doesn't know what is in a container or why it is
configured as it is (containers.py). It touches no container without our label.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.errors import NotFound as NoSuchContainer
from requests.exceptions import RequestException

from lab_server.errors import Conflict, DriverUnavailable, HostFull, LabError, Missing, SandboxFailed
from lab_server.sandbox.drivers import containers

OLDEST = (1, 43)  # the API of Docker Engine 24
USUAL = "unix:///var/run/docker.sock"
PATIENCE = 60  # seconds for one answer
SELF = re.compile(
    r"containers/([0-9a-f]{64})/"
)  # in mountinfo: the files that an engine binds into this very container


class Engine:
    """One engine, on this machine. `spawner` names whose containers are asked for."""

    def __init__(self, spawner: str) -> None:
        self._spawner = spawner
        self.facts: dict[str, str] = {}
        self.has_apparmor = False
        self.has_limits = False
        self.image = ""

    # --- at the start ---

    def connect(self) -> None:
        """Raises DriverUnavailable when there is no engine here that can do it, with what to do about it."""
        address = os.environ.get("DOCKER_HOST") or USUAL
        if not address.startswith("unix://"):
            raise DriverUnavailable(
                f"The engine at {address} is not on this machine.",
                "Root trees are handed over as descriptors, which cross no network: run the spawner beside its engine.",
            )
        path = address.removeprefix("unix://")
        try:
            self._api = docker.APIClient(base_url=address, version="auto", timeout=PATIENCE)
            self._check(self._api.version(), self._api.info())
        except (DockerException, RequestException) as why:
            if not Path(path).exists():
                raise DriverUnavailable(
                    f"Docker's socket {path} is not there.", "Start Docker Engine, or name its socket in DOCKER_HOST."
                ) from None
            denied = "ermission denied" in str(why)
            remedy = "Let the spawner's user read and write it." if denied else "See the engine's log."
            raise DriverUnavailable(f"Docker's socket {path} can't be used: {_words(why)}.", remedy) from None

    def _check(self, version: dict[str, Any], info: dict[str, Any]) -> None:
        number = str(version.get("Version", "?"))
        if any("Podman" in str(part.get("Name")) for part in version.get("Components") or []):
            raise DriverUnavailable(
                f"Podman {number} answers at the engine's socket.",
                "The docker driver is for Docker Engine. Beside Podman use LABS_DRIVER=crun: docs/self-hosting/compose.md.",
            )
        if tuple(int(part) for part in str(version["ApiVersion"]).split(".")[:2]) < OLDEST:
            raise DriverUnavailable(f"Docker Engine {number} is too old.", "Install Docker Engine 24 or newer.")
        if str(info.get("CgroupVersion", "1")) != "2":
            raise DriverUnavailable(
                "The engine's host has cgroup v1.",
                "Boot it with systemd.unified_cgroup_hierarchy=1, or set LABS_DRIVER=vm.",
            )
        options = [str(option) for option in info.get("SecurityOptions") or []]
        if any("name=rootless" in option for option in options):
            raise DriverUnavailable("A rootless engine has too few ids for sandboxes.", "Use the system's engine.")
        most = Path("/proc/sys/user/max_user_namespaces")
        if most.exists() and most.read_text().strip() == "0":
            raise DriverUnavailable("The kernel refuses user namespaces.", "sysctl user.max_user_namespaces=10000")
        self.has_apparmor = any("name=apparmor" in option for option in options)
        self.has_limits = all(info.get(name) for name in ("MemoryLimit", "CpuCfsQuota", "PidsLimit"))
        self.facts = {
            "kernel": str(info.get("KernelVersion", "")),
            "engine": f"Docker Engine {number}",
            "storage": str(info.get("Driver", "")),
        }

    def find_self(self, folder: Path) -> str:
        """What the engine's host calls `folder`; finds out, too, which image agents run from: our own, when we are in a container.

        Raises DriverUnavailable, Missing.
        """
        outside = str(folder)
        wanted = os.environ.get("LABS_SANDBOX_IMAGE", "")
        own = SELF.search(Path("/proc/self/mountinfo").read_text())
        if own:
            try:
                found = self._api.inspect_container(own[1])
            except (DockerException, RequestException) as why:
                raise DriverUnavailable(
                    f"The engine does not know the container that the spawner runs in: {_words(why)}.",
                    "Give the spawner the socket of the engine that started it.",
                ) from None
            wanted = wanted or str(found["Image"])
            outside = _outside(folder, found["Mounts"])
        self.image = wanted or "labs-spawner"
        try:
            self._api.inspect_image(self.image)
        except ImageNotFound:
            raise Missing(
                f"The engine has no image {self.image!r}.",
                "Build it: docker compose build. Or name one in LABS_SANDBOX_IMAGE.",
            ) from None
        return outside

    # --- containers ---

    def ours(self) -> list[dict[str, Any]]:
        """Every container of this spawner's, running or not: {"Id": …, "Labels": {…}, …}"""
        filters = {"label": f"{containers.SPAWNER}={self._spawner}"}
        try:
            return list(self._api.containers(all=True, filters=filters))
        except (DockerException, RequestException) as why:
            raise _failure(why, "") from None

    def run(self, name: str, configuration: dict[str, Any]) -> None:
        """Create and start it. Raises Conflict, HostFull, SandboxFailed."""
        try:
            made = self._api.create_container_from_config(configuration, name)
            self._api.start(made["Id"])
        except (DockerException, RequestException) as why:
            raise _failure(why, name) from None

    def why_ended(self, name: str) -> str | None:
        """The last words of a container that ended, or None while it runs."""
        try:
            state = self._api.inspect_container(name)["State"]
            if state.get("Running"):
                return None
            return self._api.logs(name, tail=3).decode(errors="replace").strip() or str(state.get("Error", ""))
        except (DockerException, RequestException) as why:
            raise _failure(why, name) from None

    def remove(self, container: str) -> None:
        """Kill and remove it, if it is ours; one that is not there is no error. Raises SandboxFailed."""
        try:
            found = self._api.inspect_container(container)
            if (found["Config"].get("Labels") or {}).get(containers.SPAWNER) == self._spawner:
                self._api.remove_container(found["Id"], force=True, v=True)
        except NoSuchContainer:
            return
        except (DockerException, RequestException) as why:
            if not (isinstance(why, APIError) and why.status_code == 409):  # it is being removed already
                raise _failure(why, container) from None


def _words(why: Exception) -> str:
    """An engine's failure in its own words, on one line."""
    told = why.explanation if isinstance(why, APIError) and why.explanation else why
    return " ".join(str(told).split())[:300].rstrip(".")


def _failure(why: Exception, name: str) -> LabError:
    words = _words(why)
    if not isinstance(why, APIError):
        return SandboxFailed(f"Docker Engine does not answer: {words}.", "Try again in a moment.")
    if why.status_code == 409:
        return Conflict(
            f"The engine has another container called {name}.", "It is not ours, so it is left alone. Rename it."
        )
    if "no space left" in words:
        return HostFull(
            f"The engine's disk is full: {words}.", "Free space there. Sandboxes that run are not affected."
        )
    return SandboxFailed(f"The engine refuses a container: {words}.", "See `labs doctor`.")


def _outside(path: Path, mounts: list[dict[str, Any]]) -> str:
    """What the engine's host calls a path in this container. Raises DriverUnavailable when no mount holds it."""
    held = [mount for mount in mounts if path.is_relative_to(mount["Destination"])]
    if not held:
        raise DriverUnavailable(
            f"The spawner's folder {path} is in no volume, so no container can share it.",
            "Mount one there, as docker-compose.yml does.",
        )
    mount = max(held, key=lambda one: len(one["Destination"]))
    return str(Path(mount["Source"]) / path.relative_to(mount["Destination"]))
