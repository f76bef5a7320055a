"""A sandbox's bundle: every promise of isolation that is made in config.json, looked up there."""

import itertools
from pathlib import Path

import pytest

from lab_server.sandbox import oci
from lab_server.sandbox.contract import Limits, SandboxSpec

PATHS = oci.SandboxPaths(Path("/r"), Path("/h"), Path("/c"), "/labs-x/abc")
FULL = oci.HostFacts(limits=True, raise_limits=True, device=(254, 0), tun=True)
BARE = oci.HostFacts(limits=False, raise_limits=False)


def made(facts=FULL, **spec):
    return oci.config(SandboxSpec(**spec), 3, PATHS, facts)


def test_all_seven_namespaces_are_new():
    namespaces = made()["linux"]["namespaces"]
    assert {n["type"] for n in namespaces} == {"pid", "network", "ipc", "uts", "mount", "user", "cgroup"}
    assert all("path" not in n for n in namespaces)


def test_id_ranges_never_meet():
    ranges = [(oci.first_id(slot), oci.first_id(slot) + oci.IDS) for slot in range(50)]
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(ranges))
    assert oci.first_id(19_999) + oci.IDS < 2**31
    (mapping,) = made()["linux"]["uidMappings"]
    assert mapping == {"containerID": 0, "hostID": oci.first_id(3), "size": 65536}
    assert made()["linux"]["gidMappings"] == [mapping]


def test_limits_are_in_the_units_the_runtime_takes():
    limits = Limits(memory=256 << 20, cpus=0.5, pids=77, io=9_000_000)
    resources = made(limits=limits)["linux"]["resources"]
    assert resources["memory"] == {"limit": 256 << 20, "swap": 256 << 20}
    assert resources["cpu"]["quota"] / resources["cpu"]["period"] == 0.5
    assert resources["pids"] == {"limit": 77}
    assert resources["blockIO"]["throttleReadBpsDevice"] == [{"major": 254, "minor": 0, "rate": 9_000_000}]


def test_a_host_without_controllers_gets_no_limits_it_would_refuse():
    config = made(BARE)
    assert config["linux"]["resources"] == {}
    assert "rlimits" not in config["process"]
    assert "oomScoreAdj" not in config["process"]


@pytest.mark.parametrize(
    "name",
    ["SYS_MODULE", "SYS_RAWIO", "SYS_TIME", "SYS_BOOT", "SYS_RESOURCE", "BPF", "PERFMON", "SYSLOG", "DAC_READ_SEARCH"],
)
def test_capabilities_that_reach_for_the_host_are_gone(name):
    for kind, names in made()["process"]["capabilities"].items():
        assert f"CAP_{name}" not in names, kind


def rules(profile, name):
    return [rule for rule in profile["syscalls"] if name in rule["names"]]


DENIED = (
    "bpf perf_event_open userfaultfd kexec_load kexec_file_load init_module finit_module delete_module swapon reboot acct "
    "syslog quotactl quotactl_fd iopl ioperm clock_settime settimeofday adjtimex vhangup move_pages kcmp pidfd_getfd "
    "process_madvise process_vm_writev modify_ldt open_by_handle_at fanotify_init memfd_secret lookup_dcookie"
)


@pytest.mark.parametrize("name", DENIED.split())
def test_dangerous_calls_fall_to_the_default(name):
    profile = oci.seccomp(SandboxSpec())
    assert (profile["defaultAction"], profile["defaultErrnoRet"]) == ("SCMP_ACT_ERRNO", 1)
    assert rules(profile, name) == []


@pytest.mark.parametrize("name", ["io_uring_setup", "keyctl", "add_key"])
def test_calls_that_programs_probe_for_look_absent(name):
    (rule,) = rules(oci.seccomp(SandboxSpec()), name)
    assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)


def test_no_32_bit_calls():
    assert oci.seccomp(SandboxSpec())["architectures"] == ["SCMP_ARCH_X86_64"]


def families(spec):
    return {tuple(argument["value"] for argument in rule["args"]) for rule in rules(oci.seccomp(spec), "socket")}


def test_sockets_are_of_the_named_families_only():
    base = {(1,), (2,), (10,), (17,), (16, 0), (16, 4), (16, 15)}
    assert families(SandboxSpec(netfilter=False)) == base
    assert families(SandboxSpec(netfilter=True)) == base | {(16, 12)}


def test_dev_is_fresh_and_nothing_of_the_host_is_bound_but_the_sandboxs_own():
    mounts = made()["mounts"]
    dev = next(m for m in mounts if m["destination"] == "/dev")
    assert dev["type"] == "tmpfs"
    sources = {m["source"] for m in mounts if m["type"] == "bind"}
    assert sources == {"/h", "/c", "/dev/net/tun"}
    assert "/dev/net/tun" not in {m["source"] for m in made(FULL._replace(tun=False))["mounts"]}


def test_a_shell_knows_its_session():
    process = oci.process(["/bin/bash", "--login"], FULL, terminal=True, session="ctr")
    assert "LABS_SESSION=ctr" in process["env"]
    assert process["terminal"]
