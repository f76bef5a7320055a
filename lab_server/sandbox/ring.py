"""The replay ring: the last output of a terminal, in shared memory, addressed by absolute offsets.

Knows: bytes and offsets. Doesn't know terminals, sockets or escape sequences.
The spawner creates it and keeps its descriptor; web maps it, reads the terminal straight into it and serves viewers
out of it. It outlives web, so a web that died is followed by one that goes on at the same offset.

Layout of the memfd: one page of header, then `capacity` bytes (a power of two).
    0   8s  magic "LABSRNG1"          8   u64  capacity
    16  u64 end: offset of the next byte to be written (so `end` bytes were ever written)
    64  SLOTS × (16s client, u64 input bytes accepted from it, u64 last use)   least recently used is replaced
One writer at a time; a reader may see an `end` that is behind, never ahead of the bytes.
"""

from __future__ import annotations

import mmap
import os
import struct
from hashlib import blake2b

from lab_server.errors import SandboxFailed

HEADER = 4096
MAGIC = b"LABSRNG1"
SLOTS = 64
_SLOT = struct.Struct("=16sQQ")
_U64 = struct.Struct("=Q")
DEFAULT_CAPACITY = 1 << 20


def create(capacity: int = DEFAULT_CAPACITY) -> int:
    """A new ring's descriptor (memfd_create(2)). `capacity` is bytes, a power of two."""
    if capacity < 4096 or capacity & (capacity - 1):
        raise ValueError(f"a ring's capacity is a power of two from 4096, not {capacity}")
    fd = os.memfd_create("labs-ring", os.MFD_CLOEXEC)
    os.ftruncate(fd, HEADER + capacity)
    os.pwrite(fd, MAGIC + _U64.pack(capacity) + _U64.pack(0), 0)
    return fd


class Ring:
    """A ring mapped into this process. Raises SandboxFailed for a descriptor that is no ring."""

    def __init__(self, fd: int) -> None:
        size = os.fstat(fd).st_size
        self._map = mmap.mmap(fd, size)
        self._view = memoryview(self._map)
        magic, self.capacity = bytes(self._map[:8]), int(_U64.unpack_from(self._map, 8)[0])
        if magic != MAGIC or size != HEADER + self.capacity:
            self.close()
            raise SandboxFailed("A terminal's replay ring is damaged.", "Reset the sandbox.")

    @property
    def end(self) -> int:
        return int(_U64.unpack_from(self._map, 16)[0])

    @property
    def start(self) -> int:
        """The oldest offset that can still be read."""
        return max(0, self.end - self.capacity)

    def room(self, most: int) -> memoryview:
        """Where the next bytes go, contiguous, at most `most` long: read into it, then `advance`."""
        at = self.end % self.capacity
        return self._view[HEADER + at : HEADER + min(at + most, self.capacity)]

    def advance(self, count: int) -> None:
        _U64.pack_into(self._map, 16, self.end + count)

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
        end = self.end
        if not max(0, end - self.capacity) <= offset <= end:
            raise ValueError(f"offset {offset} is not in {max(0, end - self.capacity)}..{end}")
        at = offset % self.capacity
        return bytes(self._view[HEADER + at : HEADER + min(at + min(most, end - offset), self.capacity)])

    def accepted(self, client: str) -> int:
        """Input bytes taken from this client so far."""
        slot = self._slot(client)
        return 0 if slot is None else int(_SLOT.unpack_from(self._map, slot)[1])

    def accept(self, client: str, count: int) -> int:
        """Count `count` more input bytes of this client; the new total."""
        slots = [64 + i * _SLOT.size for i in range(SLOTS)]
        used = {at: int(_SLOT.unpack_from(self._map, at)[2]) for at in slots}
        slot = self._slot(client)
        if slot is None:
            slot = min(slots, key=used.__getitem__)
            total = count
        else:
            total = int(_SLOT.unpack_from(self._map, slot)[1]) + count
        _SLOT.pack_into(self._map, slot, _key(client), total, max(used.values()) + 1)
        return total

    def _slot(self, client: str) -> int | None:
        at = self._map.find(_key(client), 64, 64 + SLOTS * _SLOT.size)
        while at != -1 and (at - 64) % _SLOT.size:
            at = self._map.find(_key(client), at + 1, 64 + SLOTS * _SLOT.size)
        return None if at == -1 else at

    def close(self) -> None:
        self._view.release()
        self._map.close()


def _key(client: str) -> bytes:
    return blake2b(client.encode(), digest_size=16).digest()
