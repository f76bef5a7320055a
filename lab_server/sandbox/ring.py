"""The replay ring: the last output of a terminal, in shared memory, addressed by absolute offsets.

Knows: bytes and offsets. Doesn't know terminals, sockets or escape sequences.
The spawner creates it and keeps its descriptor; web maps it, reads the terminal straight into it and serves viewers
out of it. It outlives web, so a web that died is followed by one that goes on at the same offset.

Layout of the memfd: one page of header, then `capacity` bytes (a power of two) and WINDOW more.
    0   8s  magic "LABSRNG2"          8   u64  capacity
    16  u64 end: offset of the next byte to be written (so `end` bytes were ever written)
    24  u64 blank: the bytes from `end` to here are BLANK but for what was read into them and not counted yet
    64  SLOTS × (16s client, u64 input bytes accepted from it, u64 last use)   least recently used is replaced
One writer at a time; a reader may see an `end` that is behind, never ahead of the bytes. A writer that is killed between
reading a terminal into `room` and `advance` has taken bytes that nobody can read again: the next one finds them by their not
being blank. Only BLANK bytes at the very end of such a read, which UTF-8 has none of, can't be told from nothing.
"""

from __future__ import annotations

import fcntl
import functools
import mmap
import os
import struct
from hashlib import blake2b

from lab_server.errors import SandboxFailed

HEADER = 4096
MAGIC = b"LABSRNG2"
SLOTS = 64
_SLOT = struct.Struct("=16sQQ")
_U64 = struct.Struct("=Q")
DEFAULT_CAPACITY = 1 << 20
WINDOW = 16 * 1024  # the most that is read in one go; a PTY gives 4 KiB
BLANK = b"\xff"
_BLANKS = memoryview(BLANK * WINDOW)


def create(capacity: int = DEFAULT_CAPACITY) -> int:
    """A new ring's descriptor (memfd_create(2)). `capacity` is bytes, a power of two."""
    if capacity < 4096 or capacity & (capacity - 1):
        raise ValueError(f"a ring's capacity is a power of two from 4096, not {capacity}")
    fd = os.memfd_create("labs-ring", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, HEADER + capacity + WINDOW)
    # an agent in a learner's container keeps a copy: made shorter, it would kill whoever has it mapped (SIGBUS)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    os.pwrite(fd, MAGIC + _U64.pack(capacity) + _U64.pack(0) * 2, 0)
    return fd


def _sealed(fd: int) -> bool:
    try:
        return bool(fcntl.fcntl(fd, fcntl.F_GET_SEALS) & fcntl.F_SEAL_SHRINK)
    except OSError:  # no memfd at all
        return False


class Ring:
    """A ring mapped into this process, which takes over from a writer that was killed: map it when no other writes.

    Raises SandboxFailed for a descriptor that is no ring.
    """

    __slots__ = ("_clock", "_last", "_map", "_size", "_view", "_words", "capacity")

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        if size < HEADER or not _sealed(fd):
            raise SandboxFailed("A terminal's replay ring is damaged.", "Reset the sandbox.")
        self._map = mmap.mmap(fd, size)
        self._view = memoryview(self._map)
        self._words = self._view[:HEADER].cast("Q")  # the header's numbers, several times as fast as unpacking them
        self._clock = -1  # last use of a slot; -1: not looked up yet
        self._last: tuple[str, int] | None = None  # who was counted last, and the word at which its slot begins
        magic, self.capacity = bytes(self._map[:8]), self._words[1]
        self._size = self.capacity + WINDOW
        if magic != MAGIC or size != HEADER + self._size:
            self.close()
            raise SandboxFailed("A terminal's replay ring is damaged.", "Reset the sandbox.")
        self._take_over()

    @property
    def end(self) -> int:
        return self._words[2]

    @property
    def start(self) -> int:
        """The oldest offset that can still be read."""
        return max(0, self._words[2] - self.capacity)

    def room(self, most: int) -> memoryview:
        """Where the next bytes go, contiguous, at most `most` or WINDOW long: read into it, then `advance`."""
        end = self._words[2]
        at = end % self._size
        room = self._view[HEADER + at : HEADER + min(at + min(most, WINDOW), self._size)]
        self._blank(end + len(room))
        return room

    def _blank(self, until: int) -> None:
        """See to it that all is BLANK from `end` to `until`, which the ring doesn't wrap before."""
        done = max(self._words[2], self._words[3])
        if done < until:
            at = HEADER + done % self._size
            self._view[at : at + until - done] = _BLANKS[: until - done]
            self._words[3] = until

    def _take_over(self) -> None:
        """Count what a killed writer had read and not counted."""
        end, blank = self._words[2], self._words[3]
        if blank > end:
            at = HEADER + end % self._size
            self.advance(len(bytes(self._view[at : at + blank - end]).rstrip(BLANK)))

    def advance(self, count: int) -> None:
        self._words[2] += count

    def write(self, data: bytes) -> None:
        """Append; only the last `capacity` bytes of it can be read again."""
        skip = max(0, len(data) - self.capacity)
        if skip:
            self.advance(skip)
            data = data[skip:]
        while data:
            room = self.room(len(data))
            room[:] = data[: len(room)]
            data = data[len(room) :]
            self.advance(len(room))

    def read(self, offset: int, most: int) -> bytes:
        """Up to `most` bytes from `offset` (may be fewer at the wrap). ValueError outside start..end."""
        return bytes(self.view(offset, most))

    def view(self, offset: int, most: int) -> memoryview:
        """The same without a copy: good until the ring comes round to it, so only for use at once."""
        end = self._words[2]
        if not max(0, end - self.capacity) <= offset <= end:
            raise ValueError(f"offset {offset} is not in {max(0, end - self.capacity)}..{end}")
        at = offset % self._size
        return self._view[HEADER + at : HEADER + min(at + min(most, end - offset), self._size)]

    def accepted(self, client: str) -> int:
        """Input bytes taken from this client so far."""
        slot = self._slot(client)
        return 0 if slot is None else int(_SLOT.unpack_from(self._map, slot)[1])

    def accept(self, client: str, count: int) -> int:
        """Count `count` more input bytes of this client; the new total."""
        if self._last and self._last[0] == client:  # nobody else since: its slot is where it was
            words, at = self._words, self._last[1]
            self._clock += 1
            words[at + 3] = self._clock
            words[at + 2] = total = words[at + 2] + count
            return total
        if self._clock < 0:
            self._clock = max(self._used().values())
        slot = self._slot(client)
        if slot is None:
            used = self._used()
            slot = min(used, key=used.__getitem__)
            total = count
        else:
            total = int(_SLOT.unpack_from(self._map, slot)[1]) + count
        self._clock += 1
        _SLOT.pack_into(self._map, slot, _key(client), total, self._clock)
        self._last = client, slot // 8
        return total

    def _used(self) -> dict[int, int]:
        """When each slot was last used, by its place."""
        places = [64 + i * _SLOT.size for i in range(SLOTS)]
        return {at: int(_SLOT.unpack_from(self._map, at)[2]) for at in places}

    def _slot(self, client: str) -> int | None:
        at = self._map.find(_key(client), 64, 64 + SLOTS * _SLOT.size)
        while at != -1 and (at - 64) % _SLOT.size:
            at = self._map.find(_key(client), at + 1, 64 + SLOTS * _SLOT.size)
        return None if at == -1 else at

    def close(self) -> None:
        self._words.release()
        self._view.release()
        self._map.close()


@functools.lru_cache(1024)
def _key(client: str) -> bytes:
    return blake2b(client.encode(), digest_size=16).digest()
