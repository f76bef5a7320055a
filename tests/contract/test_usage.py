"""What sandboxes use, where a driver can tell."""

import secrets

import pytest


def test_what_it_uses_is_told(spawner, sandbox):
    stranger = secrets.token_hex(8)
    told = spawner.client.usage([sandbox, stranger])
    assert told["host"]["memory"] > 0 and told["most"] > 0
    assert stranger not in told["sandboxes"]
    if sandbox not in told["sandboxes"]:
        pytest.skip("this driver can't tell what a sandbox uses")
    before = told["sandboxes"][sandbox]
    spawner.sh(sandbox, "i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done")
    after = spawner.client.usage([sandbox])["sandboxes"][sandbox]
    assert after["cpu"] > before["cpu"] > 0
    if spawner.has("limits"):
        assert 0 < after["memory"] < 768 << 20 and after["pids"] >= 1
