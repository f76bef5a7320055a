"""Giving up privileges for good: user, groups, capabilities, and what a plain user could not reach.

Knows the kernel's ways to do it (credentials(7), capabilities(7), mount_namespaces(7)). Doesn't know what runs afterwards.

A clone or an interpreter may lie below a folder that only root enters (/root). Rather than open that folder to everybody, the
process takes a mount namespace of its own, lays an empty folder over the closed one, and binds back just what it needs.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import stat
import sys
from collections.abc import Iterable
from pathlib import Path

from lab_server.errors import DriverUnavailable, LabError, Missing, Refused
from lab_server.sandbox import syscalls

LAST_USER = 2**32 - 1  # means "no user" to chown(2) and setresuid(2)
FIRST = -5  # niceness
DYNAMIC = range(61184, 65520)  # what systemd keeps free for users without a name
_PR_SET_NO_NEW_PRIVS, _PR_CAPBSET_DROP = 38, 24
_CAP_VERSION_3 = 0x20080522
_libc = ctypes.CDLL(None, use_errno=True)


def choose_user(wanted: str) -> tuple[int, int]:
    """(uid, gid) of a user by name or number, or of an unused number for `auto`. Raises Missing, Refused."""
    if wanted.isdecimal():
        return _numbered(int(wanted))
    if wanted != "auto":
        try:
            found = pwd.getpwnam(wanted)
        except KeyError:
            raise Missing(
                f"There is no user {wanted!r}.", "Set LABS_WEB_USER to one that exists, or to auto."
            ) from None
        if found.pw_uid == 0:
            raise _no_root()
        return found.pw_uid, found.pw_gid
    for number in DYNAMIC:
        try:
            pwd.getpwuid(number)
        except KeyError:
            return number, number
    raise Missing("Every user number from 61184 to 65519 is taken.", "Set LABS_WEB_USER to a user of your own.")


def _numbered(uid: int) -> tuple[int, int]:
    """A user that needs no name; without one its group has the same number."""
    if uid == 0:
        raise _no_root()
    if uid >= LAST_USER:
        raise Refused(f"{uid} is no user's number.", "Set LABS_WEB_USER to a smaller one.")
    try:
        return uid, pwd.getpwuid(uid).pw_gid or uid
    except KeyError:
        return uid, uid


def _no_root() -> Refused:
    return Refused("The web server does not run as root.", "Set LABS_WEB_USER to another user, or to auto.")


def needed(extra: Iterable[Path]) -> list[Path]:
    """What this interpreter reads from while it runs, and `extra`: existing absolute paths, outermost first."""
    wanted = {Path(entry).absolute() for entry in sys.path if entry} | {Path(p).absolute() for p in extra}
    wanted |= {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).resolve().parent.parent}
    wanted |= {path.resolve() for path in list(wanted)}
    return sorted((path for path in wanted if path.exists() and path != Path("/")), key=_depth)


def _depth(path: Path) -> tuple[int, Path]:
    return len(path.parts), path


def _enters(path: Path, uid: int, gid: int) -> bool:
    found = path.stat()
    if found.st_uid == uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def blocking(paths: Iterable[Path], uid: int, gid: int) -> list[Path]:
    """The folders on the way to `paths` that this user can't enter."""
    return sorted({parent for path in paths for parent in path.parents if not _enters(parent, uid, gid)})


def _unmask(paths: list[Path], masked: list[Path]) -> None:
    """Lay an empty folder over each of `masked`, in a mount namespace of our own, and bind `paths` back."""
    below = [path for path in paths if any(path.is_relative_to(mask) for mask in masked)]
    kept: dict[Path, int] = {}
    try:
        syscalls.private_mounts()
        # opened in the new namespace: what is bound must be a mount of the namespace it is bound in (mount(2), EINVAL)
        kept.update({path: os.open(path, os.O_PATH | os.O_CLOEXEC) for path in below})
        for path in sorted({*masked, *below}, key=_depth):  # outermost first: what is made is made in an empty folder
            fd = kept.get(path)
            if fd is not None and not stat.S_ISDIR(os.fstat(fd).st_mode):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            else:
                path.mkdir(parents=True, exist_ok=True)
            if fd is None:
                syscalls.mount("tmpfs", path, "tmpfs", syscalls.MS_NOSUID | syscalls.MS_NODEV, "mode=0755,size=1m")
            else:
                syscalls.mount(f"/proc/self/fd/{fd}", path, flags=syscalls.MS_BIND | syscalls.MS_REC)
    except OSError as why:
        raise DriverUnavailable(
            f"The web server's user can't reach {', '.join(map(str, masked))}, and no way around it could be made: {why}.",
            "Put the course below a folder that everybody may enter, such as /opt or /srv.",
        ) from None
    finally:
        for fd in kept.values():
            os.close(fd)


def _wanted(path: Path, entered: bool) -> int:
    """What access(2) is asked for: a folder is entered, and listed where modules are looked for in it."""
    if path.is_dir():
        return os.X_OK if entered else os.R_OK | os.X_OK
    return os.R_OK


def _drop_capabilities() -> None:
    for number in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            break  # past the last one this kernel knows


def _clear_inheritable() -> None:
    header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    if _libc.capset(header, data) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def drop(uid: int, gid: int, keep: Iterable[Path]) -> None:
    """Become `uid` and `gid` for good, with no other groups and no capabilities, and with `keep` and our own code reachable.

    Call it first, before threads. Raises DriverUnavailable where something needed can't be reached, Refused where it went wrong.
    """
    entered = {Path(path).absolute() for path in keep}  # need not be listed
    paths = needed(entered)
    masked = blocking(paths, uid, gid)
    os.umask(0o077)
    if masked:
        previous = os.umask(0o022)
        _unmask(paths, masked)
        os.umask(previous)
    os.chdir("/")
    _drop_capabilities()
    os.setgroups([])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    _clear_inheritable()
    if os.getresuid() != (uid, uid, uid) or os.getresgid() != (gid, gid, gid):
        raise Refused("The web server's privileges could not be dropped.")
    unread = [path for path in paths if not os.access(path, _wanted(path, path in entered))]
    if unread:
        raise DriverUnavailable(
            f"The web server's user can't read {unread[0]}.", f"Make it readable: chmod -R go+rX {unread[0]}"
        )


def go_first() -> None:
    """Pages and keys before what learners run and what makes their sandboxes, where we may say so (CAP_SYS_NICE; sched(7))."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
        if os.getsid(0) == os.getpid():  # where the kernel groups by session; not for others in somebody's terminal
            Path("/proc/self/autogroup").write_text(str(FIRST))


def no_new() -> None:
    """No program that this process starts can give privileges back (prctl(2), PR_SET_NO_NEW_PRIVS)."""
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise LabError("This kernel has no PR_SET_NO_NEW_PRIVS.")


def die_with(parent: int, signal: int) -> None:
    """Get `signal` when `parent` ends. Call it after `drop`: changing users forgets it."""
    syscalls.die_with_parent(signal)
    if os.getppid() != parent:
        raise SystemExit(0)
