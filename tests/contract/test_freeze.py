"""A sandbox that stands still: prints nothing, keeps everything, goes on as if nothing had been, and can be ended as it is."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab_server.errors import Conflict, NotFound
from tests.contract.conftest import Running
from tests.shell import Shell, eventually

COUNT = "sh -c 'n=0; while :; do n=$((n + 1)); echo count $n; sleep 0.05; done'\n"


def frozen(spawner: Running, id: str) -> bool:
    (found,) = [one for one in spawner.client.list() if one["sandbox"] == id]
    return bool(found["frozen"])


def silent(shell: Shell, seconds: float) -> bool:
    """Whether nothing is printed for so long, once what was on its way has been read."""
    while shell._read(0.2):
        pass
    return not shell._read(seconds)


def test_it_prints_nothing_more_and_goes_on_where_it_was(spawner: Running, sandbox: str) -> None:
    with spawner.shell(sandbox) as shell, spawner.shell(sandbox, "two") as other:
        shell.ask("cd /tmp; kept=here")
        other.type(COUNT)
        other.until("count 3")
        spawner.client.freeze(sandbox, True)
        assert frozen(spawner, sandbox)
        assert silent(other, 1.0)
        last = max(int(line.split()[1]) for line in other.said.decode().splitlines() if line.startswith("count "))
        start = len(other.said)
        shell.type("echo $((6 * 7))-$kept-$PWD\n")  # what is typed meanwhile waits
        assert b"42-" not in shell.said and silent(shell, 0.5)
        spawner.client.freeze(sandbox, False)
        assert not frozen(spawner, sandbox)
        shell.until("42-here-/tmp")
        other.until(f"count {last + 2}", start=start)
        assert f"count {last + 1}".encode() in other.said, "it went on where it was"
        other.type("\x03")
        assert other.ask("echo back") == ("back\n", 0)


def test_either_may_be_said_twice(spawner: Running, sandbox: str) -> None:
    for on in (True, True, False, False):
        spawner.client.freeze(sandbox, on)
        assert frozen(spawner, sandbox) is on
    assert spawner.sh(sandbox, "echo here") == "here\n[0]"


def test_nothing_is_started_in_it_meanwhile(spawner: Running, sandbox: str) -> None:
    with spawner.shell(sandbox) as shell:
        shell.ask("true")
        spawner.client.freeze(sandbox, True)
        for start in (
            lambda: spawner.client.open(sandbox, "two", 80, 24),
            lambda: spawner.run(sandbox, "true"),
        ):
            with pytest.raises(Conflict, match="paused"):
                start()
        opened = spawner.client.open(sandbox, "host", 80, 24)  # one that is there can be had
        assert spawner.client.status(sandbox, "host")["alive"]
        spawner.client.resize(sandbox, "host", 100, 30)
        spawner.client.freeze(sandbox, False)
        os.close(opened.fd)
        os.close(opened.ring)
        assert shell.ask("stty size") == ("30 100\n", 0)


def test_a_command_under_way_stands_still_and_ends_later(spawner: Running, sandbox: str) -> None:
    with ThreadPoolExecutor(1) as pool:
        script = "echo begun > $HOME/mark; while [ ! -e $HOME/go ]; do sleep 0.05; done; echo ended"
        under = pool.submit(spawner.sh, sandbox, script)
        eventually(lambda: spawner.sh(sandbox, "cat $HOME/mark 2>/dev/null || :").startswith("begun"))
        spawner.client.freeze(sandbox, True)
        spawner.client.freeze(sandbox, False)
        spawner.sh(sandbox, "touch $HOME/go")
        assert under.result(60) == "ended\n[0]"


def test_it_can_be_ended_as_it_is(spawner: Running) -> None:
    with spawner.sandbox() as id, spawner.shell(id) as shell:
        shell.type("sh -c \"echo g''o; exec sleep 600\"\n")
        shell.until("go")
        spawner.client.freeze(id, True)
        spawner.client.destroy(id)
        shell.end()
        assert id not in [one["sandbox"] for one in spawner.client.list()]
    with spawner.sandbox() as id:  # nothing of the other is in its way
        assert spawner.sh(id, "echo new") == "new\n[0]"


def test_a_terminal_of_it_can_be_hung_up(spawner: Running, sandbox: str) -> None:
    with spawner.shell(sandbox) as shell:
        shell.ask("true")
        spawner.client.freeze(sandbox, True)
        spawner.client.hangup(sandbox, "host")
        shell.end()
    spawner.client.freeze(sandbox, False)
    assert spawner.sh(sandbox, "echo here") == "here\n[0]"


def test_one_that_is_not_there_is_told(spawner: Running) -> None:
    for on in (True, False):
        with pytest.raises(NotFound):
            spawner.client.freeze(secrets.token_hex(8), on)


def test_the_others_go_on(spawner: Running, sandbox: str) -> None:
    with spawner.sandbox() as other:
        spawner.client.freeze(other, True)
        assert spawner.sh(sandbox, "echo here") == "here\n[0]"
        assert frozen(spawner, other) and not frozen(spawner, sandbox)


@pytest.mark.real
def test_what_a_learner_froze_in_it_stays_so(spawner: Running, sandbox: str) -> None:
    """A container that the learner paused is paused afterwards."""
    frozen = "sleep 600 >/dev/null 2>&1 & echo $! > mine/cgroup.procs && echo 1 > mine/cgroup.freeze"
    made = spawner.sh(sandbox, f"cd /sys/fs/cgroup && mkdir mine || exit; {frozen}")
    if made != "[0]":
        pytest.skip(f"{spawner.driver} has no cgroup to freeze in here: {made}")
    for on in (True, False):
        spawner.client.freeze(sandbox, on)
    assert spawner.sh(sandbox, "cat /sys/fs/cgroup/mine/cgroup.freeze") == "1\n[0]"
