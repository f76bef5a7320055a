"""SandboxSpec → an OCI runtime bundle's config.json. Pure: numbers and paths in, dictionaries out.

Knows the OCI runtime specification 1.0.2 (config.md, config-linux.md) and why each field of a learner's machine is as
it is. Doesn't know how the paths came to be mounted, or which runtime reads the result.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lab_server.sandbox import commands

if TYPE_CHECKING:  # an agent imports this module with every sandbox, and needs no spec
    from lab_server.sandbox.contract import SandboxSpec

IDS = 65536  # ids a sandbox owns; its root is the first
FIRST_ID = 100_000
FIRST_AGENT_ID = 70_000  # one id a slot, where an agent makes the sandbox (agent/)

ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "USER": "root",
    "SHELL": "/bin/bash",
    "LANG": "C.UTF-8",
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
    "container": "oci",
}

# Root of its own user namespace gets every capability but those that reach for the host or that
# only widen what the kernel can be asked (capabilities(7)).
CAPABILITIES = [
    f"CAP_{name}"
    for line in (
        "AUDIT_CONTROL AUDIT_READ AUDIT_WRITE BLOCK_SUSPEND CHECKPOINT_RESTORE CHOWN DAC_OVERRIDE FOWNER FSETID",
        "IPC_LOCK IPC_OWNER KILL LEASE LINUX_IMMUTABLE MAC_ADMIN MAC_OVERRIDE MKNOD NET_ADMIN NET_BIND_SERVICE",
        "NET_BROADCAST NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_ADMIN SYS_CHROOT SYS_NICE SYS_PACCT SYS_PTRACE",
        "SYS_TTY_CONFIG WAKE_ALARM",
    )
    for name in line.split()
]


class HostFacts(NamedTuple):
    """What of the host shapes the bundle."""

    limits: bool  # cgroup v2 controllers are there
    raise_limits: bool  # CAP_SYS_RESOURCE: rlimits and oom_score_adj may be set
    device: tuple[int, int] | None = None  # the disk below the sandboxes' files, for io limits
    tun: bool = False  # /dev/net/tun can be bound in


class SandboxPaths(NamedTuple):
    """Where one sandbox's parts are on the host."""

    rootfs: Path
    home: Path
    containers: Path
    cgroup: str  # relative to the cgroup root, starting with /


def first_id(slot: int) -> int:
    """The host id that is root of the sandbox in this slot (slots count from 0)."""
    return FIRST_ID + IDS * slot


def agent_id(slot: int) -> int:
    """The host id that the agent of this slot's sandbox runs as."""
    return FIRST_AGENT_ID + slot


def agent_ids(slot: int) -> list[tuple[int, int, int]]:
    """The agent's own id map, (inside, outside, count): itself as root, and the sandbox's ids under the numbers they have on the
    host, so that the sandbox's own map reads as if the host had made it."""
    return [(0, agent_id(slot), 1), (first_id(slot), first_id(slot), IDS)]


@cache
def _profile() -> str:
    return (Path(__file__).parent / "seccomp.json").read_text()


def seccomp(spec: SandboxSpec) -> dict[str, Any]:
    """The learner's seccomp profile; netfilter sockets (NETLINK_NETFILTER, 12) only where the template grants them."""
    profile: dict[str, Any] = json.loads(_profile())
    if spec.netfilter:
        family, protocol = (
            {"index": 0, "value": 16, "op": "SCMP_CMP_EQ"},
            {"index": 2, "value": 12, "op": "SCMP_CMP_EQ"},
        )
        profile["syscalls"].append({"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [family, protocol]})
    return profile


def process(args: Sequence[str], facts: HostFacts, *, terminal: bool = False, session: str = "") -> dict[str, Any]:
    """The `process` object: of the bundle, and of each `crun exec --process`."""
    env = ENVIRONMENT | ({"LABS_SESSION": session} if session else {})
    found: dict[str, Any] = {
        "terminal": terminal,
        "user": {"uid": 0, "gid": 0, "additionalGids": []},
        "args": list(args),
        "cwd": "/root",
        "env": [f"{name}={value}" for name, value in env.items()],
        "noNewPrivileges": False,
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted", "inheritable"), CAPABILITIES)
        | {"ambient": []},
    }
    if facts.raise_limits:
        found["oomScoreAdj"] = commands.OOM_SCORE_ADJ
        found["rlimits"] = [
            {"type": kind, "soft": most, "hard": most}
            for kind, most in (("RLIMIT_NOFILE", 65536), ("RLIMIT_CORE", 0), ("RLIMIT_MEMLOCK", 64 * 1024))
        ]
    return found


def _mount(destination: str, kind: str, source: str, *options: str) -> dict[str, Any]:
    return {"destination": destination, "type": kind, "source": source, "options": list(options)}


def mounts(paths: SandboxPaths, facts: HostFacts) -> list[dict[str, Any]]:
    """The bundle's mounts. /proc and /sys are whole and writable: what matters of them belongs to the host's root,
    and a masked one would keep the learner from mounting a new one in a namespace of their own (mount_namespaces(7))."""
    inert = ("nosuid", "noexec", "nodev")
    listed = [
        _mount("/proc", "proc", "proc", *inert),
        _mount("/sys", "sysfs", "sysfs", *inert),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", "rw", *inert, "relatime"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=64k"),
        _mount(
            "/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"
        ),
        _mount("/dev/shm", "tmpfs", "shm", *inert, "mode=1777", "size=64m"),
        _mount("/dev/mqueue", "mqueue", "mqueue", *inert),
        _mount("/run", "tmpfs", "run", "nosuid", "nodev", "mode=755", "size=64m"),
        # not on the root's overlay: an overlay can't be the upper layer of the learner's own
        _mount("/tmp", "tmpfs", "tmp", "nosuid", "nodev", "mode=1777", "size=128m"),
        _mount("/root", "bind", str(paths.home), "bind", "rw", "nosuid", "nodev"),
        _mount("/var/lib/containers", "bind", str(paths.containers), "bind", "rw", "nosuid", "nodev"),
    ]
    if facts.tun:
        listed.append(_mount("/dev/net/tun", "bind", "/dev/net/tun", "bind", "rw"))
    return listed


def resources(spec: SandboxSpec, facts: HostFacts) -> dict[str, Any]:
    """Limits in the OCI's (v1-shaped) words; crun writes memory.max, memory.swap.max, cpu.max, pids.max, io.max."""
    if not facts.limits:
        return {}
    limits = spec.limits
    period = 100_000
    found: dict[str, Any] = {
        # swap counts memory and swap together here: equal means none
        "memory": {"limit": limits.memory, "swap": limits.memory},
        "cpu": {"quota": int(limits.cpus * period), "period": period, "shares": 256},
        "pids": {"limit": limits.pids},
    }
    if facts.device:
        major, minor = facts.device
        throttle = [{"major": major, "minor": minor, "rate": limits.io}]
        found["blockIO"] = {"throttleReadBpsDevice": throttle, "throttleWriteBpsDevice": throttle}
    return found


def config(spec: SandboxSpec, slot: int, paths: SandboxPaths, facts: HostFacts) -> dict[str, Any]:
    """The whole config.json of a sandbox whose PID 1 is the image's init."""
    ids = [{"containerID": 0, "hostID": first_id(slot), "size": IDS}]
    kinds = ("pid", "network", "ipc", "uts", "mount", "user", "cgroup")
    return {
        "ociVersion": "1.0.2",
        "hostname": spec.hostname,
        "process": process(["/bin/busybox", "init"], facts),
        "root": {"path": str(paths.rootfs), "readonly": False},
        "mounts": mounts(paths, facts),
        "linux": {
            "namespaces": [{"type": kind} for kind in kinds],
            "uidMappings": ids,
            "gidMappings": ids,
            "cgroupsPath": paths.cgroup,
            "rootfsPropagation": "rprivate",
            "maskedPaths": [],
            "readonlyPaths": [],
            "resources": resources(spec, facts),
            "seccomp": seccomp(spec),
        },
    }
