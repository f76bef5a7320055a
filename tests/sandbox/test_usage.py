"""What is used and left, read from files: real ones of this host, and a cgroup's as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_server.errors import BadInput
from lab_server.sandbox import rpc, usage


def test_the_hosts_figures_are_there_and_make_sense(tmp_path: Path) -> None:
    found = usage.of_host(tmp_path)
    assert 0 < found["memory_free"] < found["memory"]
    assert 0 < found["disk_free"] <= found["disk"]
    assert 0 < found["tasks"] < found["tasks_most"]
    assert found["load"] >= 0 and found["cores"] >= 1


def test_what_can_not_be_had_is_left_out(tmp_path: Path) -> None:
    assert usage.of_host(tmp_path / "gone", proc=tmp_path).keys() == {"cores"}
    assert usage.of_cgroup(tmp_path / "gone") == {}


def test_a_cgroups_figures(tmp_path: Path) -> None:
    (tmp_path / "memory.current").write_text("1048576\n")
    (tmp_path / "pids.current").write_text("3\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 2500000\nuser_usec 1500000\nsystem_usec 1000000\n")
    assert usage.of_cgroup(tmp_path) == {"memory": 1048576, "pids": 3, "cpu": 2.5}
    (tmp_path / "memory.current").unlink()  # a hybrid host's has no controllers, and counts CPU all the same
    assert usage.of_cgroup(tmp_path) == {"pids": 3, "cpu": 2.5}


@pytest.mark.parametrize("ids", [None, "abcdefgh", ["../../etc"], [1], ["abcdefgh"] * (rpc.MOST_MEASURED + 1)])
def test_the_verb_takes_ids_and_not_many(ids: object) -> None:
    with pytest.raises(BadInput, match="sandboxes"):
        rpc.check({"verb": "usage", "sandboxes": ids})


def test_an_answer_about_the_most_fits_in_a_message() -> None:
    figures = {"memory": 1 << 40, "cpu": 1234567.123456, "pids": 4194304}
    answer = {"host": dict.fromkeys("abcdefgh", 1 << 50), "most": 5000}
    answer["sandboxes"] = {f"{number:032d}": figures for number in range(rpc.MOST_MEASURED)}
    assert rpc.encode({"ok": answer})
