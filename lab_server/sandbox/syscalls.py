"""The kernel calls that Python 3.11 has no name for: mounts, mount namespaces, project quotas, a process's flags.

Knows numbers and structures (x86-64 and arm64 share those used here). Doesn't know what they are used for.
Every function raises OSError with the kernel's errno and the path. It imports little: an agent starts with every sandbox.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUSER = 0x00020000, 0x02000000, 0x10000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE, MS_SLAVE = 4096, 16384, 1 << 18, 1 << 19
MNT_DETACH = 2

_SYS_OPEN_TREE, _SYS_MOVE_MOUNT, _SYS_MOUNT_SETATTR, _SYS_QUOTACTL_FD = 428, 429, 442, 443
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC, _AT_EMPTY_PATH, _AT_RECURSIVE = 1, os.O_CLOEXEC, 0x1000, 0x8000
_MOVE_MOUNT_F_EMPTY_PATH = 4
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4
_MOUNT_ATTR_IDMAP = 0x00100000

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36

_FS_IOC_FSGETXATTR, _FS_IOC_FSSETXATTR = 0x801C581F, 0x401C5820
_FS_XFLAG_PROJINHERIT = 0x200
_PRJQUOTA, _Q_SETQUOTA = 2, 0x800008
_QIF_LIMITS = 1 | 4  # block and inode limits


def _check(outcome: int, path: str) -> int:
    if outcome < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return outcome


def unshare(flags: int) -> None:
    """unshare(2), for the calling thread."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str, target: str | os.PathLike[str], kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    _check(
        _libc.mount(source.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), data.encode()),
        str(target),
    )


def unmount(target: str | os.PathLike[str], flags: int = MNT_DETACH) -> None:
    """umount2(2)."""
    _check(_libc.umount2(os.fsencode(target), flags), str(target))


def private_mounts() -> None:
    """Give this thread, and the processes it starts, a mount namespace of their own (mount_namespaces(7))."""
    unshare(CLONE_NEWNS)
    mount("none", "/", flags=MS_REC | MS_PRIVATE)


def clone_mount(source: str | os.PathLike[str], *, below: bool = False) -> int:
    """A descriptor of a copy of the mount at `source`, attached nowhere yet; with what is mounted `below` it, too: open_tree(2).

    The copy lives as long as the descriptor, or wherever it is attached; it can be sent to another process.
    """
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | (_AT_RECURSIVE if below else 0)
    return _check(_libc.syscall(_SYS_OPEN_TREE, -100, os.fsencode(source), ctypes.c_uint(flags)), str(source))


def attach_mount(tree: int, target: str | os.PathLike[str]) -> None:
    """Mount what `clone_mount` gave on `target`: move_mount(2)."""
    _check(_libc.syscall(_SYS_MOVE_MOUNT, tree, b"", -100, os.fsencode(target), _MOVE_MOUNT_F_EMPTY_PATH), str(target))


def bind_shifted(
    source: str | os.PathLike[str], target: str | os.PathLike[str], user_namespace: int, attributes: int
) -> None:
    """Bind `source` on `target` with its owners shifted as `user_namespace` (a descriptor) maps them: mount_setattr(2), IDMAP."""
    tree = clone_mount(source)
    try:
        attr = struct.pack("=QQQQ", attributes | _MOUNT_ATTR_IDMAP, 0, 0, user_namespace)
        _check(
            _libc.syscall(_SYS_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, attr, ctypes.c_size_t(len(attr))), str(source)
        )
        attach_mount(tree, target)
    finally:
        os.close(tree)


def set_project(directory: str | os.PathLike[str], project: int) -> None:
    """Everything made under `directory` from now on counts for `project` (ioctl_fsxattr: FS_XFLAG_PROJINHERIT)."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        current = bytearray(28)
        fcntl.ioctl(fd, _FS_IOC_FSGETXATTR, current)
        flags, extent_size, extents, _, cow = struct.unpack_from("=IIIII", current)
        fields = struct.pack("=IIIII8x", flags | _FS_XFLAG_PROJINHERIT, extent_size, extents, project, cow)
        fcntl.ioctl(fd, _FS_IOC_FSSETXATTR, fields)
    finally:
        os.close(fd)


def set_project_quota(directory: str | os.PathLike[str], project: int, size: int, inodes: int) -> None:
    """Hard limits for `project` on `directory`'s file system: `size` bytes, `inodes` files; 0 lifts (quotactl_fd, quotactl(2))."""
    blocks = -(-size // 1024)
    quota = struct.pack("=QQQQQQQQI4x", blocks, blocks, 0, inodes, inodes, 0, 0, 0, _QIF_LIMITS)
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        command = (_Q_SETQUOTA << 8) | _PRJQUOTA
        _check(_libc.syscall(_SYS_QUOTACTL_FD, fd, ctypes.c_uint(command), project, quota), str(directory))
    finally:
        os.close(fd)


def become_subreaper() -> None:
    """Orphaned descendants become this process's children, so that their exit status can be had (prctl(2))."""
    _check(_libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def die_with_parent(signal: int) -> None:
    """Have the kernel send `signal` to this process when its parent ends (prctl(2))."""
    _check(_libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0), "prctl")
