"""A line by itself: a real socket, a real bridge whose terminal is a socket pair; no server, no framework."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import cast

import pytest
import uvloop

from lab_server.sandbox import ring as rings
from lab_server.web import frames, line, protocol
from lab_server.web.alive import ALIVE_EVERY, Alive
from lab_server.web.bridge import Bridge
from lab_server.web.frames import BINARY, CLOSE, PING, PONG, TEXT
from lab_server.web.line import Line
from lab_server.web.protocol import MAX_BEHIND, Close
from lab_server.web.viewer import Viewer, nobody
from tests.web.test_frames import masked

PATIENCE = 20


class Talk:
    def __init__(self, bridge: Bridge, viewer: Viewer) -> None:
        self.bridge, self.viewer = bridge, viewer
        self.next = viewer.next
        self.ended = 0

    def hear(self, data: bytes) -> None:
        self.bridge.write(self.viewer, data)

    def read(self, text: str) -> None:
        message = protocol.parse(text)
        if isinstance(message, protocol.Ack):
            self.viewer.ack(message.output)

    def check(self) -> None:
        pass

    def end(self) -> None:
        self.ended += 1
        self.viewer.notify = nobody
        self.bridge.detach(self.viewer)


class Rig:
    """`far` is where the shell would be. `connect` gives a client's socket, and the line it talks to."""

    def __init__(self, capacity: int = 1 << 20) -> None:
        self.far, near = socket.socketpair()
        self.far.setblocking(False)
        memory = rings.create(capacity)
        self.bridge = Bridge(near.detach(), rings.Ring(memory), "shell-1", self.status)
        os.close(memory)
        self.alive = Alive()
        self.clients: list[Client] = []

    async def status(self) -> tuple[int | None, str, Close]:
        return 3, "The shell ended.", Close(protocol.CLOSE_DONE)

    async def connect(self, name: str = "page", early: bytes = b"", buffer: int | None = None) -> Client:
        talk = Talk(self.bridge, self.bridge.attach(name))
        made = Line(talk, self.alive)
        talk.viewer.notify = made.flush
        here, there = socket.socketpair()
        for end in (here, there):
            end.setblocking(False)
            if buffer:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        await asyncio.get_running_loop().create_connection(lambda: made, sock=there)
        made.start(early)
        client = Client(here, made, talk)
        self.clients.append(client)
        return client

    async def say(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.far, data)

    async def heard(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.far, 1 << 20), PATIENCE)
        return data


class Client:
    """Takes the server's frames apart by itself. `data` is all terminal output so far."""

    def __init__(self, socket: socket.socket, line: Line, talk: Talk) -> None:
        self.socket, self.line, self.talk = socket, line, talk
        self.said: list[tuple[int, bytes]] = []
        self.data = b""
        self.over = asyncio.Event()
        line.when_over(self.over.set)
        self._stream = b""

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def frame(self) -> tuple[int, bytes]:
        while True:
            if len(self._stream) >= 2:
                size, head = self._stream[1], 2
                assert size < 128  # a server doesn't mask
                if size == 126 and len(self._stream) >= 4:
                    size, head = struct.unpack_from("!H", self._stream, 2)[0], 4
                elif size == 127 and len(self._stream) >= 10:
                    size, head = struct.unpack_from("!Q", self._stream, 2)[0], 10
                if (size < 126 or head > 2) and len(self._stream) >= head + size:
                    found = self._stream[0] & 15, self._stream[head : head + size]
                    assert self._stream[0] & 0xF0 == 0x80
                    self._stream = self._stream[head + size :]
                    return found
            more = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.socket, 1 << 16), PATIENCE)
            if not more:
                raise EOFError
            self._stream += more

    async def until(self, kind: int) -> bytes:
        while True:
            got, payload = await self.frame()
            if got == BINARY:
                self.data += payload
            if got == kind:
                return payload

    async def output(self, upto: int) -> None:
        while len(self.data) < upto:
            await self.until(BINARY)

    async def ack(self) -> None:
        await self.send(masked(0x81, b'{"type":"ack","output":%d}' % len(self.data)))

    async def gone(self) -> None:
        """Read to the end; the line is over, and its talk was ended once."""
        with pytest.raises(EOFError):
            while True:
                await self.frame()
        self.socket.close()
        await asyncio.wait_for(self.over.wait(), PATIENCE)
        assert self.talk.ended == 1


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    for client in made.clients:
        client.socket.close()
        await asyncio.wait_for(client.over.wait(), PATIENCE)
        assert client.talk.ended == 1
    assert made.alive.count == 0 and made.bridge.viewers == []
    made.bridge.close()
    made.far.close()


async def test_hello_then_output_then_input(rig: Rig) -> None:
    client = await rig.connect(early=masked(0x82, b"ear") + masked(0x82, b"ly")[:4])
    assert json.loads(await client.until(TEXT))["type"] == "hello"
    await client.send(masked(0x82, b"ly")[4:])
    assert await rig.heard(5) == b"early"
    for size in (1, 125, 126, 65535, 65536, 200_000):
        said = os.urandom(size)
        begin = len(client.data)
        await asyncio.gather(rig.say(said), client.output(begin + size))
        assert client.data[begin:] == said
        await client.ack()
    assert json.loads(await client.until(TEXT)) == {"type": "accepted", "input": 5}


async def test_a_slow_socket_gets_every_byte_right_while_the_ring_comes_round(rig: Rig) -> None:
    """What a socket didn't take must not be read again out of the ring: by then it is other bytes."""
    slow, quick = await rig.connect("slow", buffer=4096), await rig.connect("quick")
    whole = os.urandom(3 << 20)
    flood = asyncio.create_task(rig.say(whole))
    while len(quick.data) < len(whole):
        await quick.output(min(len(whole), len(quick.data) + 65536))
        await quick.ack()
    await flood
    assert quick.data == whole
    parts: list[bytes] = [b""]
    starts = [0]
    while starts[-1] + len(parts[-1]) < len(whole):
        kind, payload = await slow.frame()
        if kind == BINARY:
            parts[-1] += payload
        elif kind == TEXT and (told := json.loads(payload))["type"] == "gap":
            parts.append(b"")
            starts.append(told["output"])
    assert len(parts) == 2 and len(parts[0]) > 4096
    for start, part in zip(starts, parts, strict=True):
        assert part == whole[start : start + len(part)]


async def test_reading_stops_at_the_window_and_goes_on_when_it_is_acknowledged(rig: Rig) -> None:
    client = await rig.connect()
    whole = os.urandom(2 << 20)
    flood = asyncio.create_task(rig.say(whole))
    await client.output(MAX_BEHIND)
    done, _ = await asyncio.wait({flood}, timeout=0.2)
    assert not done and rig.bridge.ring.end < MAX_BEHIND + 2 * 65536
    while len(client.data) < len(whole):
        await client.ack()
        await client.output(min(len(whole), len(client.data) + 65536))
    await flood
    assert client.data == whole


async def test_pings_are_answered_and_a_close_is_echoed(rig: Rig) -> None:
    client = await rig.connect()
    await client.send(masked(0x89, b"are you there"))
    assert await client.until(PONG) == b"are you there"
    await client.send(masked(0x88, struct.pack("!H", 4321) + b"bye") + masked(0x82, b"after the end"))
    assert await client.until(CLOSE) == struct.pack("!H", 4321) + b"bye"
    await client.gone()
    with pytest.raises(BlockingIOError):
        rig.far.recv(1)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x82\x01k", 1002),
        (masked(0xC2, b"k"), 1002),
        (masked(0x80, b"k"), 1002),
        (masked(0x81, b"\xff\xfe"), 1007),
        (b"\x82\xff" + struct.pack("!Q", protocol.MAX_FRAME + 1), 1009),
        (masked(0x88, b"\x03"), 1002),
        (masked(0x88, struct.pack("!H", 1000) + b"\xff"), 1007),
    ],
)
async def test_who_breaks_the_protocol_is_told_even_while_sending_on(rig: Rig, sent: bytes, code: int) -> None:
    client = await rig.connect()
    sending = asyncio.create_task(client.send(sent + bytes(4 << 20)))
    payload = await client.until(CLOSE)
    assert struct.unpack("!H", payload[:2])[0] == code
    await sending  # it is read, and thrown away
    with pytest.raises(EOFError):
        await client.frame()
    await client.gone()


async def test_half_a_connection_is_none(rig: Rig) -> None:
    client = await rig.connect()
    client.socket.shutdown(socket.SHUT_WR)
    await client.gone()


async def test_a_close_that_nobody_answers_ends_all_the_same(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await rig.connect(buffer=4096)
    monkeypatch.setattr(line, "CLOSE_WITHIN", 0.1)
    rig.bridge.end("It is over.", Close(protocol.CLOSE_ENDED, "It is over."))
    assert json.loads(await client.until(TEXT))["type"] == "hello"
    assert json.loads(await client.until(TEXT))["type"] == "exit"
    assert frames.closed(await client.until(CLOSE)) == protocol.CLOSE_ENDED
    await client.gone()


async def test_a_reader_that_is_stuck_does_not_hold_up_the_end(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await rig.connect(buffer=4096)
    await rig.say(bytes(200_000))
    monkeypatch.setattr(line, "RESTART_WITHIN", 0.1)
    client.line.shutdown()
    await asyncio.wait_for(client.over.wait(), PATIENCE)


async def test_who_has_not_said_a_thing_since_the_last_ping_is_gone(rig: Rig) -> None:
    there, gone = await rig.connect("there"), await rig.connect("gone")
    for client in (there, gone):
        client.line.check()
        assert await client.until(PING) == b""
    await there.send(masked(0x8A, b""))
    await there.send(masked(0x82, b"x"))
    assert await rig.heard(1) == b"x"
    there.line.check()
    gone.line.check()
    await asyncio.wait_for(gone.over.wait(), PATIENCE)
    await rig.say(b"still")
    await there.output(5)


async def test_all_lines_are_asked_in_turn(rig: Rig) -> None:
    clients = [await rig.connect(f"c{n}") for n in range(ALIVE_EVERY + 3)]
    for _ in range(ALIVE_EVERY):
        rig.alive.turn()
    for client in clients:
        assert await client.until(PING) == b""


async def test_a_talk_that_breaks_closes_its_own_line_only(rig: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    broken, fine = await rig.connect("broken"), await rig.connect("fine")

    def hear(data: bytes) -> None:
        raise RuntimeError("a bug")

    broken.talk.hear = hear  # type: ignore[method-assign]
    await broken.send(masked(0x82, b"x"))
    assert frames.closed(await broken.until(CLOSE)) == protocol.CLOSE_BROKEN
    await broken.send(masked(0x88, struct.pack("!H", protocol.CLOSE_BROKEN)))
    await broken.gone()
    await fine.send(masked(0x82, b"y"))
    assert await rig.heard(1) == b"y"
    assert "a bug" in capsys.readouterr().out


@pytest.mark.parametrize("how", ["end", "reset", "abort", "close"])
@pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def test_a_transport_keeps_its_descriptor_until_it_has_said_that_it_is_over(
    run: Callable[[Coroutine[None, None, None]], None], how: str
) -> None:
    """A line writes to the descriptor itself: were it closed earlier, its number might be another learner's by then."""
    found: list[bool] = []
    over = asyncio.Event()

    class Watching(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport, self.fd = transport, transport.get_extra_info("socket").fileno()
            self.inode = os.fstat(self.fd).st_ino

        def same(self) -> bool:
            return Path(f"/proc/self/fd/{self.fd}").exists() and os.fstat(self.fd).st_ino == self.inode

        def data_received(self, data: bytes) -> None:
            cast(asyncio.Transport, self.transport).abort() if how == "abort" else self.transport.close()
            found.append(self.same())

        def eof_received(self) -> None:
            found.append(self.same())

        def connection_lost(self, why: Exception | None) -> None:
            found.append(self.same())
            over.set()

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Watching, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        if how == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if how in ("abort", "close"):
            writer.write(b"x")
            await reader.read()
        writer.close()
        await asyncio.wait_for(over.wait(), PATIENCE)
        server.close()

    run(serve())
    assert found and all(found)
