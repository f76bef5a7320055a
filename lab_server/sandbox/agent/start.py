"""The agent's start: it calls the spawner, is told what to make, and sets the runtime to it.

A learner waits for every module that is imported here, so there are few: no socket (Python's own _socket does), json, pathlib or
subprocess. What serves later (service.py) is imported beside the runtime's work.

The spawner tells in one message, beside which come three mounts (root tree, files, a writable /sys): `told` writes it, `_read` reads it.
It is answered DONE once the sandbox is ready, or why it can't be; the connection then ends when the sandbox does.
Knows the order. Doesn't know what is in a bundle.
"""

from __future__ import annotations

import _socket
import _thread
import os
import struct
import time

from lab_server.errors import LabError, SandboxFailed
from lab_server.sandbox import commands, delegation, syscalls
from lab_server.sandbox.agent import places
from lab_server.sandbox.agent.confine import confine

SERVICE = "lab_server.sandbox.agent.service"
DONE = b"done"
READY_WITHIN = 60.0  # seconds for the sandbox's PID 1, under the slowest emulation
MOST = 64 << 10  # bytes of a message


def told(owner: int, ids: str, bundle: str) -> bytes:
    """The spawner's message: the agent's own id on the host, its id map (user_namespaces(7)), the bundle's config.json."""
    return "\0".join((str(owner), ids, bundle)).encode()


def _read(call: _socket.socket) -> tuple[int, str, str, tuple[int, ...]]:
    """Raises OSError when the spawner is gone, or says something else."""
    data, beside, _, _ = call.recvmsg(MOST, _socket.CMSG_SPACE(3 * 4), _socket.MSG_CMSG_CLOEXEC)
    trees = [number for _, _, fds in beside for (number,) in struct.iter_unpack("i", fds)]
    parts = data.decode().split("\0")
    if len(parts) != 3 or len(trees) != 3:
        raise OSError("the spawner did not say what to make")
    return int(parts[0]), parts[1], parts[2], tuple(trees)


def main() -> int:
    os.umask(0o022)
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    listener.bind(f"{places.FOLDER}/{places.AGENT}")
    listener.listen(64)  # who connects before all is ready waits
    call = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    call.connect(f"{places.FOLDER}/{places.SPAWNER}")
    try:
        owner, ids, bundle, trees = _read(call)
        confine(owner, ids, places.STAGE)
        _lay(bundle, trees)
        runtime, said = _run()
        _thread.start_new_thread(__import__, (SERVICE,))
        pid = _ended(runtime, said)
        delegation.bound(f"{delegation.ROOT}{places.CGROUP}")
        _wait(pid)
    except OSError as why:
        call.send(f"The container can't start a sandbox: {why}. See `labs doctor`.".encode()[:MOST])
        return 1
    except LabError as why:
        call.send(str(why).encode())
        return 1
    try:
        call.send(DONE)
    except OSError:
        pass  # the spawner was killed: the next one takes over what is there
    from lab_server.sandbox.agent import service  # waits for that thread

    service.Agent(listener.detach(), service.sandbox(pid), call.detach()).serve(pid)
    return 0


def _lay(bundle: str, trees: tuple[int, ...]) -> None:
    for folder in (places.RUN, places.ROOTFS, places.BUNDLE, places.FILES, places.SYS):
        os.mkdir(folder)
    for tree, place in zip(trees, (places.ROOTFS, places.FILES, places.SYS), strict=True):
        syscalls.attach_mount(tree, place)
        os.close(tree)
    with open(f"{places.BUNDLE}/config.json", "w") as file:
        file.write(bundle)


def _run() -> tuple[int, int]:
    """The runtime at work: (its pid, a descriptor of what it says)."""
    said = os.memfd_create("crun")  # no pipe: a detached container keeps it
    line = commands.crun(places.CRUN, *commands.run(places.NAME, places.BUNDLE, places.PID))
    nothing = (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)
    heard = ((os.POSIX_SPAWN_DUP2, said, 1), (os.POSIX_SPAWN_DUP2, said, 2))
    return os.posix_spawnp(line[0], line, os.environ, file_actions=(nothing, *heard)), said


def _ended(runtime: int, said: int) -> int:
    """The pid of the sandbox's PID 1 in this container, once the runtime has ended. Raises OSError with what it said."""
    _, status = os.waitpid(runtime, 0)
    text = os.pread(said, 2000, 0).decode(errors="replace").strip()
    os.close(said)
    if status:
        raise OSError(f"crun run failed: {text or status}")
    with open(places.PID) as file:
        return int(file.read())


def _wait(pid: int) -> None:
    """Returns when the sandbox's PID 1 has said that it is ready. Raises SandboxFailed."""
    ready = f"/proc/{pid}/root/{commands.READY}"
    until = time.monotonic() + READY_WITHIN
    while not os.path.exists(ready):
        if os.waitpid(pid, os.WNOHANG)[0] or time.monotonic() > until:
            raise SandboxFailed(f"The sandbox did not get ready within {READY_WITHIN:.0f} seconds.", "Try again.")
        time.sleep(0.003)
