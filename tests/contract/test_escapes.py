"""Ways out that were tried before, each by name. Inside, a learner is root; none of this may work all the same."""

import pytest

pytestmark = pytest.mark.real

# attempt -> what must be denied. Each script prints ESCAPED when it got somewhere.
ATTEMPTS = {
    "a block device of the host": "mknod /root/d b 254 0 && head -c1 /root/d && echo ESCAPED",
    "a character device": "mknod /root/mem c 1 1 && head -c1 /root/mem && echo ESCAPED",
    "mounting the host's disk": "for d in vda vdb sda; do mount -t ext4 /dev/$d /mnt && echo ESCAPED; done",
    "devtmpfs": "mount -t devtmpfs d /mnt && ls /mnt/vda && echo ESCAPED",
    "debugfs": "mount -t debugfs d /mnt && echo ESCAPED",
    "tracefs": "mount -t tracefs d /mnt && echo ESCAPED",
    "cgroup v1": "mount -t cgroup -o memory c /mnt && echo ESCAPED",
    "core_pattern": "echo '|/bin/false' > /proc/sys/kernel/core_pattern && echo ESCAPED",
    "modprobe path": "echo /tmp/x > /proc/sys/kernel/modprobe && echo ESCAPED",
    "sysrq": "echo h > /proc/sysrq-trigger && echo ESCAPED",
    "uevent helper": "echo /tmp/x > /sys/kernel/uevent_helper && echo ESCAPED",
    "drop caches": "echo 1 > /proc/sys/vm/drop_caches && echo ESCAPED",
    "kernel memory": "head -c 16 /proc/kcore | grep -q . && echo ESCAPED",
    "kernel log": "dmesg | grep -q . && echo ESCAPED",
    "kernel addresses": "grep -qv '^0000000000000000' /proc/kallsyms && echo ESCAPED",
    "the clock": "date -s 2030-01-01 >/dev/null && echo ESCAPED",
    "host processes": "test $(ls /proc | grep -c '^[0-9]') -gt 60 && echo ESCAPED",
    "ids beyond the range": "touch /root/f && chown 65536 /root/f && echo ESCAPED",
    "the cgroup above": "mkdir /tmp/c; mount -t cgroup2 c /tmp/c && test -e /tmp/c/labs-* && echo ESCAPED; true",
    "a lower oom score": "echo -900 > /proc/self/oom_score_adj && echo ESCAPED",
    "a cpu offline": "echo 0 > /sys/devices/system/cpu/cpu1/online && echo ESCAPED",
    "read-ahead of a disk": "for f in /sys/block/*/queue/read_ahead_kb; do echo 1 > $f && echo ESCAPED; done",
    "pid 1's root": "ls /proc/1/root/proc/1/root/../../../var/lib/labs 2>/dev/null && echo ESCAPED",
    "a 32-bit call": "python3 -c 'import ctypes; ctypes.CDLL(None).personality(8)' && test $(uname -m) = i686 && echo ESCAPED",
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_is_denied(spawner, shared, name):
    if name == "cgroup v1" and not spawner.has("limits"):
        pytest.skip(
            "a hybrid host lets a learner mount cgroup v1: docs/develop/sandbox.md says so, and `auto` avoids it"
        )
    assert "ESCAPED" not in spawner.sh(shared, ATTEMPTS[name])


CALLS = """
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, number, *args):
    ctypes.set_errno(0)
    r = libc.syscall(number, *args)
    print(name, 'ALLOWED' if r >= 0 else errno.errorcode[ctypes.get_errno()])
call('bpf', 321, 0, None, 0)
call('perf_event_open', 298, None, 0, -1, -1, 0)
call('userfaultfd', 323, 0)
call('io_uring_setup', 425, 1, None)
call('keyctl', 250, 0, 0)
call('kexec_load', 246, 0, 0, None, 0)
call('open_by_handle_at', 304, -1, None, 0)
call('reboot', 169, 0, 0, 0, None)
call('pidfd_getfd', 438, -1, 0, 0)
families = {'AF_VSOCK': (40, 1, 0), 'AF_ALG': (38, 5, 0), 'AF_KEY': (15, 3, 2), 'XFRM': (16, 3, 6), 'AF_XDP': (44, 3, 0)}
for name, (family, kind, protocol) in families.items():
    try:
        socket.socket(family, kind, protocol).close(); print(name, 'ALLOWED')
    except OSError as e:
        print(name, errno.errorcode[e.errno])
"""


def test_calls_are_filtered(spawner, shared):
    code, out, err = spawner.run(shared, "python3", "-c", CALLS)
    assert code == 0, err
    answers = dict(line.split() for line in out.strip().split("\n"))
    absent = {"io_uring_setup", "keyctl"}
    assert {name: answer for name, answer in answers.items() if name in absent} == dict.fromkeys(absent, "ENOSYS")
    assert {answer for name, answer in answers.items() if name not in absent} == {"EPERM"}
