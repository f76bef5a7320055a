"""The pure parts of bench/: numbers of rounds, verdicts, and frames as its client reads them. Nothing is measured here."""

from __future__ import annotations

import socket
import threading
from xml.etree import ElementTree

import pytest

from bench import plot
from bench.figures import Figure, cells, number, table
from bench.socket_client import BINARY, PING, PONG, TEXT, Connection, Gone, frame
from bench.stats import against, percentile, ratios, spread
from bench.throughput import works


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 1), (0.05, 1), (0.5, 10), (0.51, 11), (0.95, 19), (0.951, 20), (1, 20)]
)
def test_percentile_is_the_nearest_rank(share, expected):
    assert percentile([float(n) for n in range(20, 0, -1)], share) == expected


def test_percentile_refuses_what_has_no_answer():
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], 50)


def test_ratios_are_taken_round_by_round():
    # the machine was half as fast in the second round, for both: the ratio is the same
    assert ratios([10, 20], [5, 10]) == [2, 2]
    assert spread(ratios([1, 6, 2], [1, 2, 1])) == {"median": 2, "low": 1, "high": 3}


@pytest.mark.parametrize(("ours", "theirs"), [([1.0], [1.0, 2.0]), ([], [])])
def test_ratios_of_unequal_rounds_are_refused(ours, theirs):
    with pytest.raises(ValueError, match="rounds"):
        ratios(ours, theirs)


def test_a_peer_that_missed_a_round_is_not_compared():
    found = against({"ours": [2.0, 4.0], "whole": [1.0, 1.0], "broken": [1.0]}, "ours")
    assert found == {"whole": {"median": 3.0, "low": 2.0, "high": 4.0}}


@pytest.mark.parametrize(
    ("value", "target", "sense", "met"),
    [
        (2.0, 2.0, "most", True),
        (2.1, 2.0, "most", False),
        (2.1, 2.0, "least", True),
        (1.9, 2.0, "least", False),
        (None, 2.0, "most", None),
        (2.0, None, "most", None),
    ],
)
def test_a_target_is_met_or_not(value, target, sense, met):
    assert Figure("part", "name", value, "ms", target, sense).met is met


def test_what_was_not_measured_says_so_and_why():
    assert cells(Figure("p", "boot", None, "s", 25, note="no QEMU")) == ("boot", "≤ 25.0 s", "–", "not measured")
    assert "no QEMU" in table([Figure("p", "boot", None, "s", 25, note="no QEMU")])


def test_the_table_names_each_part_once_and_shouts_a_miss():
    lines = table(
        [Figure("A", "x", 3.0, "ms", 2), Figure("A", "y", 1.0, "ms"), Figure("B", "z", 1.0, "ms")]
    ).splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == ["A", "B"]
    assert [line.endswith("MISSED") for line in lines if " x " in line] == [True]


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.01234, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (1234.5, "1234")]
)
def test_numbers_have_about_three_digits(value, shown):
    assert number(value) == shown


def test_the_size_of_each_work_is_what_a_terminal_makes_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.throughput.SEQ", 1203)
    monkeypatch.setattr("bench.throughput.CAT_LINES", 3)
    by_name = {work.name: work for work in works(tmp_path)}
    assert by_name["seq"].size == sum(len(f"{n}\r\n") for n in range(1, 1204))
    text = (tmp_path / "big.txt").read_bytes()
    assert by_name["cat"].size == len(text.replace(b"\n", b"\r\n"))


def _served(chunks: list[bytes]) -> Connection:
    """A connection to a server that accepts it and then sends these, each in a segment of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]

    def serve() -> None:
        with listener, listener.accept()[0] as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while not peer.recv(4096).endswith(b"\r\n\r\n"):
                pass
            peer.sendall(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            for chunk in chunks:
                peer.sendall(chunk)

    threading.Thread(target=serve, daemon=True).start()
    return Connection(port, "/", {})


def _unmasked(kind: int, data: bytes) -> bytes:
    whole = frame(kind, data)
    head = len(whole) - len(data) - 4
    return bytes([whole[0], whole[1] & 127]) + whole[2:head] + data


@pytest.mark.parametrize("cut", [1, 3, 7, 65536])
def test_frames_are_read_whole_however_they_are_cut(cut):
    sent = [(TEXT, b'{"a":1}'), (BINARY, b""), (BINARY, b"x" * 200), (BINARY, b"y" * 70000), (BINARY, b"ENDMARK")]
    stream = b"".join(_unmasked(kind, data) for kind, data in sent)
    connection = _served([stream[n : n + cut] for n in range(0, len(stream), cut)])
    heard: list[tuple[int, bytes]] = []
    part = b""

    def hear(kind: int, piece: memoryview, last: bool) -> None:
        nonlocal part
        part += bytes(piece)
        if last:
            heard.append((kind, part))
            part = b""

    connection.hear = hear
    connection.until(b"ENDMARK", 20)
    connection.close()
    assert heard == [(kind, data) for kind, data in sent if data]
    assert connection.payload == sum(len(data) for _, data in sent)


def test_a_ping_is_answered_even_an_empty_one():
    here, there = socket.socketpair()
    connection = Connection.__new__(Connection)
    connection._socket, connection._buffer, connection.hear = here, bytearray(4096), None
    connection._head, connection._left, connection._kind, connection._tail, connection._ping = b"", 0, 0, b"", b""
    connection.payload = 0
    there.sendall(_unmasked(PING, b"") + _unmasked(PING, b"abc") + _unmasked(BINARY, b"END"))
    connection.until(b"END", 20)
    assert there.recv(4096) == frame(PONG, b"") + frame(PONG, b"abc")
    connection.close()
    there.close()


def test_a_plot_has_a_bar_for_each_peer_in_its_own_scale():
    rounds = {"ours": {"median": 2.0, "low": 1.0, "high": 4.0}, "<other>": {"median": 1.0, "low": 1.0, "high": 1.0}}
    figures = [
        Figure("A", "`cat`: output", 2.0, "MB/s", sense="least", detail=rounds),
        Figure("A", "alone", 3.0, "ms", detail={"ours": {"median": 1, "low": 1, "high": 1}}),
        Figure("A", "no rounds", None, "ms"),
    ]
    drawn = ElementTree.fromstring(plot.svg(figures))
    space = "{http://www.w3.org/2000/svg}"
    bars = [float(bar.get("width") or 0) for bar in drawn.iter(f"{space}rect") if bar.get("fill")]
    assert len(bars) == 2 and bars[0] == 2 * bars[1] == (plot.WIDTH - plot.LABEL - plot.VALUE) / 2
    words = [text.text for text in drawn.iter(f"{space}text")]
    assert (
        "cat: output, MB/s (more is better)" in words
        and "<other>" in words
        and not any("alone" in w for w in words if w)
    )


def test_a_mark_that_is_cut_in_two_is_found():
    connection = _served([_unmasked(BINARY, b"...ENDM"), _unmasked(BINARY, b"ARK...")])
    connection.until(b"ENDMARK", 20)
    connection.close()


def test_a_server_that_goes_away_is_told_apart_from_a_slow_one():
    connection = _served([_unmasked(BINARY, b"no mark")])
    with pytest.raises(Gone, match="closed"):
        connection.until(b"ENDMARK", 20)
    connection.close()
