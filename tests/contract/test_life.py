"""A sandbox's life: made, listed, ended; what happens twice, at once, or wrongly."""

import os
import re
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab_server.errors import Conflict, NotFound
from tests.shell import eventually


def test_the_spawner_says_what_it_is(spawner):
    info = spawner.client.info()
    assert (info["driver"], info["ready"], info["failed"]) == (spawner.driver, True, False)
    assert info["facts"]["kernel"]


def test_a_sandbox_is_listed_while_it_is_there(spawner):
    with spawner.sandbox() as id:
        (found,) = [s for s in spawner.client.list() if s["sandbox"] == id]
        assert (found["state"], found["template"], found["labels"]) == ("ready", "default", {"owner": "test"})
    assert id not in [s["sandbox"] for s in spawner.client.list()]


def test_creating_it_again_is_the_same_sandbox(spawner, sandbox):
    spawner.run(sandbox, "sh", "-c", "echo kept > $HOME/mark")
    again = spawner.client.create(sandbox, "default", {"owner": "test"})
    assert again["sandbox"] == sandbox
    assert spawner.sh(sandbox, "cat $HOME/mark") == "kept\n[0]"


def test_a_name_that_is_somebody_elses_is_a_conflict(spawner, sandbox):
    with pytest.raises(Conflict):
        spawner.client.create(sandbox, "default", {"owner": "other"})


def test_destroying_is_final_and_can_be_said_twice(spawner):
    with spawner.sandbox() as id:
        spawner.client.destroy(id)
        spawner.client.destroy(id)
        with pytest.raises(NotFound):
            spawner.client.open(id, "host", 80, 24)
        with pytest.raises(NotFound):
            spawner.run(id, "true")


def test_an_unknown_template_is_told(spawner):
    with pytest.raises(NotFound, match="no-such-lesson"):
        spawner.client.create(secrets.token_hex(8), "no-such-lesson", {})


def test_several_at_once_are_all_there_and_apart(spawner):
    ids = [secrets.token_hex(8) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda id: spawner.client.create(id, "default", {"owner": "test"}), ids))
        try:
            list(pool.map(lambda id: spawner.run(id, "sh", "-c", f"echo {id} > $HOME/name"), ids))
            assert [spawner.sh(id, "cat $HOME/name") for id in ids] == [f"{id}\n[0]" for id in ids]
        finally:
            list(pool.map(spawner.client.destroy, ids))


def test_the_same_one_asked_for_at_once_is_made_once(spawner):
    id = secrets.token_hex(8)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: spawner.client.create(id, "default", {"owner": "test"}), range(4)))
    assert [s["sandbox"] for s in spawner.client.list()].count(id) == 1
    spawner.client.destroy(id)


@pytest.mark.real
def test_one_whose_first_process_was_killed_is_gone(spawner, sandbox):
    if spawner.driver == "vm":
        pytest.skip("vm: its processes are another machine's; the crun driver in there is tried by itself")
    spawner.run(sandbox, "touch", f"/run/{sandbox}")
    with spawner.shell(sandbox) as shell:
        shell.ask("true")
        [first] = [pid for pid in _first_processes() if Path(f"/proc/{pid}/root/run/{sandbox}").exists()]
        os.kill(first, signal.SIGKILL)
        shell.end()
        eventually(lambda: not spawner.client.status(sandbox, "host")["alive"])
        assert spawner.client.status(sandbox, "host")["reason"] == "The sandbox ended."
    (state,) = [s["state"] for s in spawner.client.list() if s["sandbox"] == sandbox]
    assert state == "gone", "and waits to be destroyed"


def _first_processes() -> list[int]:
    """Of every pid namespace that is seen from here."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            if re.search(r"^NSpid:(\t\d+)+\t1$", status.read_text(), re.M):
                found.append(int(status.parent.name))
        except OSError:
            continue  # it ended meanwhile
    return found
