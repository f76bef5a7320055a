"""The learner's machine seen from inside: the same from every driver that isolates."""

import contextlib
import os
import re
from pathlib import Path

import pytest

from tests.contract.conftest import WARM
from tests.shell import eventually

pytestmark = pytest.mark.real

NAMESPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")
TOOLS = (
    "ps ip nft iptables strace lsns findmnt unshare nsenter jq tree less nano vi man docker podman crun capsh getfattr curl ping "
    "pivot_root chroot mount python3"
)


def test_the_learner_is_root_of_a_user_namespace_of_65536_ids(spawner, shared):
    assert spawner.sh(shared, "id -u; cat /proc/self/uid_map /proc/self/gid_map | tr -s ' '").startswith("0\n")
    for name in ("uid_map", "gid_map"):
        inside, outside, count = spawner.run(shared, "cat", f"/proc/self/{name}")[1].split()
        assert (inside, count) == ("0", "65536")
        assert int(outside) >= 100_000


def test_two_sandboxes_share_no_namespace_and_no_id(spawner, shared):
    links = "for n in " + " ".join(NAMESPACES) + "; do readlink /proc/self/ns/$n; done; cat /proc/self/uid_map"
    with spawner.sandbox() as other:
        here, there = (spawner.sh(id, links).split("\n") for id in (shared, other))
    for name, mine, yours in zip(NAMESPACES, here, there, strict=False):
        assert mine.startswith(f"{name}:["), here
        assert mine != yours
    assert here[len(NAMESPACES)] != there[len(NAMESPACES)]


def test_pid_1_is_the_sandboxs_own_and_nobody_elses_processes_are_seen(spawner, shared):
    listed = spawner.run(shared, "ps", "-e", "-o", "pid=,comm=")[1].split("\n")
    assert re.match(r"\s*1 (init|busybox)", listed[0])
    assert len(listed) < 12


def test_the_tools_of_the_lessons_are_there(spawner, shared):
    absent = spawner.run(shared, "sh", "-c", f"for t in {TOOLS}; do command -v $t >/dev/null || echo $t; done")[1]
    assert absent == ""


def test_the_root_is_an_overlay_the_learner_can_write(spawner, sandbox):
    assert spawner.run(sandbox, "findmnt", "-no", "FSTYPE", "/")[1] == "overlay\n"
    assert spawner.sh(sandbox, "echo mine > /etc/mine && cat /etc/mine") == "mine\n[0]"
    with spawner.sandbox() as other:
        assert spawner.run(other, "test", "-e", "/etc/mine")[0] == 1


def test_overlays_and_namespaces_of_the_learners_own(spawner, shared):
    script = """set -e
      for place in /tmp /root; do cd $place; mkdir -p o/lower o/upper o/work o/merged; echo low > o/lower/file
        mount -t overlay overlay -o lowerdir=o/lower,upperdir=o/upper,workdir=o/work o/merged
        echo up > o/merged/file; cat o/lower/file o/upper/file; umount o/merged; done
      unshare --pid --fork --mount-proc sh -c 'echo pid $$'
      unshare --uts sh -c 'hostname other; hostname'
      unshare --user --map-root-user id -u
      ip netns add red; ip netns exec red ip -br link show lo | cut -c1-2; ip netns del red"""
    assert spawner.sh(shared, script) == "low\nup\nlow\nup\npid 1\nother\n0\nlo\n[0]"


def test_the_cgroup_is_the_learners_from_here_on_down(spawner, shared):
    script = """mkdir /sys/fs/cgroup/mine; sleep 60 & echo $! > /sys/fs/cgroup/mine/cgroup.procs && grep ^0: /proc/$!/cgroup
      echo 1 > /sys/fs/cgroup/mine/cgroup.kill; wait; rmdir /sys/fs/cgroup/mine"""
    assert spawner.sh(shared, script).split("\n")[0] == "0::/mine"


def test_limits_are_set_outside_and_can_be_divided_inside(spawner, needs):
    needs("limits")
    with spawner.sandbox("small") as small:
        read = "cd /sys/fs/cgroup; cat memory.max cpu.max pids.max memory.swap.max"
        assert spawner.sh(small, read) == f"{256 << 20}\n50000 100000\n200\n0\n[0]"
        for name in ("memory.max", "cpu.max", "pids.max"):
            assert "ermission denied" in spawner.sh(small, f"echo max > /sys/fs/cgroup/{name}")
        controllers = spawner.run(small, "cat", "/sys/fs/cgroup/cgroup.subtree_control")[1].split()
        assert {"cpu", "memory", "pids"} <= set(controllers)
        script = (
            "mkdir /sys/fs/cgroup/half; echo 64M > /sys/fs/cgroup/half/memory.max; cat /sys/fs/cgroup/half/memory.max"
        )
        assert spawner.sh(small, script) == f"{64 << 20}\n[0]"


def test_memory_past_the_limit_kills_a_process_not_the_sandbox(spawner, needs):
    needs("limits")
    with spawner.sandbox("small") as small:
        assert spawner.run(small, "dd", "if=/dev/zero", "of=/dev/null", "bs=400M", "count=1")[0] == 137
        assert spawner.sh(small, "echo alive") == "alive\n[0]"


def test_a_fork_bomb_stays_in_its_sandbox(spawner, needs, shared):
    needs("limits")
    with spawner.sandbox("small") as small:
        bomb = "bomb() { bomb | bomb & }; bomb; while ! grep -q 'max [1-9]' /sys/fs/cgroup/pids.events; do :; done; echo held"
        spawner.run(small, "timeout", "-s", "KILL", "60", "bash", "-c", bomb)
        assert spawner.sh(shared, "echo fine") == "fine\n[0]"


def test_a_full_disk_is_full_inside_only(spawner, needs):
    needs("disk_quota")
    with spawner.sandbox("small") as small:
        for place in ("/", "/root", "/var/lib/containers"):
            code, _, err = spawner.run(small, "dd", "if=/dev/zero", f"of={place}/big", "bs=1M", "count=100")
            assert code != 0, place
            assert "quota" in err or "No space" in err, err
            spawner.run(small, "rm", f"{place}/big")
        assert spawner.sh(small, "echo ok > /root/after; cat /root/after") == "ok\n[0]"


def test_there_is_no_way_out(spawner, shared):
    interfaces = re.findall(r"\d+: ([^:@]+)", spawner.run(shared, "ip", "-o", "link")[1])
    assert interfaces[0] == "lo"
    assert not [name for name in interfaces if re.match(r"(eth|en|ens)\d", name)]
    assert spawner.run(shared, "ip", "route")[1] == ""
    assert "127.0.0.1" in spawner.run(shared, "ping", "-c", "1", "-W", "5", "127.0.0.1")[1]


@pytest.mark.timeout(600)
def test_docker_inside(spawner, sandbox):
    docker = spawner.run(sandbox, "docker", "run", "--rm", "alpine", "ps", "aux")
    assert docker[0] == 0, docker
    lines = docker[1].strip().split("\n")
    assert re.match(r"\s*1 ", lines[1])
    assert len(lines) <= 3
    inside = spawner.run(sandbox, "docker", "run", "--rm", "alpine", "readlink", "/proc/1/ns/pid")[1]
    assert inside.startswith("pid:[")
    assert inside != spawner.run(sandbox, "readlink", "/proc/1/ns/pid")[1]
    assert "overlay" in spawner.run(sandbox, "docker", "run", "--rm", "alpine", "mount")[1]


@pytest.mark.timeout(600)
def test_docker_limits_bite(spawner, sandbox, needs):
    needs("limits")
    argv = [
        "docker",
        "run",
        "--name",
        "oom",
        "--memory=10m",
        "alpine",
        "dd",
        "if=/dev/zero",
        "of=/dev/null",
        "bs=100M",
        "count=1",
    ]
    assert spawner.run(sandbox, *argv)[0] == 137
    assert spawner.run(sandbox, "docker", "inspect", "-f", "{{.State.OOMKilled}}", "oom")[1] == "true\n"
    argv = ["docker", "run", "-d", "--name", "limited", "--memory=256m", "--cpus=0.5", "nginx"]
    assert spawner.run(sandbox, *argv)[0] == 0
    path = spawner.run(sandbox, "docker", "inspect", "-f", "{{.State.CgroupPath}}", "limited")[1].strip()
    read = spawner.run(sandbox, "cat", f"/sys/fs/cgroup{path}/memory.max", f"/sys/fs/cgroup{path}/cpu.max")[1]
    assert read == "268435456\n50000 100000\n"


def test_the_image_store_is_nobodys_to_write(spawner, sandbox):
    store = "/var/lib/shared-images"
    for attempt in (
        f"touch {store}/x",
        f"mount -o remount,rw {store}; touch {store}/x",
        f"mount -o remount,bind,rw {store}; touch {store}/x",
        f"mkdir -p /tmp/b; mount --bind {store} /tmp/b; mount -o remount,bind,rw /tmp/b; touch /tmp/b/x",
        f"unshare -Urm sh -c 'mount -o remount,bind,rw {store}; touch {store}/x'",
        f"umount -l {store}; touch {store}/x && test -e {store}/overlay",
    ):
        code, out, err = spawner.run(sandbox, "sh", "-c", attempt)
        assert code != 0, (attempt, out, err)


def parent(pid):
    with contextlib.suppress(OSError):  # it ended meanwhile
        return (Path("/proc") / pid / "stat").read_text().rpartition(") ")[2].split()[1]


def pids():
    return [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]


@pytest.mark.skipif(os.environ.get("LABS_QUICK") == "1", reason="LABS_QUICK=1")
def test_starting_and_ending_many_leaves_nothing(spawner):
    def held():
        """Descriptors, mounts, processes (the dead ones that nobody reaped, too), folders of the spawner."""
        here = Path("/proc") / str(spawner.process.pid)
        children = [pid for pid in pids() if parent(pid) == here.name]
        folders = len(list((spawner.place / "data").iterdir()))
        return (
            len(list((here / "fd").iterdir())),
            len((here / "mountinfo").read_text().split("\n")),
            len(children),
            folders,
        )

    def least(rounds):
        """After each round the warm ones are all there again. What crun leaves behind is reaped in the next round, and the last
        question's connection closes while we look: so it is the least of several looks."""
        looks = []
        for _ in range(rounds):
            with spawner.sandbox() as id, spawner.shell(id) as shell:
                shell.ask("true")
            eventually(lambda: spawner.client.info()["warm"] == WARM)
            looks += [held() for _ in range(10)]
        return tuple(map(min, zip(*looks, strict=True)))

    for _ in range(WARM):  # as many are kept warm as came lately
        with spawner.sandbox():
            pass
    before = least(3)
    assert least(4) == before
