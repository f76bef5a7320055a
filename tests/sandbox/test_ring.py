"""The replay ring: absolute offsets, wrap-around, two mappings of one memory, input counted a client."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.errors import SandboxFailed
from lab_server.sandbox import ring
from lab_server.sandbox.ring import WINDOW, Ring

SIZE = 4096


@pytest.fixture
def fd():
    descriptor = ring.create(SIZE)
    yield descriptor
    os.close(descriptor)


def everything(of: Ring) -> bytes:
    found, at = b"", of.start
    while at < of.end:
        piece = of.read(at, 1 << 20)
        found, at = found + piece, at + len(piece)
    return found


@given(st.lists(st.binary(max_size=3 * SIZE), max_size=6))
def test_it_keeps_the_last_bytes_and_counts_all(pieces):
    descriptor = ring.create(SIZE)
    kept = Ring(descriptor)
    for piece in pieces:
        kept.write(piece)
    whole = b"".join(pieces)
    assert kept.end == len(whole)
    assert everything(kept) == whole[-SIZE:]
    kept.close()
    os.close(descriptor)


def test_a_second_mapping_goes_on_where_the_first_stopped(fd):
    first = Ring(fd)
    first.write(b"before")
    first.close()
    second = Ring(fd)
    assert second.end == 6
    second.write(b" after")
    assert everything(second) == b"before after"
    second.close()


def test_room_is_written_in_place_up_to_the_wrap(fd):
    kept = Ring(fd)
    kept.write(b"x" * (SIZE + WINDOW - 10))
    room = kept.room(100)
    assert len(room) == 10
    room[:3] = b"abc"
    kept.advance(3)
    assert everything(kept)[-3:] == b"abc"
    room.release()
    kept.close()


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=3 * WINDOW), st.booleans()), max_size=8))
def test_what_a_killed_writer_had_read_and_not_counted_is_found(pieces):
    """A writer is killed after each read of a terminal that it did not count; what it read is never lost, nor there twice."""
    descriptor = ring.create(SIZE)
    kept, whole = Ring(descriptor), b""
    for piece, killed in pieces:
        room = kept.room(len(piece))
        read = piece[: len(room)].rstrip(ring.BLANK)
        room[: len(read)] = read
        room.release()
        whole += read
        if not killed:
            kept.advance(len(read))
        else:
            kept.close()
            kept = Ring(descriptor)
        assert kept.end == len(whole)
        assert everything(kept) == whole[-SIZE:]
    kept.close()
    os.close(descriptor)


def test_a_writer_that_is_killed_while_it_makes_room_leaves_nothing(fd):
    kept = Ring(fd)
    kept.write(b"x" * (SIZE + 2 * WINDOW))  # all of the memory has been written to
    end = kept.end
    kept.room(100).release()
    kept.close()
    kept = Ring(fd)
    assert kept.end == end
    kept.close()


@pytest.mark.parametrize("offset", [-1, 0, 10_001, 10_000 - SIZE - 1])
def test_what_is_not_there_is_refused(fd, offset):
    kept = Ring(fd)
    kept.write(b"y" * 10_000)
    with pytest.raises(ValueError, match="offset"):
        kept.read(offset, 1)
    kept.close()


def test_input_is_counted_by_client_and_outlives_the_mapping(fd):
    first = Ring(fd)
    assert first.accepted("tab-1") == 0
    assert first.accept("tab-1", 3) == 3
    assert first.accept("tab-2", 5) == 5
    assert first.accept("tab-1", 4) == 7
    assert first.accept("tab-1", -2) == 5 and first.accept("tab-1", 2) == 7 == first.accepted("tab-1")
    first.close()
    second = Ring(fd)
    assert (second.accepted("tab-1"), second.accepted("tab-2")) == (7, 5)
    second.close()


def test_the_client_unused_longest_makes_room(fd):
    kept = Ring(fd)
    for number in range(ring.SLOTS):
        kept.accept(f"tab-{number}", 1)
    kept.accept("tab-0", 1)
    kept.accept("newcomer", 9)
    assert kept.accepted("tab-0") == 2
    assert kept.accepted("tab-1") == 0
    assert kept.accepted("newcomer") == 9
    kept.close()


def test_who_has_a_copy_can_not_make_it_shorter(fd):
    kept = Ring(fd)  # else the next look at it would be a SIGBUS
    for size in (0, 1 << 30):
        with pytest.raises(PermissionError):
            os.ftruncate(fd, size)
    kept.write(b"still here")
    assert everything(kept) == b"still here"
    kept.close()


def test_memory_that_can_be_made_shorter_is_no_ring(fd):
    unsealed = os.memfd_create("other")
    os.sendfile(unsealed, fd, 0, os.fstat(fd).st_size)
    with pytest.raises(SandboxFailed, match="damaged"):
        Ring(unsealed)
    os.close(unsealed)


def test_a_damaged_ring_is_told(fd):
    os.pwrite(fd, b"garbage!", 0)
    with pytest.raises(SandboxFailed, match="damaged"):
        Ring(fd)


@pytest.mark.parametrize("size", [0, 100, 4097])
def test_sizes_are_powers_of_two(size):
    with pytest.raises(ValueError, match="power of two"):
        ring.create(size)
