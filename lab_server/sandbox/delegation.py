"""A cgroup handed over with its controllers: its processes leave its top, so that it can have children with limits (cgroup-v2.rst).

Imports nothing but os: an agent starts with every sandbox. The rest of cgroups is in cgroups.py.
"""

from __future__ import annotations

import os

ROOT = "/sys/fs/cgroup"
OWN = "own"  # the child that `divide` puts processes into
# a sandbox's: the OCI has no word for them, and the kernel's default is unlimited
CAPS = {"cgroup.max.descendants": "128", "cgroup.max.depth": "8"}


def divide(root: str = ROOT) -> None:
    """Leave the cgroup's top to its children, with every controller there is: one with controllers for them has no processes."""
    own = f"{root}/{OWN}"
    if not os.path.isdir(own):
        os.mkdir(own)
    for process in _words(f"{root}/cgroup.procs"):
        _write(f"{own}/cgroup.procs", process, ProcessLookupError)  # it ended meanwhile
    for name in controllers(root):
        # or it can't be had: not delegated, or not below a domain with processes
        _write(f"{root}/cgroup.subtree_control", f"+{name}", OSError)


def bound(sandbox: str) -> None:
    """Bound how many cgroups a learner can make in this one. Raises OSError."""
    for name, value in CAPS.items():
        with open(f"{sandbox}/{name}", "w") as file:
            file.write(value)


def controllers(root: str = ROOT) -> list[str]:
    """The controllers that can be had here; none on a hybrid or v1 host."""
    try:
        return _words(f"{root}/cgroup.controllers")
    except FileNotFoundError:
        return []


def _words(file: str) -> list[str]:
    with open(file) as opened:
        return opened.read().split()


def _write(file: str, text: str, unless: type[OSError]) -> None:
    try:
        with open(file, "w") as opened:
            opened.write(text)
    except unless:
        pass
