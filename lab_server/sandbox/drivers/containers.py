"""What the docker driver asks of an engine: a container's configuration, as the Engine API's `POST /containers/create` takes it. Pure.

Knows why each field is as it is. Doesn't know how it is sent.

The container is a plain one: no --privileged, no device, no network, a read-only root, and four capabilities that its agent
gives up before a learner's first process runs (agent/confine.py). What it has more than a usual one: the system calls that containers
are made of, and a /proc that is not masked, without which the kernel lets no sandbox mount a /proc of its own (mount_namespaces(7)).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lab_server.sandbox import oci
from lab_server.sandbox.contract import SandboxSpec

LABEL = "labs.sandbox"  # its id: what has none is not ours
SPAWNER = "labs.spawner"  # whose it is: a spawner's data folder, hashed
SLOT, TEMPLATE, LABELS = "labs.slot", "labs.template", "labs.labels"
# not -m, which takes as long again as Python itself to start
AGENT = "from lab_server.sandbox.agent.start import main; raise SystemExit(main())"
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "SETGID", "SETUID")
AGENT_MEMORY = 48 << 20  # bytes beside the learner's: a Python process and the runtime while it starts something
AGENT_PIDS = 64
AGENT_CPUS = 1.0  # the runtime works beside it; the learner's own limit is the sandbox's
# beyond the learner's own: what the agent and the runtime call before the inner filter is in place
AGENT_CALLS = (
    *("arch_prctl", "capget", "capset", "clone", "clone3", "close_range", "execveat", "fsconfig", "fsmount", "fsopen"),
    *(
        "memfd_create",
        "mount",
        "mount_setattr",
        "move_mount",
        "open_tree",
        "openat2",
        "pidfd_open",
        "pidfd_send_signal",
    ),
    *("pivot_root", "prctl", "seccomp", "setdomainname", "sethostname", "setns", "setsid", "umount2", "unshare"),
)


@dataclass(frozen=True)
class Whose:
    """What a container's labels say, so that a spawner that comes later can take it over."""

    id: str
    spawner: str
    slot: int
    labels: dict[str, str]

    def written(self, template: str) -> dict[str, str]:
        told = {LABEL: self.id, SPAWNER: self.spawner, SLOT: str(self.slot), TEMPLATE: template}
        return told | {LABELS: json.dumps(self.labels)}


def name(spawner: str, id: str) -> str:
    return f"labs-{spawner}-{id}"


def configuration(spec: SandboxSpec, whose: Whose, *, image: str, folder: str, apparmor: str) -> dict[str, Any]:
    """`folder`: the agent's folder as the engine's host names it. `apparmor`: a profile, or "" where there is no AppArmor."""
    limits = spec.limits
    security = [f"seccomp={json.dumps(seccomp(spec))}", *([f"apparmor={apparmor}"] if apparmor else [])]
    memory = limits.memory + AGENT_MEMORY
    return {
        "Image": image,
        "Hostname": spec.hostname,
        "User": "0:0",
        "Entrypoint": ["python3", "-S", "-P", "-c", AGENT],
        "Cmd": [],
        "WorkingDir": "/",
        "Labels": whose.written(spec.template),
        "NetworkDisabled": True,
        "HostConfig": {
            "NetworkMode": "none",
            "CgroupnsMode": "private",
            "IpcMode": "private",
            "UsernsMode": "host",  # the agent makes the user namespace; one of the engine's has too few ids
            "ReadonlyRootfs": True,
            "Privileged": False,
            "CapDrop": ["ALL"],
            "CapAdd": list(CAPABILITIES),
            "SecurityOpt": security,
            "MaskedPaths": [],
            "ReadonlyPaths": [],
            "Memory": memory,
            "MemorySwap": memory,
            "NanoCpus": int((limits.cpus + AGENT_CPUS) * 1e9),
            "CpuShares": 256,
            "PidsLimit": limits.pids + AGENT_PIDS,
            "OomScoreAdj": 300,
            "Ulimits": [
                {"Name": kind, "Soft": most, "Hard": most}
                for kind, most in (("nofile", 65536), ("core", 0), ("memlock", 64 << 20))
            ],
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "100k", "max-file": "1"}},
            "RestartPolicy": {"Name": "no"},
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": folder,
                    "Target": "/run/labs",
                    # no propagation named: the engine's is private, or, for a folder in one of its own volumes, its only one
                    "BindOptions": {"NonRecursive": True},
                }
            ],
        },
    }


def seccomp(spec: SandboxSpec) -> dict[str, Any]:
    """The container's filter: the learner's, which the runtime lays over it once more, and what setting it up takes."""
    profile = oci.seccomp(spec)
    refused = {name for rule in profile["syscalls"] if rule["action"] != "SCMP_ACT_ALLOW" for name in rule["names"]}
    profile["syscalls"].append({"names": sorted(set(AGENT_CALLS) - refused), "action": "SCMP_ACT_ALLOW"})
    return profile
