"""When a host has no room for one more: each thing that can run out, on the files of a made-up host and on this one."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_server.errors import HostFull
from lab_server.sandbox import room as rooms
from lab_server.sandbox.room import Room

PLENTY = {
    "meminfo": "MemTotal:       24684384 kB\nMemFree:  100 kB\nMemAvailable:   8388608 kB\n",
    "pressure/memory": "some avg10=5.00 avg60=0 avg300=0 total=0\nfull avg10=0.50 avg60=0 avg300=0 total=0\n",
    "sys/kernel/pid_max": "32768\n",
    "sys/kernel/threads-max": "192729\n",
    "loadavg": "0.10 0.20 0.30 1/400 1234\n",
    "cgroup/memory.max": "max\n",
    "cgroup/memory.current": "1000\n",
    "cgroup/pids.max": "max\n",
    "cgroup/pids.current": "7\n",
}

STALLED = PLENTY["pressure/memory"].replace("0.50", "31.00")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    for name, text in PLENTY.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def check(host: Path, times: int = 1) -> None:
    Room(None, host, host / "cgroup").check(times)


def test_a_host_with_room(host: Path) -> None:
    check(host)
    check(host, rooms.NEARLY)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"meminfo": f"MemAvailable: {255 << 10} kB\n"}, "255 MiB of memory"),
        (
            {"pressure/memory": STALLED, "meminfo": f"MemTotal: {24 << 20} kB\nMemAvailable: {2 << 20} kB\n"},
            "waits for it",
        ),
        (
            {"pressure/memory": STALLED, "meminfo": f"MemTotal: {1 << 20} kB\nMemAvailable: {500 << 10} kB\n"},
            "waits for it",
        ),
        ({"loadavg": "0 0 0 3/32600 99\n"}, "168 processes"),
        ({"cgroup/pids.max": "500\n"}, "493 processes"),
        (
            {
                "cgroup/memory.max": str(1 << 30),
                "cgroup/memory.current": str(1 << 30),
                "cgroup/memory.stat": f"anon 1\nactive_file {10 << 20}\ninactive_file {20 << 20}\n",
            },
            "30 MiB of memory",
        ),
    ],
)
def test_what_runs_out_is_named_with_what_a_learner_can_do(host: Path, files: dict[str, str], words: str) -> None:
    for name, text in files.items():
        (host / name).write_text(text)
    with pytest.raises(HostFull, match=words) as refused:
        check(host)
    assert "try again" in refused.value.remedy


def test_one_sandbox_at_its_own_limit_shuts_nobody_out(host: Path) -> None:
    """The kernel counts its stalls as the host's where nobody else is busy; bad fake: a check that believes the figure alone."""
    (host / "pressure/memory").write_text(STALLED)
    check(host)
    check(host, rooms.NEARLY)


def test_nearly_full_comes_first(host: Path) -> None:
    (host / "meminfo").write_text(f"MemAvailable: {400 << 10} kB\n")
    check(host)
    with pytest.raises(HostFull):
        check(host, rooms.NEARLY)


def test_a_disk_that_is_full(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Room(host, host, host / "cgroup").check()  # this host's own
    monkeypatch.setattr(rooms, "SPARE_DISK", 1 << 60)
    with pytest.raises(HostFull, match="of disk are left"):
        Room(host, host, host / "cgroup").check()


def test_a_kernel_that_tells_nothing_refuses_nobody(tmp_path: Path) -> None:
    Room(None, tmp_path, tmp_path).check()


def test_this_very_host_is_understood() -> None:
    room = Room()
    assert (room._memory() or 0) > 1 << 20 and (room._pids() or 0) > 100 and room._stalled() >= 0
