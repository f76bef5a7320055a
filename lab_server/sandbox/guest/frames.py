"""One command's three streams and its exit status over one connection: framing, and the two ends that move it.

A frame is a kind (1 byte), a length (4 bytes, network order) and that many bytes. From the host: STDIN (length 0: end
of input). From the guest: STDOUT, STDERR, and last EXIT, a JSON reply as the spawner gave it.
Knows descriptors and connections. Doesn't know tokens, verbs or sandboxes.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
from typing import Any

from lab_server.errors import BadInput, LabError, SandboxFailed
from lab_server.sandbox import rpc

STDIN, STDOUT, STDERR, EXIT = range(4)
HEAD = struct.Struct("!BI")
CHUNK = 32 * 1024
MOST = 1 << 20  # bytes a frame may have
_READ = select.POLLIN | select.POLLHUP | select.POLLERR


def read_line(connection: socket.socket, most: int = rpc.MAX_MESSAGE) -> dict[str, Any]:
    """The JSON object on the next line, taking nothing beyond it. Raises BadInput; OSError when the other end is gone."""
    line = b""
    while not line.endswith(b"\n"):
        seen = connection.recv(4096, socket.MSG_PEEK)
        if not seen:
            raise ConnectionError("the other end closed the connection")
        line += connection.recv(seen.find(b"\n") + 1 or len(seen))
        if len(line) > most:
            raise BadInput("A message is over the size allowed.")
    return rpc.decode(line)


def frame(kind: int, data: bytes) -> bytes:
    return HEAD.pack(kind, len(data)) + data


class Reader:
    """Takes bytes as they come, gives whole frames. Raises BadInput for one that is too long."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        self._held += data
        found = []
        while len(self._held) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._held)
            if length > MOST:
                raise BadInput("A frame is over the size allowed.")
            if len(self._held) < HEAD.size + length:
                break
            found.append((kind, bytes(self._held[HEAD.size : HEAD.size + length])))
            del self._held[: HEAD.size + length]
        return found


def serve(connection: socket.socket, stdin: int, stdout: int, stderr: int, asker: socket.socket) -> None:
    """The guest's end: until the spawner's reply on `asker`, or the host is gone. Closes all but `asker`."""
    outputs = {stdout: STDOUT, stderr: STDERR}
    open_fds = {stdin, stdout, stderr}
    pending = b""  # input that the command has not taken
    ended = False  # the host has sent all the input there is
    rest = 64  # rounds of output after the command's end
    reader = Reader()
    os.set_blocking(stdin, False)
    connection.settimeout(60.0)

    def close(fd: int) -> None:
        if fd in open_fds:
            open_fds.discard(fd)
            os.close(fd)

    try:
        while True:
            poll = select.poll()
            poll.register(asker, select.POLLIN)
            if len(pending) < MOST:
                poll.register(connection, select.POLLIN)
            for fd in outputs.keys() & open_fds:
                poll.register(fd, select.POLLIN)
            if pending and stdin in open_fds:
                poll.register(stdin, select.POLLOUT)
            ready = dict(poll.poll())
            for fd in outputs.keys() & ready.keys():
                data = os.read(fd, CHUNK)
                if data:
                    connection.sendall(frame(outputs[fd], data))
                else:
                    close(fd)
            if connection.fileno() in ready:
                data = connection.recv(CHUNK)
                if not data:
                    return
                for kind, content in reader.feed(data):
                    if kind == STDIN and stdin in open_fds:
                        pending += content
                        ended = ended or not content
            if pending and stdin in open_fds:
                try:
                    pending = pending[os.write(stdin, pending) :]
                except BlockingIOError:
                    pass
                except BrokenPipeError:
                    close(stdin)
            if ended and not pending:
                close(stdin)
            if asker.fileno() in ready:
                # the streams first: whatever the command wrote before it ended is there already; but something that it
                # left in the background may write for ever
                rest -= 1
                if not rest or not outputs.keys() & ready.keys():
                    _finish(connection, asker)
                    return
    finally:
        for fd in list(open_fds):
            close(fd)
        connection.close()


def _finish(connection: socket.socket, asker: socket.socket) -> None:
    try:
        reply, fds = rpc.receive(asker)
        rpc.close_all(fds)
    except LabError as why:
        reply = rpc.failure(why)
    connection.sendall(frame(EXIT, json.dumps(reply).encode()))


def drive(connection: socket.socket, fds: tuple[int, int, int], asker: int = -1) -> int:
    """The host's end: the command's exit status. `asker` as in contract.Sandbox.run. Raises what the guest answers, or
    SandboxFailed when the guest is gone."""
    stdin, stdout, stderr = fds
    reader = Reader()
    connection.settimeout(60.0)
    reading = True
    try:
        while True:
            poll = select.poll()
            poll.register(connection, select.POLLIN)
            if reading:
                poll.register(stdin, select.POLLIN)
            if asker >= 0:
                poll.register(asker, select.POLLIN | select.POLLRDHUP)
            ready = dict(poll.poll())
            if ready.get(asker, 0) & (select.POLLHUP | select.POLLRDHUP | select.POLLERR | select.POLLNVAL):
                return 128 + 9  # nobody waits: closing the connection has the command killed
            if reading and stdin in ready:
                data = _read(stdin) if ready[stdin] & _READ else b""
                if data is not None:
                    connection.sendall(frame(STDIN, data))
                    reading = bool(data)
            if connection.fileno() not in ready:
                continue
            data = connection.recv(CHUNK)
            if not data:
                raise SandboxFailed("The guest closed the connection before the command ended.", "Try again.")
            for kind, content in reader.feed(data):
                if kind == EXIT:
                    return int(rpc.result(rpc.decode(content))["code"])
                try:
                    _write(stdout if kind == STDOUT else stderr, content)
                except BrokenPipeError:
                    return 128 + 13  # its reader has left: the command ends as SIGPIPE would end it (pipe(7))
    except OSError as why:
        raise SandboxFailed(f"The connection to the guest broke: {why.strerror}.", "Try again.") from why


def _read(fd: int) -> bytes | None:
    """What is there; b"" at the end, None where there is nothing after all."""
    try:
        return os.read(fd, CHUNK)
    except BlockingIOError:
        return None
    except OSError:
        return b""  # a terminal that hung up


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:
            select.select([], [fd], [])
