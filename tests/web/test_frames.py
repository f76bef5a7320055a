"""Frames taken apart: whatever comes, however it is cut, as the `websockets` library's own parser has it."""

from __future__ import annotations

import os
import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from lab_server.web import frames
from lab_server.web.frames import BINARY, CLOSE, CONTINUED, PING, TEXT, Frames, Violation
from lab_server.web.protocol import Close

MOST = 1000  # bytes of a message in these tests

Messages = list[tuple[int, bytes]]
Outcome = tuple[Messages, int | None]  # what was said, and the code with which the connection is closed


def masked(first: int, payload: bytes, key: bytes = b"\x11\x22\x33\x44", length: int | None = None) -> bytes:
    """A client's frame. `length`: how many bytes its size takes (0, 2 or 8), by default as few as it can."""
    size = len(payload)
    if length is None:
        length = 0 if size < 126 else 2 if size < 1 << 16 else 8
    if length == 0:
        head = struct.pack("!BB", first, 0x80 | size)
    else:
        head = struct.pack("!BBH" if length == 2 else "!BBQ", first, 0x80 | (126 if length == 2 else 127), size)
    return head + key + bytes(byte ^ key[n % 4] for n, byte in enumerate(payload))


def ours(pieces: list[bytes]) -> Outcome:
    parser, said = Frames(MOST), []
    unfinished = False
    try:
        for piece in pieces:
            parser.feed(piece)
            while (message := parser.next()) is not None:
                if message[0] == CONTINUED:
                    unfinished = True
                    continue
                said.append(message)
                if message[0] == CLOSE:
                    code = frames.closed(message[1])
                    # a close amid a message is allowed (RFC 6455, 5.4 and 5.5); websockets takes it for a broken rule
                    return said, 1002 if unfinished else 1005 if code is None else code
                unfinished = unfinished and message[0] not in (TEXT, BINARY)
                if message[0] == TEXT:
                    message[1].decode()
    except Violation as why:
        return said, why.close.code
    except UnicodeDecodeError:
        return said, frames.NO_UTF8
    return said, None


def theirs(stream: bytes) -> Outcome:
    """The same by `websockets`, put together as uvicorn does."""
    protocol = ServerProtocol(max_size=MOST)
    protocol.state = State.OPEN
    protocol.parser = protocol.parse()
    next(protocol.parser)
    protocol.receive_data(stream)
    said: Messages = []
    kind, parts = 0, b""
    for event in protocol.events_received():
        assert isinstance(event, Frame)
        if event.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            if event.opcode is not Opcode.CONT:
                kind, parts = int(event.opcode), b""
            parts += bytes(event.data)
            if not event.fin:
                continue
            said.append((kind, parts))
            if kind == TEXT:
                try:
                    parts.decode()
                except UnicodeDecodeError:
                    return said, frames.NO_UTF8
        else:
            said.append((int(event.opcode), bytes(event.data)))
    if protocol.close_sent is not None:
        return said, int(protocol.close_sent.code)
    return said, None if protocol.close_rcvd is None else int(protocol.close_rcvd.code)


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    at = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(at)]


def same(stream: bytes, places: list[int]) -> None:
    # zeros behind it: an unmasked frame, on which each closes at last; and what one still waits for is there
    stream += bytes(MOST + 20)
    said, code = ours(cut(stream, places))
    expected, expected_code = theirs(stream)
    if said and said[-1][0] == CLOSE and code is not None and (not expected or expected[-1][0] != CLOSE):
        said.pop()  # a close that breaks the rules: ours gives it out before it is looked into
    if expected_code == 1009 and (said, code) != (expected, expected_code):
        # in the middle of a fragmented message it takes any other frame for too long as well, which isn't the size's fault
        assert said[: len(expected)] == expected and code is not None
        return
    assert (said, code) == (expected, expected_code)


sizes = st.one_of(st.integers(0, 130), st.sampled_from([125, 126, 127, 999, 1000, 1001, 65535]))
good = st.builds(
    lambda kind, final, size, key: masked(
        (0x80 if final else 0) | kind, os.urandom(size) if kind == 2 else b"x" * size, key
    ),
    st.sampled_from([CONTINUED, TEXT, BINARY, BINARY, PING, 10]),
    st.booleans(),
    sizes,
    st.binary(min_size=4, max_size=4),
)
any_frame = st.builds(
    lambda first, payload, key, wide: masked(first, payload, key, 8 if wide else None),
    st.integers(0, 255),
    st.binary(max_size=300),
    st.binary(min_size=4, max_size=4),
    st.booleans(),
)
closing = st.builds(
    lambda code, reason: masked(0x88, (struct.pack("!H", code) + reason)[: 125 if code else 1]),
    st.one_of(st.integers(0, 65535), st.sampled_from([1000, 1001, 1005, 1006, 1015, 3000, 4999])),
    st.one_of(st.just(b""), st.binary(max_size=20), st.text(max_size=20).map(str.encode)),
)
places = st.lists(st.integers(0, 1 << 16), max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(good, good, good, any_frame, closing), max_size=8).map(b"".join), places)
def test_any_frames_are_read_as_websockets_reads_them(stream: bytes, places: list[int]) -> None:
    same(stream, places)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), places)
def test_any_bytes_are_read_as_websockets_reads_them(stream: bytes, places: list[int]) -> None:
    same(stream, places)


def test_a_stream_is_read_the_same_wherever_it_is_cut() -> None:
    whole = [(TEXT, "für".encode()), (BINARY, b"k"), (PING, b"p"), (BINARY, bytes(range(200))), (BINARY, b"")]
    stream = (
        masked(0x01, "f\xfcr".encode()[:2])  # the letter is cut in two
        + masked(0x89, b"p")  # a control frame between two fragments
        + masked(0x80, "f\xfcr".encode()[2:])
        + masked(0x82, b"k")
        + masked(0x82, bytes(range(200)))
        + masked(0x82, b"")
    )
    expected = [whole[2], whole[0], whole[1], whole[3], whole[4]]
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1, 7):
            assert ours([stream[:first], stream[first:second], stream[second:]]) == (expected, None)
    assert ours([bytes((byte,)) for byte in stream]) == (expected, None)


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"\x82\xff" + struct.pack("!Q", MOST + 1), 1009),
        (b"\x82\xff" + b"\xff" * 8, 1009),
        (b"\x82\xfe" + struct.pack("!H", MOST + 1), 1009),
        (b"\x82\x01", 1002),  # not masked
        (b"\xc2\x81", 1002),  # a reserved bit
        (b"\x83\x81", 1002),  # no such kind
        (b"\x8b\x80", 1002),
        (b"\x80\x80", 1002),  # a continuation of nothing
        (b"\x09\x80", 1002),  # a control frame in fragments
        (b"\x89\xfe" + struct.pack("!H", 126), 1002),  # a long one
    ],
)
def test_what_is_wrong_is_refused_by_its_head_alone(head: bytes, code: int) -> None:
    parser = Frames(MOST)
    parser.feed(head)
    with pytest.raises(Violation) as why:
        parser.next()
    assert why.value.close.code == code


@settings(max_examples=300, deadline=None)
@given(st.one_of(good, any_frame, st.binary(max_size=140), good.map(lambda frame: frame + b"x")))
def test_a_key_is_what_the_parser_makes_of_it_or_none(stream: bytes) -> None:
    if (typed := frames.key(stream)) is not None:
        assert typed and ours([stream]) == ([(BINARY, typed)], None)


def test_a_key_is_seen_as_one() -> None:
    assert frames.key(masked(0x82, b"k")) == b"k" and frames.key(masked(0x82, b"x" * 125)) == b"x" * 125
    assert frames.key(masked(0x81, b"k")) is frames.key(masked(0x02, b"k")) is frames.key(b"") is None


def test_fragments_are_bounded_together() -> None:
    parser = Frames(MOST)
    parser.feed(masked(0x02, bytes(600)))
    assert parser.next() == (CONTINUED, b"")
    parser.feed(masked(0x00, bytes(400)))
    assert parser.next() == (CONTINUED, b"")
    parser.feed(masked(0x80, bytes(1)))
    with pytest.raises(Violation) as why:
        parser.next()
    assert why.value.close.code == 1009


def test_a_long_frame_byte_by_byte_takes_no_longer_than_its_length() -> None:
    """With a copy of everything at each byte, these would be 20 GB."""
    parser = Frames(1 << 20)
    stream = masked(0x82, bytes(200_000))
    for n, byte in enumerate(stream):
        parser.feed(bytes((byte,)))
        assert (parser.next() is None) == (n + 1 < len(stream))


@settings(deadline=None)
@given(st.integers(0, 70_000))
def test_heads_are_read_back_by_websockets(size: int) -> None:
    from websockets.streams import StreamReader

    reader = StreamReader()
    reader.feed_data(frames.head(BINARY, size) + bytes(size))
    try:
        next(Frame.parse(reader.read_exact, mask=False))
    except StopIteration as done:
        assert done.value == Frame(Opcode.BINARY, bytes(size))
    else:
        raise AssertionError("the frame is cut")


def test_a_close_has_a_code_and_a_reason_that_is_short_enough() -> None:
    payload = frames.close(Close(4400, "ä" * 200))
    assert len(payload) <= 125 and frames.closed(payload) == 4400 and payload[2:].decode().startswith("ää")
