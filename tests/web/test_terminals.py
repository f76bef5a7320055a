"""Terminals over a real websocket, from a real shell on a real PTY behind the real spawner: on a line, and by plain ASGI."""

from __future__ import annotations

import hashlib
import os
import re
import resource
import signal
import time
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin

from lab_server.sandbox import ring
from lab_server.web import protocol
from tests.conftest import LESSON, Make, Server
from tests.shell import eventually
from tests.web.learner import Learner, Terminal, refusal


@pytest.fixture(params=[True, False], ids=["line", "plain"])
def make_server(request: pytest.FixtureRequest, make_server: Make) -> Make:
    """The servers of conftest.py, which give their transport away or don't."""
    return partial(make_server, takeover=request.param)


@pytest.fixture
def server(make_server: Make) -> Server:
    return make_server()


@pytest.fixture
def learner(server: Server) -> Learner:
    return Learner(server)


def pid(terminal: Terminal) -> int:
    terminal.type("echo pid=$$=\n")
    terminal.until(b"\x07pid=")
    terminal.until(b"=\r\n", start=terminal.said.rindex(b"\x07pid="))
    return int(terminal.said.split(b"\x07pid=")[-1].split(b"=")[0])


def children(process: int) -> set[str]:
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == process and rest.split()[0] != "Z":
            found.add(name)
    return found


def test_a_command_runs_and_its_marks_arrive(learner: Learner) -> None:
    with learner.terminal(learner.start()) as terminal:
        assert terminal.hello["output"] == 0 and terminal.hello["input"] == 0 and terminal.hello["end"] >= 0
        terminal.type("echo $((6*7)); false\n")
        terminal.until(b"42\r\n")
        terminal.until(b"\x1b]133;D;1\x07")
        assert b"\x1b]133;C\x07" in terminal.said
        assert terminal.message("accepted")["input"] == len("echo $((6*7)); false\n")


def test_what_is_sent_before_hello_is_not_lost(learner: Learner) -> None:
    """The page waits for `hello`; who doesn't is heard all the same, in order, whoever reads the connection by then."""
    with learner.connect(learner.start()) as socket:
        for n in range(30):
            socket.send(f"echo n{n}''\n".encode())
        terminal = Terminal(socket)
        terminal.until(b"n29\r\n")
        # what the terminal echoes of the keys has quotes before its line's end, and may stand anywhere between
        assert [int(n) for n in re.findall(rb"n(\d+)\r\n", terminal.said)] == list(range(30))


def test_ping_is_answered(learner: Learner) -> None:
    with learner.terminal(learner.start()) as terminal:
        terminal.say(type="ping")
        terminal.message("pong")


def test_the_end_of_the_shell_is_told(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        terminal.type("exit 7\n")
        told = terminal.message("exit")
        assert told["code"] == 7 and told["reason"]
        assert terminal.closed() == protocol.CLOSE_DONE
    with learner.terminal(id) as again:
        assert again.hello["terminal"] != terminal.hello["terminal"]
        again.type("echo new$((1+1))\n")
        again.until(b"new2")


def test_reload_replays_and_reconnect_resumes_to_the_byte(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as first:
        first.type("seq 1 2000; echo done$((1+1))\n")
        first.until(b"done2")
        first.until(b"133;B", start=first.said.index(b"done2"))
        whole, offset = first.said, first.offset
    with learner.terminal(id, client="reloaded") as again:
        assert again.hello["terminal"] == first.hello["terminal"]
        assert again.hello["output"] == 0 and again.hello["end"] >= len(whole)
        again.until(whole[-100:])
        assert again.said.startswith(whole)
    half = offset // 2
    with learner.terminal(id, more=f"&output={half}&terminal={first.hello['terminal']}") as resumed:
        assert resumed.hello["output"] == half
        assert resumed.hello["input"] == len("seq 1 2000; echo done$((1+1))\n")
        resumed.until(whole[half:])
        assert resumed.said.startswith(whole[half:])


def test_an_offset_of_another_shell_means_nothing(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id, more="&output=5&terminal=another") as terminal:
        assert terminal.hello["output"] == 0


def test_two_viewers_see_the_same_and_both_type(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id, client="one") as one, learner.terminal(id, client="two") as two:
        one.type("echo fr''om-one\n")
        two.until(b"from-one\r\n")
        two.type("echo fr''om-two\n")
        one.until(b"from-two\r\n")
        two.until(b"from-two\r\n")
        assert one.message("accepted")["input"] == len("echo fr''om-one\n")


def test_a_second_connection_of_a_page_replaces_the_first(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as old:
        old.type("echo one\n")
        old.until(b"\x07one\r\n")
        with learner.terminal(id) as new:
            assert new.hello["input"] == len("echo one\n")
            assert old.closed() == protocol.CLOSE_REPLACED


def test_who_asked_last_decides_the_size_and_the_others_are_told(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id, client="one") as one, learner.terminal(id, client="two") as two:
        assert one.message("size") | {"type": ""} == {"type": "", "cols": 80, "rows": 24}  # two attached
        one.say(type="resize", cols=132, rows=50)
        while (told := two.message("size"))["cols"] == 80:  # of one's attaching, which may have taken its time
            pass
        assert told == {"type": "size", "cols": 132, "rows": 50}
        two.type('while [ "$(stty size)" != "50 132" ]; do sleep 0.05; done; echo si\'\'zed\n')
        one.until(b"sized")
        assert [message for message in one.messages if message["type"] == "size"] == []  # who asked knows


def test_a_shell_whose_ring_is_an_earlier_versions_is_followed_by_a_new_one(
    learner: Learner, monkeypatch: pytest.MonkeyPatch
) -> None:
    create, made = ring.create, 0

    def earlier(capacity: int = ring.DEFAULT_CAPACITY) -> int:
        nonlocal made
        made += 1
        if made > 1:
            return create(capacity)
        fd = os.memfd_create("an earlier version's")
        os.ftruncate(fd, 1 << 20)
        return fd

    monkeypatch.setattr(ring, "create", earlier)
    with learner.terminal(learner.start()) as terminal:
        terminal.type("echo he''re\n")
        terminal.until(b"here")
    assert made == 2


def test_the_size_follows_and_nonsense_is_clamped(learner: Learner) -> None:
    with learner.terminal(learner.start()) as terminal:
        for columns in range(2, 200):
            terminal.say(type="resize", cols=columns, rows=40)
        terminal.say(type="resize", cols=133, rows=50)
        terminal.type('while [ "$(stty size)" != "50 133" ]; do sleep 0.05; done; echo si\'\'zed\n')
        terminal.until(b"sized")
        for nonsense in (0, -1, 65535, 1e9, float("nan"), float("-inf")):
            terminal.say(type="resize", cols=nonsense, rows=nonsense)
        terminal.say(type="resize", cols=1_000_000, rows=1_000_000)
        terminal.type('while [ "$(stty size)" != "500 1000" ]; do sleep 0.05; done; echo cl\'\'amped\n')
        terminal.until(b"clamped")


@pytest.mark.parametrize(
    "frame",
    [
        "nonsense",
        "[]",
        "{}",
        '{"type":"fly"}',
        '{"type":"ack","output":-1}',
        '{"type":"resize","cols":"x"}',
        "[" * 3000,
    ],
)
def test_what_is_not_understood_closes_with_4400(learner: Learner, frame: str) -> None:
    with learner.terminal(learner.start()) as terminal:
        terminal.socket.send(frame)
        assert terminal.closed() == protocol.CLOSE_NOT_UNDERSTOOD


def test_text_that_is_no_utf8_closes(learner: Learner, capfd: pytest.CaptureFixture[str]) -> None:
    with learner.terminal(learner.start()) as terminal:
        terminal.socket.send(b"\xff\xfe", text=True)
        assert terminal.closed() == 1007


def test_a_frame_over_the_limit_closes_with_1009(learner: Learner) -> None:
    with learner.terminal(learner.start()) as terminal:
        with pytest.raises(ConnectionClosed):
            terminal.socket.send(bytes(64 << 20))
            terminal.closed()
            raise ConnectionClosed(None, None)
        assert terminal.socket.close_code in (protocol.CLOSE_TOO_BIG, 1006)


def test_a_frame_just_over_the_limit_says_so(learner: Learner) -> None:
    with learner.terminal(learner.start()) as terminal:
        terminal.socket.send(bytes(protocol.MAX_FRAME + 1))
        assert terminal.closed() == protocol.CLOSE_TOO_BIG


@pytest.mark.parametrize(
    "query",
    [
        "client=",
        "client=a%20b",
        "",
        "client=a&output=-1",
        "client=a&cols=x",
        "client=a&image=evil",
        "client=" + "x" * 65,
    ],
)
def test_a_query_that_is_wrong_closes_with_4400(learner: Learner, query: str) -> None:
    with learner.connect(learner.start(), query=query) as socket:
        assert refusal(socket) == protocol.CLOSE_NOT_UNDERSTOOD


@pytest.mark.parametrize("origin", ["http://evil.example", "null", None, "http://127.0.0.1:1"])
def test_a_foreign_origin_is_refused_before_it_is_accepted(learner: Learner, origin: str | None) -> None:
    headers = {"Cookie": learner.cookie, "X-Forwarded-Host": "evil.example"}
    with pytest.raises(InvalidStatus) as refused:
        learner.connect(learner.start(), origin=Origin(origin) if origin else None, additional_headers=headers)
    assert refused.value.response.status_code == 403
    assert b'"refused"' in refused.value.response.body


def test_without_a_cookie_4401(learner: Learner) -> None:
    with learner.connect(learner.start(), additional_headers={}) as socket:
        assert refusal(socket) == protocol.CLOSE_NOT_SIGNED_IN


def test_another_learners_sandbox_or_an_unknown_session_is_4404(server: Server, learner: Learner) -> None:
    id = learner.start()
    with Learner(server).connect(id) as socket:
        assert refusal(socket) == protocol.CLOSE_NOT_FOUND
    for session in ("nowhere", "UPPER", "..", "x" * 40):
        with learner.connect(id, session) as socket:
            assert refusal(socket) == protocol.CLOSE_NOT_FOUND


def test_a_learner_has_so_many_terminals_and_no_more(make_server: Make) -> None:
    learner = Learner(make_server(sockets=2))
    id = learner.start()
    with learner.terminal(id, client="a"), learner.terminal(id, client="b") as second:
        with learner.connect(id, query="client=c") as third:
            assert refusal(third) == protocol.CLOSE_TOO_MANY
        second.type("echo st''ill\n")
        second.until(b"still")
    eventually(lambda: _connects(learner, id), "a place is free again")


def _connects(learner: Learner, id: str) -> bool:
    try:
        with learner.terminal(id, client="again"):
            return True
    except (ConnectionClosed, TimeoutError):
        return False


def test_an_address_has_so_many_sockets_and_no_more(make_server: Make) -> None:
    learner = Learner(make_server(address_sockets=1))
    id = learner.start()
    with learner.terminal(id), pytest.raises(InvalidStatus) as refused:
        learner.connect(id, query="client=b")
    assert refused.value.response.status_code == 429


def test_a_stalled_reader_costs_no_memory_and_ctrl_c_gets_through(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        shell = pid(terminal)
        terminal.acknowledge = False
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        terminal.type("yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n")
        eventually(lambda: "yes" in children(shell), "the flood begins")
        eventually(_Stuck(shell), "the flood is stopped by its reader")
        terminal.type("\x03")  # how fast it must be is held by scripts/bench
        eventually(lambda: "yes" not in children(shell), "Ctrl-C ends it")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16 * 1024  # KiB
        assert len(terminal.said) <= protocol.MAX_BEHIND + 2 * 65536


class _Stuck:
    """Whether `yes` waits for the terminal to be read: asleep, and given no processor time from one look to the next."""

    def __init__(self, shell: int) -> None:
        self._shell, self._spent, self._same = shell, -1, 0

    def __call__(self) -> bool:
        asleep, spent = self._look()
        self._same = self._same + 1 if asleep and spent == self._spent else 0
        self._spent = spent
        return self._same >= 5

    def _look(self) -> tuple[bool, int]:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
            except OSError:
                continue
            fields = rest.split()
            if name == "yes" and int(fields[1]) == self._shell:
                return fields[0] == "S", int(fields[11]) + int(fields[12])
        return False, -1


def test_a_slow_viewer_never_blocks_another_and_is_told_of_the_gap(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id, client="slow") as slow, learner.terminal(id, client="fast") as fast:
        slow.acknowledge = False
        fast.type("head -c 3000000 /dev/zero | tr '\\0' 'x' | fold -w 99; echo do''ne\n")
        fast.until(b"done")
        while slow.offset - slow._acked < protocol.MAX_BEHIND:
            slow.take()
        slow.ack()
        slow.acknowledge = True
        assert slow.message("gap")["output"] > 1 << 20
        slow.until(b"done")


def test_without_a_viewer_the_shell_goes_on(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        terminal.type("cd; seq 1 30000; touch finished\n")
        terminal.until(b"100\r\n")
    home = learner.server.driver.sandboxes[id].home
    eventually((home / "finished").exists, "what ran unwatched is finished")


def test_a_frame_storm_is_slowed_and_nothing_of_it_lost(learner: Learner) -> None:
    with learner.terminal(learner.start()) as terminal:
        terminal.type("stty raw -echo; head -c 3000 | md5sum; stty sane\n")
        terminal.until(b"133;C")
        began = time.monotonic()
        for _ in range(3000):
            terminal.socket.send(b"k")
        terminal.until(b"  -")
        assert time.monotonic() - began > 2  # 3000 frames at 400 a second, 1200 of them at once
        assert hashlib.md5(b"k" * 3000).hexdigest().encode() in terminal.said


def test_input_that_nobody_reads_is_bounded_and_never_doubled(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        terminal.type("stty raw -echo; echo re''ady; sleep 1000\n")
        terminal.until(b"ready")
        sent = 0
        with pytest.raises(ConnectionClosed):
            while sent < 8 << 20:
                terminal.socket.send(b"z" * 65536)
                sent += 65536
            terminal.closed()
            raise ConnectionClosed(None, None)
        assert sent <= 8 << 20
    assert terminal.socket.close_code == protocol.CLOSE_TOO_MANY
    with learner.terminal(id) as again:
        assert 0 < again.hello["input"] < sent


def test_web_is_killed_and_the_terminal_lives_on(learner: Learner) -> None:
    """The web process's side of it: everything in memory is lost, the spawner has the terminal."""
    server = learner.server
    id = learner.start()
    with learner.terminal(id) as terminal:
        shell = pid(terminal)
        terminal.type("echo be''fore\n")
        terminal.until(b"before\r\n")
        terminal.until(b"133;B", start=terminal.said.rindex(b"before"))
        input, offset = terminal.hello["input"], terminal.offset
        server.stop_web()
        assert terminal.closed() in (1012, 1006)
    server.start_web()
    assert learner.http.get("/api/me").json()["sandbox"]["id"] == id
    learner.wait(id)
    with learner.terminal(id, more=f"&output={offset}") as again:
        assert again.hello["terminal"] == terminal.hello["terminal"]
        assert again.hello["output"] == offset and again.hello["input"] > input
        assert pid(again) == shell
        assert b"before" not in again.said


def test_a_sandbox_that_dies_is_explained_and_can_be_reset(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        shell = pid(terminal)
        learner.server.driver.sandboxes[id].gone = True
        os.kill(shell, signal.SIGKILL)
        assert terminal.message("exit")["code"] == 137
        assert terminal.closed() == protocol.CLOSE_ENDED
    learner.wait(id, "failed")
    assert "Reset" in learner.http.get(f"/api/sandboxes/{id}").json()["detail"]
    assert learner.http.post(f"/api/sandboxes/{id}/reset").json()["id"] == id
    learner.wait(id)
    with learner.terminal(id) as terminal:
        terminal.type("echo al''ive\n")
        terminal.until(b"alive")


def test_reset_ends_the_terminals_and_what_was_in_them(learner: Learner) -> None:
    id = learner.start()
    with learner.terminal(id) as terminal:
        terminal.type("touch mine\n")
        home = learner.server.driver.sandboxes[id].home
        eventually((home / "mine").exists)
        assert learner.http.post(f"/api/sandboxes/{id}/reset").status_code == 200
        assert "reset" in terminal.message("exit")["reason"]
        assert terminal.closed() == protocol.CLOSE_ENDED
    learner.wait(id)
    assert not home.exists()
    with learner.terminal(id) as terminal:
        assert terminal.hello["input"] == 0
        terminal.type("ls -A | grep -c mine\n")
        terminal.until(b"\x070\r\n")


def test_a_sandbox_that_is_not_ready_is_4409(make_server: Make) -> None:
    from tests.fakes import SlowDriver

    learner = Learner(make_server(SlowDriver()))
    id = learner.http.post("/api/sandboxes", json={"lesson": LESSON}).json()["id"]
    with learner.connect(id) as socket:
        assert refusal(socket) == protocol.CLOSE_NOT_READY


def test_a_sandbox_that_vanished_breaks_the_terminal_with_a_reason(make_server: Make) -> None:
    from tests.fakes import VanishingDriver

    learner = Learner(make_server(VanishingDriver()))
    with learner.connect(learner.start()) as socket:
        assert refusal(socket) == protocol.CLOSE_BROKEN
        assert "gone" in (socket.close_reason or "")
