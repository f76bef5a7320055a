"""What this host can do, each finding with what to do about it, and which driver that makes the best choice.

Knows where the kernel and the system say so. Changes nothing, and needs no privileges to look.
"""

from __future__ import annotations

import http.client
import json
import os
import platform
import re
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab_server.errors import DriverUnavailable
from lab_server.sandbox import cgroups, drivers

SPARE_DISK = 6 << 30  # bytes: images, the guest and a first few sandboxes
SPARE_MEMORY = 2 << 30
SBIN = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"

# below /proc/sys → the values that are good; docs/self-hosting/security.md lists them
ADVICE = {
    "kernel/io_uring_disabled": ("2",),
    "kernel/unprivileged_bpf_disabled": ("1", "2"),
    "kernel/kexec_load_disabled": ("1",),
    "kernel/dmesg_restrict": ("1",),
    "kernel/kptr_restrict": ("1", "2"),
    "dev/tty/legacy_tiocsti": ("0",),
    "kernel/yama/ptrace_scope": ("1", "2", "3"),
}


@dataclass(frozen=True)
class Check:
    """`ok`: True good, False in the way, None worth knowing. `remedy` is "" where nothing needs doing."""

    name: str
    ok: bool | None
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Choice:
    driver: str
    reason: str


def can_install() -> bool:
    """Whether missing Debian packages can be installed by us."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def has_qemu() -> bool:
    return shutil.which("qemu-system-x86_64") is not None


def choose(wanted: str = "auto") -> Choice:
    """The driver for this host and why. Raises BadInput for an unknown name, DriverUnavailable when none can work."""
    if wanted != "auto":
        drivers.load(wanted)
        return Choice(wanted, f"LABS_DRIVER={wanted}")
    root = os.geteuid() == 0
    if root and cgroups.is_pure_v2():
        return Choice("crun", "this host has cgroup v2")
    lacking = "has no pure cgroup v2" if root else "gives us no root"
    if has_qemu() or can_install():
        how = "" if has_qemu() else " (to be installed)"
        return Choice("vm", f"this host {lacking}, and a QEMU guest{how} has what it takes")
    if root:
        return Choice("crun", f"this host {lacking} and no QEMU is at hand: sandboxes run without limits")
    raise DriverUnavailable(
        f"No driver can work: this host {lacking} and QEMU is not installed.",
        "Install QEMU (apt-get install qemu-system-x86) or run as root.",
    )


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _kernel() -> Check:
    release = platform.release()
    numbers = tuple(int(part) for part in release.split("-")[0].split(".")[:2] if part.isdigit())
    return Check(
        "kernel",
        numbers >= (6, 1),
        release,
        "" if numbers >= (6, 1) else "Linux 6.1 or newer is what the course is written for.",
    )


def _privileges() -> Check:
    if os.geteuid() == 0:
        return Check("root", True, "yes; the web server gives it up")
    return Check("root", None, "no", "Without root only the vm driver works.")


def _cgroups() -> Check:
    if cgroups.is_pure_v2():
        have = cgroups.controllers()
        lacking = [name for name in cgroups.NEEDED if name not in have]
        remedy = f"Enable the controllers {', '.join(lacking)} for this cgroup." if lacking else ""
        return Check("cgroup v2", not lacking, " ".join(have) or "no controllers", remedy)
    found = "hybrid" if (cgroups.ROOT / "unified").exists() else "v1"
    return Check(
        "cgroup v2",
        None,
        found,
        "Sandboxes run in a QEMU guest. For sandboxes on the host itself, boot with systemd.unified_cgroup_hierarchy=1.",
    )


def _user_namespaces() -> Check:
    most = _read("/proc/sys/user/max_user_namespaces")
    good = most.isdigit() and int(most) > 0
    return Check(
        "user namespaces", good, f"at most {most or '?'}", "" if good else "sysctl user.max_user_namespaces=10000"
    )


def _apparmor() -> Check:
    restricted = _read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1"
    return Check(
        "AppArmor",
        True,
        "restricts unprivileged user namespaces (root's are not affected)" if restricted else "not in the way",
    )


def _overlay() -> Check:
    known = "overlay" in _read("/proc/filesystems")
    return Check("overlay", known or None, "yes" if known else "not loaded", "" if known else "modprobe overlay")


def _program(name: str, package: str, what: str) -> Check:
    path = shutil.which(name)
    return Check(
        name, True if path else None, path or "not installed", "" if path else f"apt-get install {package} ({what})"
    )


def engine(path: Path | None = None) -> Check:
    """Whether Docker Engine answers here, and is one that the docker driver can use; asked without its SDK."""
    address = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if path is None and not address.startswith("unix://"):
        return Check("Docker Engine", None, address, "The docker driver needs an engine on this machine.")
    path = path or Path(address.removeprefix("unix://"))
    if not path.exists():
        return Check(
            "Docker Engine", None, f"no {path}", "Only the docker driver needs it: docs/self-hosting/compose.md."
        )
    try:
        version, info = _ask(path, "/version"), _ask(path, "/info")
    except (OSError, ValueError, http.client.HTTPException) as why:
        return Check("Docker Engine", None, f"{path} does not answer: {why}", "Let this user read and write it.")
    number = str(version.get("Version", "?"))
    found = f"{number}, cgroup v{info.get('CgroupVersion', '1')}"
    if not number.partition(".")[0].isdigit() or int(number.partition(".")[0]) < 24:
        return Check("Docker Engine", None, found, "The docker driver needs Docker Engine 24 or newer.")
    if str(info.get("CgroupVersion")) != "2":
        return Check("Docker Engine", None, found, "The docker driver needs cgroup v2.")
    return Check("Docker Engine", True, found)


def _ask(path: Path, what: str) -> dict[str, Any]:
    """An answer of the Engine API, over its unix socket."""
    connection = http.client.HTTPConnection("localhost", timeout=10)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection.sock:
        connection.sock.settimeout(10)
        connection.sock.connect(str(path))
        connection.request("GET", what)
        answer = json.loads(connection.getresponse().read(1 << 20))
    return dict(answer)


def _kvm() -> Check:
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return Check(
            "KVM",
            None,
            "no /dev/kvm",
            "The vm driver falls back to emulation (TCG): right, and about ten times slower.",
        )
    return Check("KVM", None, "/dev/kvm opens; the vm driver tries it with a time limit before it trusts it")


def _disk(data: Path) -> Check:
    place = next(path for path in [data, *data.parents] if path.exists())
    free = shutil.disk_usage(place).free
    found = f"{free / 2**30:.1f} GiB free for {data}"
    return Check(
        "disk", free > SPARE_DISK, found, "" if free > SPARE_DISK else "Free 6 GiB, or set LABS_DATA to another disk."
    )


def disk_limit(data: Path, mounts: str, devices: str, has_mke2fs: bool) -> Check:
    """What would keep a learner's files below LABS_DISK. `mounts`: /proc/self/mountinfo, `devices`: /proc/devices."""
    data = data / "sandboxes"
    place = next(path for path in [data, *data.parents] if path.exists()).resolve()
    lines = [line.split() for line in mounts.splitlines()]
    below = [words for words in lines if place.is_relative_to(words[4])]
    if any(option in ("prjquota", "pquota") for option in (below[-1][-1].split(",") if below else ())):
        return Check("disk limit", True, "project quotas")
    if not has_mke2fs:
        return Check("disk limit", None, "none: no project quotas, no mke2fs", "apt-get install e2fsprogs")
    if not re.search(r"^ *7 loop$", devices, re.MULTILINE):
        return Check("disk limit", None, "none: no project quotas, no loop devices", "modprobe loop")
    return Check("disk limit", True, "a disk in a file for each sandbox")


def _memory() -> Check:
    fields = dict(line.split(":", 1) for line in _read("/proc/meminfo").splitlines() if ":" in line)
    free = int(fields.get("MemAvailable", "0 kB").split()[0]) << 10
    found = f"{free / 2**30:.1f} GiB available"
    return Check(
        "memory",
        free > SPARE_MEMORY,
        found,
        "" if free > SPARE_MEMORY else "2 GiB are needed for a handful of sandboxes.",
    )


def _advice() -> Iterable[Check]:
    """Settings that make a shared kernel a smaller target; nothing depends on them."""
    for name, good in ADVICE.items():
        found = _read(f"/proc/sys/{name}")
        if found and found not in good:
            dotted = name.replace("/", ".")
            yield Check(
                f"sysctl {dotted}", None, found, f"sysctl {dotted}={good[0]} hardens a host with public learners"
            )


def checks(data: Path) -> list[Check]:
    """Everything `labs doctor` says, in the order a person would ask."""
    return [
        _kernel(),
        _privileges(),
        _cgroups(),
        _user_namespaces(),
        _apparmor(),
        _overlay(),
        _program("crun", "crun", "the crun driver needs it"),
        _program("qemu-system-x86_64", "qemu-system-x86", "the vm driver needs it"),
        engine(),
        _kvm(),
        _program("mmdebstrap", "mmdebstrap", "builds the images"),
        _program("mke2fs", "e2fsprogs", "builds the guest's disks"),
        _program("node", "nodejs npm", "builds the page"),
        _disk(data),
        disk_limit(
            data, _read("/proc/self/mountinfo"), _read("/proc/devices"), shutil.which("mke2fs", path=SBIN) is not None
        ),
        _memory(),
        *_advice(),
    ]
