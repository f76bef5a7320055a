"""The pump by itself: a socket pair for a terminal, lists for connections. No server, no shell."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Iterator

import pytest

from lab_server.sandbox import ring as rings
from lab_server.web import plain, protocol
from lab_server.web.bridge import MAX_PENDING, Bridge
from lab_server.web.protocol import MAX_BEHIND, Close
from lab_server.web.viewer import Viewer


class Rig:
    """A bridge on one end of a socket pair; `far` is where the shell would be."""

    def __init__(self, capacity: int = 1 << 20) -> None:
        self.far, near = socket.socketpair()
        self.far.setblocking(False)
        memory = rings.create(capacity)
        self.ring = rings.Ring(memory)
        os.close(memory)
        self.bridge = Bridge(near.detach(), self.ring, "shell-1", self.status)
        self.tasks: list[asyncio.Task[Close]] = []

    async def status(self) -> tuple[int | None, str, Close]:
        return 3, "The shell ended.", Close(protocol.CLOSE_DONE)

    def watch(self, client: str = "page", offset: int | None = None) -> Watcher:
        return Watcher(self, self.bridge.attach(client, offset))

    async def say(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.far, data)

    async def heard(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.far, 1 << 20), 20)
        return data


class Watcher:
    def __init__(self, rig: Rig, viewer: Viewer) -> None:
        self.viewer = viewer
        self.data = b""
        self.messages: list[dict[str, object]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self._news = asyncio.Event()
        self.task = asyncio.create_task(plain.pump(viewer, self._send))
        rig.tasks.append(self.task)

    async def _send(self, frame: bytes | str) -> None:
        await self.gate.wait()
        if isinstance(frame, str):
            self.messages.append(json.loads(frame))
        else:
            self.data += frame
        self._news.set()

    async def until(self, ask: object) -> None:
        async with asyncio.timeout(20):
            while not ask():  # type: ignore[operator]
                self._news.clear()
                await self._news.wait()


@pytest.fixture
async def rig() -> Iterator[Rig]:  # type: ignore[misc]
    made = Rig()
    yield made
    for task in made.tasks:
        task.cancel()
    await asyncio.gather(*made.tasks, return_exceptions=True)
    made.bridge.close()
    made.far.close()


async def test_hello_comes_first_and_bytes_follow(rig: Rig) -> None:
    watcher = rig.watch()
    await rig.say(b"hi")
    await watcher.until(lambda: watcher.data == b"hi")
    assert watcher.messages == [{"type": "hello", "terminal": "shell-1", "output": 0, "end": 0, "input": 0}]


async def test_reading_stops_when_every_viewer_is_behind_and_goes_on_when_one_acknowledges(rig: Rig) -> None:
    watcher = rig.watch()
    flood = asyncio.create_task(rig.say(bytes(4 << 20)))
    await watcher.until(lambda: len(watcher.data) >= MAX_BEHIND)
    done, _ = await asyncio.wait({flood}, timeout=0.3)
    assert not done and rig.ring.end < MAX_BEHIND + 2 * 65536  # the terminal itself is full now
    while len(watcher.data) < 4 << 20:
        now = len(watcher.data)
        watcher.viewer.ack(now)
        await watcher.until(lambda now=now: len(watcher.data) > now)
    await flood


async def test_a_connection_that_takes_nothing_holds_up_nobody(rig: Rig) -> None:
    stuck, quick = rig.watch("stuck"), rig.watch("quick")
    stuck.gate.clear()
    flood = asyncio.create_task(rig.say(b"y" * (3 << 20)))
    while len(quick.data) < 3 << 20:
        now = len(quick.data)
        quick.viewer.ack(now)
        await quick.until(lambda now=now: len(quick.data) > now)
    await flood
    assert stuck.data == b""
    stuck.gate.set()
    await stuck.until(lambda: any(message["type"] == "gap" for message in stuck.messages))
    await stuck.until(lambda: len(stuck.data) > 0)
    gap = next(message["output"] for message in stuck.messages if message["type"] == "gap")
    assert isinstance(gap, int) and gap + len(stuck.data) == 3 << 20


async def test_without_viewers_output_is_still_taken(rig: Rig) -> None:
    await asyncio.wait_for(rig.say(bytes(1 << 20)), 20)


async def test_an_acknowledgement_of_the_future_counts_as_one_of_now(rig: Rig) -> None:
    watcher = rig.watch()
    await rig.say(b"abc")
    await watcher.until(lambda: watcher.data == b"abc")
    watcher.viewer.ack(1 << 60)
    assert watcher.viewer.acked == 3
    watcher.viewer.ack(1)
    assert watcher.viewer.acked == 3


async def test_input_is_counted_a_client_and_told(rig: Rig) -> None:
    one, two = rig.watch("one"), rig.watch("two")
    rig.bridge.write(one.viewer, b"12345")
    rig.bridge.write(two.viewer, b"678")
    assert await rig.heard(8) == b"12345678"
    await one.until(lambda: {"type": "accepted", "input": 5} in one.messages)
    await two.until(lambda: {"type": "accepted", "input": 3} in two.messages)
    assert rig.bridge.attach("one").client == "one" and rig.ring.accepted("one") == 5


async def test_input_that_waits_is_given_in_order_once_there_is_room(rig: Rig) -> None:
    watcher = rig.watch()
    whole = os.urandom(MAX_PENDING)
    for at in range(0, len(whole), 50_000):
        rig.bridge.write(watcher.viewer, whole[at : at + 50_000])
    assert rig.ring.accepted("page") < len(whole)
    assert await rig.heard(len(whole)) == whole
    await watcher.until(lambda: {"type": "accepted", "input": len(whole)} in watcher.messages)


async def test_too_much_input_ends_the_connection_and_its_count_is_what_the_shell_got(rig: Rig) -> None:
    watcher = rig.watch()
    for _ in range(40):
        rig.bridge.write(watcher.viewer, bytes(65536))
    close = await asyncio.wait_for(watcher.task, 20)
    assert close.code == protocol.CLOSE_TOO_MANY
    taken = rig.ring.accepted("page")
    assert len(await rig.heard(taken)) == taken
    with pytest.raises(BlockingIOError):
        rig.far.recv(1)


async def test_a_reconnect_forgets_what_waits_so_that_nothing_is_typed_twice(rig: Rig) -> None:
    old = rig.watch()
    whole = os.urandom(900_000)
    rig.bridge.write(old.viewer, whole)
    new = rig.watch()
    given = rig.ring.accepted("page")
    await new.until(lambda: new.messages and new.messages[0]["input"] == given)
    assert (await asyncio.wait_for(old.task, 20)).code == protocol.CLOSE_REPLACED
    rig.bridge.write(old.viewer, b"a late frame of the old connection")
    rig.bridge.write(new.viewer, whole[given:])
    assert await rig.heard(len(whole)) == whole


async def test_the_end_comes_after_the_last_byte_even_unacknowledged(rig: Rig) -> None:
    watcher = rig.watch()
    last = b"x" * (MAX_BEHIND - 10)
    await rig.say(last)
    rig.far.close()
    close = await asyncio.wait_for(watcher.task, 20)
    assert close.code == protocol.CLOSE_DONE and watcher.data == last
    assert watcher.messages[-1] == {"type": "exit", "code": 3, "reason": "The shell ended."}


async def test_a_viewer_can_resume_anywhere_in_the_ring_and_no_further(rig: Rig) -> None:
    rig.ring.write(b"line\n" * 1000)
    for offset, expected in [(4321, 4321), (5000, 5000), (0, 0), (5001, 0), (None, 0)]:
        assert rig.bridge.attach(f"c{offset}", offset).offset == expected


async def test_a_replay_of_a_ring_that_wrapped_begins_with_a_line(rig: Rig) -> None:
    rig.ring.write(b"0123456789abcd\n" * 100_000)
    viewer = rig.bridge.attach("page")
    assert viewer.offset % 15 == 0 and viewer.offset >= rig.ring.start
