"""Scripts of tasks in a sandbox of every driver: from the asker's bytes to outcomes."""

import secrets

import pytest

from lab_server.lessons.checks import Job, program


def run(spawner, sandbox, *jobs):
    what = program(jobs)
    found = spawner.client.capture(sandbox, what.argv, what.text, what.most, what.seconds)
    assert found.code is not None
    return what.outcomes(found.output)


def test_scripts_run_and_tell(spawner, shared):
    long = f"# {'x' * 30_000}\necho last; exit 4"
    jobs = [Job(f"check/{n}", f"#!/bin/bash\necho {n} $UID\nreadlink /proc/$$/fd/0\nexit {n}\n", 30) for n in range(3)]
    found = run(spawner, shared, *jobs, Job("check/long", long, 30))
    assert [(one.code, one.said) for one in found.values()] == [
        *((n, f"{n} 0\n/dev/null") for n in range(3)),
        (4, "last"),
    ]


def test_a_slow_one_ends_and_the_next_runs(spawner, shared):
    found = run(spawner, shared, Job("check/slow", "sleep 600", 1), Job("check/next", "echo ok", 30))
    assert found["check/slow"].timed_out and found["check/next"].said == "ok"


@pytest.mark.real
def test_they_find_themselves_at_home_and_alone(spawner, shared):
    found = run(spawner, shared, Job("check/a", "echo $HOME $PWD $PATH; ls -A /tmp; ls /dev/shm", 30))
    assert found["check/a"].said == "/root /root /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@pytest.mark.real
def test_a_mark_is_the_sandboxes_own(spawner):
    job = Job("init/a", "true", 30, mark=f"/run/labs/concepts/{secrets.token_hex(4)}/01-a")
    for _ in range(2):
        with spawner.sandbox() as sandbox:
            assert run(spawner, sandbox, job)["init/a"].code == 0
            assert run(spawner, sandbox, job) == {}
