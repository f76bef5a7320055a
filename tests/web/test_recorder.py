"""Terminals recorded, through the whole server with real shells: when it begins and ends, what is in it and what is not, what breaks."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from lab_server.errors import HostFull
from lab_server.web import cast, protocol, tapes
from lab_server.web.clock import Clock
from lab_server.web.recorder import FULL
from lab_server.web.take import AT_ONCE
from lab_server.web.tapes import Tapes
from tests.conftest import Make, Server
from tests.shell import eventually
from tests.web.instructor import Instructor, instructor
from tests.web.learner import Learner, Terminal
from tests.web.recorded import (
    agree,
    agreed,
    asking,
    ended,
    events,
    files,
    knows,
    lines,
    printed,
    recorder,
    recordings,
    written,
)
from tests.web.test_classes import join, joined

Json = dict[str, Any]


@pytest.fixture
def ina(server: Server) -> Instructor:
    return instructor(server)


def terminal(who: Learner, sandbox: str = "", session: str = "host") -> Terminal:
    made = who.terminal(sandbox or who.start(), session)
    made.until(b"$ ")
    return made


def say(page: Terminal, word: str) -> None:
    """Have the shell print a word that nobody typed."""
    page.type(f"echo {word[:2]}''{word[2:]}\n")
    page.until(word.encode())


def takes(server: Server) -> list[Any]:
    return list(recorder(server)._takes.values())


# --- when ---


def test_what_a_terminal_prints_is_recorded_and_nothing_else(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        say(page, "hello")
        page.type("read -sp 'Pass''word:' secret && echo got''it\n")
        page.until(b"Password:")
        page.type("hunter2\n")  # which no terminal shows
        page.until(b"gotit")
        page.say(type="resize", cols=100, rows=30)
        page.type('until [ "$(stty size)" = "30 100" ]; do :; done; stty size\n')
        page.until(b"30 100\r\n")
        file = written(server, "30 100\r\n")
        (one,) = recordings(ina, of)
        assert (one["name"], one["session"], one["ended"]) == ("Ann", "host", None) and one["bytes"] > 0
    head, *_ = lines(file)
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24) and abs(head["timestamp"] - time.time()) < 60
    assert {event[1] for event in lines(file)[1:]} == {"o", "r"} and [event[2] for event in events(file, "r")] == [
        "100x30"
    ]
    assert "hello" in printed(file) and "hunter2" not in file.read_text()
    times = [event[0] for event in lines(file)[1:]]
    assert times == sorted(times) and times[0] >= 0
    assert "Ann" not in file.read_text() and ann.id not in file.read_text()
    assert oct(file.stat().st_mode & 0o777) == "0o600"


def test_nobody_is_recorded_who_did_not_agree_or_whom_nobody_asks(server: Server, ina: Instructor) -> None:
    of, other = asking(ina), ina.make("Another")
    ann, bob = agreed(server, of), joined(server, of, "Bob")
    cy = joined(server, other, "Cy")
    assert agree(cy, other) == 409 and agree(cy, of) == 404 and agree(Learner(server), of) == 404
    with terminal(bob) as one, terminal(cy) as two, terminal(ann) as three:
        for page, word in ((one, "bobs-word"), (two, "cys-word"), (three, "anns-word")):
            say(page, word)
        written(server, "anns-word")
    assert len(files(server)) == 1 and [one["name"] for one in recordings(ina, of)] == ["Ann"]
    assert recordings(ina, other) == []


def test_what_was_printed_before_consent_is_not_recorded(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ann = joined(server, of, "Ann")
    with terminal(ann) as page:
        say(page, "before")
        assert agree(ann, of) == 204
        eventually(lambda: recorder(server)._takes, "it begins")
        say(page, "after-it")
        assert "before" not in printed(written(server, "after-it"))


def test_consent_taken_back_in_the_middle_of_a_line_ends_it_there(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        page.type("printf '%s' mid''dle; read x; echo re''st; printf 'ne''ver\\n'\n")
        page.until(b"middle")
        assert agree(ann, of, False) == 204
        page.type("\n")
        page.until(b"never")
        (one,) = ended(ina, of)
        say(page, "later-on")
    (file,) = files(server)
    assert printed(file).endswith("middle") and file.stat().st_size == one["bytes"]
    assert one["ended"] >= one["begun"]
    assert recordings(ina, of) == [one], "what was agreed to stays"
    assert agree(ann, of) == 204
    knows(server, ann, of)
    with terminal(ann, ann.http.get("/api/me").json()["sandbox"]["id"]) as page:
        say(page, "once-more")
        eventually(lambda: len(files(server)) == 2, "another recording begins")


def test_half_a_character_is_whole_in_the_next_line_or_replaced_at_the_end() -> None:
    writer, euro = cast.Writer(), "€".encode()
    first = writer.lines([(0.5, "o", b"a" + euro[:2])])
    second = writer.lines([(0.7, "o", euro[2:] + euro[:1])], last=True)
    assert first == [b'[0.5,"o","a"]\n'] and second == ['[0.7,"o","€"]\n'.encode(), '[0.7,"o","\ufffd"]\n'.encode()]
    assert cast.Writer().lines([(1, "o", b'\x1b[0m"\x00\xff\n')]) == [
        '[1,"o","\\u001b[0m\\"\\u0000\ufffd\\n"]\n'.encode()
    ]


@pytest.mark.parametrize("how", ["close", "stop asking", "leave", "take out", "delete"])
def test_it_ends_with_the_class_the_membership_or_the_asking(server: Server, ina: Instructor, how: str) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        say(page, "so-far")
        written(server, "so-far")
        of = ina.get(of)
        if how == "close":
            ina.change(of, state="closed")
        elif how == "stop asking":
            ina.change(of, limits={"record": False})
        elif how == "leave":
            ann.http.delete(f"/api/memberships/{of['id']}")
        elif how == "take out":
            (member,) = ina.roster(of)
            ina.http.delete(f"/api/classes/{of['id']}/learners/{member['id']}")
        else:
            ina.http.delete(f"/api/classes/{of['id']}")
        eventually(lambda: not recorder(server)._takes, "it ends")
        say(page, "no-more")
        if how in ("close", "stop asking"):
            assert len(ended(ina, of)) == 1
            assert "no-more" not in printed(files(server)[0])
        else:  # the member is gone, and so is what was recorded of them
            eventually(lambda: not files(server), "the file goes with its member")
    if how == "stop asking":  # who asks again asks everybody
        ina.change(ina.get(of), limits={"record": True})
        (told,) = ann.http.get("/api/memberships").json()["classes"]
        assert told["recording"] == {"asked": True, "consented": False, "kept": 1}


def test_a_shell_that_ends_is_recorded_to_its_last_word(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        page.type("echo last''word; exit\n")
        assert page.closed() == protocol.CLOSE_DONE
    (one,) = ended(ina, of)
    assert "lastword" in printed(files(server)[0]) and files(server)[0].stat().st_size == one["bytes"]


def test_a_recorder_is_no_watcher(server: Server, ina: Instructor) -> None:
    """A terminal that nobody watches is read at its modest rate, and one whose watcher is behind isn't read: also when it is recorded."""
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        page.acknowledge = False
        page.type("yes wait-for-me | head -c 3000000; echo the-''end\n")
        while page.offset - page._acked < protocol.MAX_BEHIND:
            page.take()
        (bridge,) = recorder(server)._hub.bridges().values()
        assert len(bridge.viewers) == 1
        eventually(lambda: bridge.ring.end - page._acked >= protocol.MAX_BEHIND, "it is not read any more")
        held = bridge.ring.end
        eventually(lambda: all(take.offset == held for take in recorder(server)._takes.values()), "it is recorded")
        assert bridge.ring.end == held, "the recorder asks for no more"
        page.acknowledge = True
        page.ack()
        page.until(b"the-end")


# --- how much ---


def test_a_terminal_that_prints_50_mb_is_recorded_as_far_as_that_goes_and_its_watcher_served(
    make_server: Make,
) -> None:
    server = make_server(recording_mib=1)
    ina = instructor(server)
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        page.type("yes 0123456789abcdef | head -c 50000000; echo the-''end\n")
        while b"the-end" not in page.said:
            page.said = page.said[-64:]  # a page forgets, too
            page.take()
        assert agree(ann, of, False) == 204
        (one,) = ended(ina, of)
        say(page, "goes-on")
    (file,) = files(server)
    assert file.stat().st_size == one["bytes"] <= 1 << 20 and events(file, "m"), "what is missing is marked"


def test_a_recording_ends_at_its_size_and_is_not_begun_anew(make_server: Make) -> None:
    server = make_server(recording_mib=1)
    ina = instructor(server)
    of = asking(ina)
    with terminal(agreed(server, of)) as page:
        for n in range(6):  # each of them less than the ring holds, so that none is missed
            page.type(f"yes 0123456789abcdef | head -c 300000; echo the-''end-{n}\n")
            page.until(f"the-end-{n}".encode())
            page.said = b""
            eventually(lambda: all(take.offset == take.bridge.ring.end for take in takes(server)), "it is taken")
        (one,) = ended(ina, of)
        say(page, "goes-on")
    (file,) = files(server)
    assert 900_000 < one["bytes"] == file.stat().st_size <= 1 << 20
    assert events(file, "m")[-1][2] == FULL and lines(file)[-1][1] == "m"


def test_what_it_cannot_keep_up_with_is_a_gap(make_server: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lab_server.web.take.WAITING", AT_ONCE)
    monkeypatch.setattr("lab_server.web.recorder.WRITE", 3600.0)  # a disk that takes nothing for a while
    server = make_server()
    ina = instructor(server)
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        eventually(lambda: recorder(server)._takes, "it is recorded from its beginning")
        (take,) = recorder(server)._takes.values()
        page.type(f"yes 0123456789abcdef | head -c {2 * AT_ONCE}\n")
        # else it may fall behind and go on after the gap, before that is seen here
        eventually(lambda: take.waiting >= AT_ONCE, "it takes no more")
        page.type("yes 0123456789abcdef | head -c 3000000; echo the-''end\n")
        page.until(b"the-end")
        assert take.waiting < 3 * AT_ONCE
        eventually(lambda: take.offset < take.bridge.ring.start, "it has fallen behind")
        take.take()
        say(page, "later")
        eventually(lambda: any(kind == "m" for _, kind, _ in take.events), "it goes on after a gap")
        marks = [what for _, kind, what in take.events if kind == "m"]
        assert len(marks) == 1 and marks[0].endswith("bytes are missing: too much was printed at once")


def test_all_recordings_together_are_limited(make_server: Make) -> None:
    server = make_server(recordings_mib=0)
    ina = instructor(server)
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        say(page, "unheard")
        assert not recorder(server)._takes
    assert recordings(ina, of) == [] and files(server) == []


# --- what breaks ---


class FullDisk(Tapes):
    """Takes half of what is to be written, then nothing more, as a disk does that is full."""

    def append(self, id: str, lines: bytes) -> None:
        real = os.write

        def write(file: int, data: Any) -> int:
            if getattr(self, "half", False):
                raise OSError(28, "No space left on device")
            self.half = True
            return real(file, data[: len(data) // 2])

        tapes.os.write = write  # type: ignore[attr-defined]
        try:
            super().append(id, lines)
        finally:
            tapes.os.write = real  # type: ignore[attr-defined]


def test_a_full_disk_leaves_whole_lines(tmp_path: Path) -> None:
    name = "0" * 24
    Tapes(tmp_path / "r").append(name, b'{"version":2}\n')
    with pytest.raises(HostFull, match=r"can't be written: No space left on device\. Free some disk space"):
        FullDisk(tmp_path / "r").append(name, b'[1,"o","lost"]\n')
    assert Tapes(tmp_path / "r").path(name).read_bytes() == b'{"version":2}\n'


def test_a_full_disk_ends_the_recording_and_no_shell(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        say(page, "so-far")
        file = written(server, "so-far")
        recorder(server)._tapes = FullDisk(server.settings.recordings)
        say(page, "does-not-fit")
        (one,) = ended(ina, of)
        say(page, "goes-on")
    assert "does-not-fit" not in printed(file) and file.stat().st_size == one["bytes"]


@pytest.mark.parametrize("torn", ["", '[99.5,"o","to', '[99.5,"o","torn"]'])
def test_a_web_that_was_killed_leaves_a_file_that_plays_and_the_next_goes_on_in_another(
    server: Server, ina: Instructor, torn: str
) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        say(page, "before")
        written(server, "before")
        there = recorder(server)
        there._finish = lambda key: there._takes.pop(key)  # killed: nothing of what it does at its end
        server.stop_web()
    (file,) = files(server)
    with file.open("a") as end:
        end.write(torn)
    server.start_web()
    eventually(lambda: ina.http.get(f"/api/classes/{of['id']}").status_code == 200, "the server is back")
    (one,) = ended(ina, of)
    assert lines(file)[-1][1] == "o" and one["ended"] == pytest.approx(one["begun"] + lines(file)[-1][0])
    knows(server, ann, of)
    with ann.terminal(ann.http.get("/api/me").json()["sandbox"]["id"]) as page:
        say(page, "afterwards")
        eventually(lambda: len(files(server)) == 2, "it goes on in a new recording")
        eventually(lambda: any("afterwards" in printed(one) for one in files(server)), "and that is written")
    assert "afterwards" not in printed(file)


def test_a_server_that_stops_writes_what_there_is(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    with terminal(agreed(server, of)) as page:
        say(page, "at-the-end")
        server.stop_web()
    (file,) = files(server)
    assert "at-the-end" in printed(file)
    server.start_web()
    (one,) = [one for one in recordings(ina, of) if one["ended"]]
    assert one["bytes"] == file.stat().st_size


def test_a_database_that_is_away_keeps_nobody_recorded_who_takes_it_back(server: Server, ina: Instructor) -> None:
    of = asking(ina)
    ann = agreed(server, of)
    with terminal(ann) as page:
        say(page, "so-far")
        file = written(server, "so-far")
        database = server.settings.web_data / "course.sqlite3"
        with sqlite3.connect(database, isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert agree(ann, of, False) == 503
            assert not recorder(server)._takes
            say(page, "unheard")
            other.execute("ROLLBACK")
        eventually(
            lambda: (ann.id not in recorder(server)._agreed) or not recorder(server)._agreed[ann.id], "still not"
        )
        assert agree(ann, of, False) == 204
        (one,) = ended(ina, of)
    assert "unheard" not in printed(file) and file.stat().st_size == one["bytes"]


def test_clocks_that_are_set_change_no_time_in_it(make_server: Make) -> None:
    wall = [1.8e9]
    server = make_server(clock=Clock(time.monotonic, lambda: wall[0]))
    ina = instructor(server)
    of = asking(ina)
    with terminal(agreed(server, of)) as page:
        say(page, "before")
        written(server, "before")
        wall[0] -= 1e6
        say(page, "after-it")
        file = written(server, "after-it")
        times = [event[0] for event in lines(file)[1:]]
        assert times == sorted(times) and times[-1] < 600
    agree_back = ina.change(ina.get(of), state="closed")
    assert agree_back.status_code == 200
    (one,) = ended(ina, of)
    assert 0 <= one["ended"] - one["begun"] < 600


def test_two_classes_that_ask_have_a_recording_each(server: Server, ina: Instructor) -> None:
    one, other = asking(ina, title="One"), asking(ina, title="Other")
    ann = agreed(server, one)
    assert join(ann, other, "Annie").status_code == 201 and agree(ann, other) == 204
    knows(server, ann, other)
    with terminal(ann) as page:
        say(page, "for-both")
        eventually(
            lambda: len(files(server)) == 2 and all("for-both" in printed(f) for f in files(server)), "both have it"
        )
        assert agree(ann, one, False) == 204
        say(page, "for-one")
        eventually(lambda: ["for-one" in printed(f) for f in files(server)].count(True) == 1, "one goes on")
    assert [r["name"] for r in recordings(ina, one) + recordings(ina, other)] == ["Ann", "Annie"]
