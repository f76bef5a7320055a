"""The pool, with real sandboxes: what is warm is nobody's, becomes one learner's, and nothing of it is left."""

import secrets
from concurrent.futures import ThreadPoolExecutor

from tests.contract.conftest import WARM
from tests.shell import eventually


def test_a_warm_sandbox_becomes_a_learners(spawner):
    eventually(lambda: spawner.client.info()["warm"], "one is warm")
    before = spawner.client.info()
    assert before["count"] == len(spawner.client.list())
    id = secrets.token_hex(8)
    try:
        made = spawner.client.bind(id, "default", {"owner": "test"})
        assert made and (made["sandbox"], made["state"], made["labels"]) == (id, "ready", {"owner": "test"})
        assert spawner.client.info()["count"] == before["count"] + 1
        assert spawner.sh(id, "echo $((6 * 7))") == "42\n[0]"
        with spawner.shell(id) as shell:
            assert shell.ask("echo mine > $HOME/mark; cat $HOME/mark") == ("mine\n", 0)
        assert spawner.client.bind(id, "default", {"owner": "test"})["sandbox"] == id
    finally:
        spawner.client.destroy(id)
    assert id not in [found["sandbox"] for found in spawner.client.list()]


def test_those_who_come_at_once_have_one_each(spawner):
    eventually(lambda: spawner.client.info()["warm"], "one is warm")
    ids = [secrets.token_hex(8) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda id: spawner.client.create(id, "default", {"owner": "test"}), ids))
        try:
            list(pool.map(lambda id: spawner.run(id, "sh", "-c", f"echo {id} >> $HOME/name"), ids))
            assert [spawner.sh(id, "cat $HOME/name") for id in ids] == [f"{id}\n[0]" for id in ids]
        finally:
            list(pool.map(spawner.client.destroy, ids))


def test_what_is_warm_never_grows_with_those_who_come_and_go(spawner):
    for _ in range(3 * WARM):
        with spawner.sandbox():
            pass
    eventually(lambda: spawner.client.info()["warm"] == WARM, "as many as may be are warm again")
    files = [path.name for path in (spawner.place / "data").iterdir()] if spawner.driver != "vm" else []
    assert sum("warm" in name for name in files) <= WARM + 1  # one more may be under way
