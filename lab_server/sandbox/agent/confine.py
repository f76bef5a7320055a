"""From a container's root to root of an own user namespace that owns the container's cgroup. Once, at the start.

Knows: user, mount and cgroup namespaces (user_namespaces(7), cgroup_namespaces(7)), delegation (cgroup-v2.rst). Doesn't know what
is run afterwards. A learner waits for what it imports (start.py).

The engine mounts the container's cgroup read-only, and the container has no CAP_SYS_ADMIN to change that. A user namespace of our own
has: a cgroup file system mounted in it is writable, to those who own the files. They belong to the host's root, so a helper that
still is that (it can chown, and nothing more) hands them over through a descriptor on the new mount.
"""

from __future__ import annotations

import _socket
import os
import struct

from lab_server.errors import SandboxFailed
from lab_server.sandbox import delegation, syscalls

DELEGATED = "/sys/kernel/cgroup/delegate"
USUAL = ("cgroup.procs", "cgroup.threads", "cgroup.subtree_control")
NAMESPACES = syscalls.CLONE_NEWUSER | syscalls.CLONE_NEWNS | syscalls.CLONE_NEWCGROUP


def confine(owner: int, ids: str, stage: str) -> None:
    """Become root of a user namespace whose id map is `ids`, with a tmpfs on `stage` and /sys/fs/cgroup writable.

    `owner`: this root's number on the host. To be called by a process with one thread. Raises SandboxFailed naming what the kernel refused.
    """
    ours, theirs = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    helper = os.fork()
    if helper == 0:
        ours.close()
        os._exit(_help(theirs, os.getppid(), owner, ids))
    theirs.close()
    doing = "make a user namespace"
    try:
        syscalls.unshare(NAMESPACES)
        ours.send(b"map")
        doing = "map the ids"
        _answer(ours)
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
        doing = "make mounts private"
        syscalls.mount("none", "/", flags=syscalls.MS_REC | syscalls.MS_PRIVATE)
        doing = "mount a tmpfs"
        syscalls.mount("agent", stage, "tmpfs", syscalls.MS_NODEV | syscalls.MS_NOSUID, "mode=711,size=4m")
        doing = "mount the container's cgroup"
        inert = syscalls.MS_NODEV | syscalls.MS_NOSUID | syscalls.MS_NOEXEC
        fresh = f"{stage}/cgroup"
        os.mkdir(fresh)
        syscalls.mount("cgroup2", fresh, "cgroup2", inert)
        # the same file system can't be mounted over itself
        syscalls.mount(fresh, delegation.ROOT, flags=syscalls.MS_BIND)
        descriptor = os.open(delegation.ROOT, os.O_RDONLY | os.O_DIRECTORY)
        try:
            ours.sendmsg([b"own"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, struct.pack("i", descriptor))])
        finally:
            os.close(descriptor)
        doing = "own the container's cgroup"
        _answer(ours)
    except OSError as why:
        raise SandboxFailed(f"The container can't {doing}: {why}.", "See `labs doctor`.") from why
    finally:
        ours.close()  # so the helper ends, whatever happened
        os.waitpid(helper, 0)
    delegation.divide()


def _answer(end: _socket.socket) -> None:
    told = end.recv(256)
    if told != b"done":
        raise OSError(told.decode(errors="replace") or "the helper ended")


def _help(end: _socket.socket, parent: int, owner: int, ids: str) -> int:
    """The helper: still the container's root. Maps the ids, then hands the cgroup over."""
    try:
        if end.recv(16) != b"map":
            return 1
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{parent}/{name}", "w") as file:
                file.write(ids)
        end.send(b"done")
        _, beside, _, _ = end.recvmsg(16, _socket.CMSG_SPACE(4))
        if not beside:
            return 1
        (cgroup,) = struct.unpack("i", beside[0][2])
        os.chown(cgroup, owner, owner)
        for name in _delegated():
            try:
                os.chown(name, owner, owner, dir_fd=cgroup)
            except FileNotFoundError:
                continue  # a controller that is not there
        end.send(b"done")
    except OSError as why:
        end.send(str(why).encode()[:250])
        return 1
    return 0


def _delegated() -> tuple[str, ...] | list[str]:
    """The files of a cgroup that are its owner's."""
    try:
        with open(DELEGATED) as file:
            return file.read().split()
    except FileNotFoundError:
        return USUAL
