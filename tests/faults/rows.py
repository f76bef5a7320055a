"""Every fault that is to be survived, what has to hold then, and the tests that see to it.

Knows words. Doesn't run anything. `tests` are named as JUnit files name them: the module below tests/, a dot, the function.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    fault: str
    survives: str
    tests: tuple[str, ...]
    note: str = ""  # where else it is tried, or what is not claimed


ROWS = (
    Row(
        "`kill -9` of web in the middle of output, and of typing",
        "back in less than 5 s, byte-identical, the same shell",
        (
            "faults.test_processes.test_web_killed_in_the_middle_of_output",
            "faults.test_processes.test_web_killed_under_one_who_types",
        ),
    ),
    Row(
        "`kill -9` of the spawner while it makes a sandbox",
        "one sandbox or none",
        ("faults.test_processes.test_spawner_killed_while_it_makes_a_sandbox",),
    ),
    Row(
        "`kill -9` of the spawner",
        "the learner is told in honest words, and one click makes a new sandbox",
        ("faults.test_processes.test_spawner_killed_is_told",),
        "With the `docker` driver sandboxes outlive it: `python -m tests.compose` kills it under a learner who types.",
    ),
    Row(
        "the engine is restarted",
        "sandboxes are adopted again, or the learner is told",
        (),
        "Not tried: without its option live-restore an engine that is restarted stops its containers. `python -m tests.compose` "
        "restarts web and kills the spawner in the engine guest.",
    ),
    Row(
        "the host is rebooted",
        "progress is kept, a sandbox is offered again",
        ("faults.test_processes.test_the_host_is_rebooted",),
        "All processes are stopped at once, and started on the same folder. That the disk keeps what was written just "
        "before a power cut is not tried.",
    ),
    Row(
        "the disk is full",
        "joins are refused, typing works, nothing is corrupt",
        ("faults.test_disk.test_the_disk_is_full",),
    ),
    Row(
        "the host is out of memory", "what runs in a sandbox dies first", ("faults.test_memory.test_no_memory_is_left",)
    ),
    Row(
        "the database is locked for 30 s",
        "typing is not affected, writes are tried again",
        ("faults.test_database.test_it_is_locked_by_another_process",),
    ),
    Row(
        "the database is damaged",
        "no progress is kept in it, the log says how to restore; lessons and terminals go on",
        ("faults.test_database.test_it_is_damaged",),
    ),
    Row(
        "PostgreSQL is killed",
        "terminals live, progress is answered 503 and kept again after",
        ("faults.test_database.test_postgres_is_killed",),
    ),
    Row(
        "the network is gone for 1 s, 60 s, 10 min",
        "it resumes, no key lost or doubled",
        (
            "faults.test_network.test_the_network_goes_and_comes",
            "faults.test_network.test_the_server_lets_go_of_a_learner_who_never_comes_back",
            "browser.test_network.test_typing_through_a_cut",
            "browser.test_network.test_typing_through_a_hole",
        ),
    ),
    Row("the clock jumps by a day", "no sandbox ends of it", ("faults.test_clock.test_the_clock_jumps",)),
    Row(
        "200 join in 10 s",
        "no 5xx, each has one sandbox, or a place in the queue",
        ("faults.test_joins.test_many_join_at_once",),
        "Here 40 in one moment; the whole burst is a measurement, in [Performance](performance.md).",
    ),
    Row(
        "a sandbox is killed",
        "the learner is told why, and one click makes another",
        ("faults.test_processes.test_a_sandbox_killed_is_told_and_reset",),
    ),
    Row(
        "1,000 sandboxes come and go",
        "descriptors, threads, processes, mounts, cgroups, network namespaces and id ranges stay flat",
        ("faults.test_cycles.test_many_come_and_go",),
    ),
)
