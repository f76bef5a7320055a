"""Terminals: a real shell on a real PTY, its descriptor and ring handed over, its end told."""

import os

import pytest

from lab_server.errors import HostFull, NotFound
from lab_server.sandbox.ring import Ring
from tests.shell import eventually


def test_a_shell_answers(spawner, sandbox):
    with spawner.shell(sandbox) as shell:
        assert shell.ask("echo $((6 * 7))") == ("42\n", 0)
        assert shell.ask("false")[1] == 1


def test_it_is_a_terminal_of_the_size_asked_for_and_can_be_resized(spawner, sandbox):
    with spawner.shell(sandbox, columns=91, rows=33) as shell:
        assert shell.ask("stty size") == ("33 91\n", 0)
        spawner.client.resize(sandbox, "host", 120, 40)
        assert shell.ask("stty size") == ("40 120\n", 0)


def test_commands_are_marked_with_their_exit_status(spawner, sandbox):
    with spawner.shell(sandbox) as shell:
        shell.until(r"\x1b\]133;A.*?\x1b\]133;B")
        for command, code in (("true", 0), ("(exit 7)", 7)):
            start = len(shell.said)
            shell.type(f"{command}\n")
            shell.until(rf"\x1b\]133;C.*?\x1b\]133;D;{code}\x07.*?\x1b\]133;B", start=start)


def test_a_program_in_the_way_is_interrupted(spawner, sandbox):
    with spawner.shell(sandbox) as shell:
        # it says so itself, once it is in the foreground: a signal while bash still starts it would be bash's own
        shell.type("sh -c \"echo g''o; exec sleep 600\"\n")
        shell.until("go")
        shell.type("\x03")
        assert shell.ask("echo back") == ("back\n", 0)


def test_opening_it_again_is_the_same_shell(spawner, sandbox):
    with spawner.shell(sandbox) as shell:
        pid, _ = shell.ask("echo $$")
    with spawner.shell(sandbox) as shell:
        assert shell.ask("echo $$") == (pid, 0)


def test_sessions_are_shells_of_one_sandbox(spawner, sandbox):
    with spawner.shell(sandbox, "host") as one, spawner.shell(sandbox, "two") as two:
        assert one.ask("echo $$")[0] != two.ask("echo $$")[0]
        one.ask("echo shared > $HOME/file")
        assert two.ask("cat $HOME/file") == ("shared\n", 0)
        assert one.ask("echo $LABS_SESSION")[0] == "host\n"
        assert two.ask("echo $LABS_SESSION")[0] == "two\n"


def test_the_end_of_a_shell_is_told_with_its_status(spawner, sandbox):
    opened = spawner.client.open(sandbox, "host", 80, 24)
    with spawner.shell(sandbox) as shell:
        assert spawner.client.status(sandbox, "host")["alive"]
        shell.type("exit 7\n")
        shell.end()
    # a shell's terminal is closed a moment before the kernel has its exit status
    eventually(lambda: not spawner.client.status(sandbox, "host")["alive"])
    status = spawner.client.status(sandbox, "host")
    assert (status["alive"], status["code"]) == (False, 7)
    assert status["reason"] == "The shell ended."
    again = spawner.client.open(sandbox, "host", 80, 24)
    assert again.terminal != opened.terminal
    assert spawner.client.status(sandbox, "host")["alive"]
    for fd in (opened.fd, opened.ring, again.fd, again.ring):
        os.close(fd)


def test_hanging_up_ends_what_runs_in_it(spawner, sandbox):
    with spawner.shell(sandbox) as shell:
        shell.type("sh -c \"echo g''o; exec sleep 600\"\n")
        shell.until("go")
        spawner.client.hangup(sandbox, "host")
        shell.end()
    with pytest.raises(NotFound):
        spawner.client.status(sandbox, "host")


def test_both_openings_share_one_ring(spawner, sandbox):
    one = spawner.client.open(sandbox, "host", 80, 24)
    two = spawner.client.open(sandbox, "host", 80, 24)
    first, second = Ring(one.ring), Ring(two.ring)
    first.write(b"seen by both")
    assert second.read(0, 12) == b"seen by both"
    first.close()
    second.close()
    for fd in (one.fd, one.ring, two.fd, two.ring):
        os.close(fd)


def test_a_sandbox_has_only_so_many_terminals(spawner, sandbox):
    opened = [spawner.client.open(sandbox, f"t{n}", 80, 24) for n in range(8)]
    with pytest.raises(HostFull):
        spawner.client.open(sandbox, "t8", 80, 24)
    for one in opened:
        os.close(one.fd)
        os.close(one.ring)


def test_much_output_arrives_whole(spawner, sandbox):
    with spawner.shell(sandbox) as shell:
        said, code = shell.ask("seq 1 20000 | cksum; seq 1 20000")
        assert code == 0
        head, *numbers = said.split("\n")
        assert head.split()[1] == "108894"
        assert [n for n in numbers if n] == [str(n) for n in range(1, 20001)]


@pytest.mark.real
@pytest.mark.timeout(600)
def test_a_shell_in_a_container_marks_its_own_commands_only(spawner, sandbox):
    with spawner.shell(sandbox) as shell:
        shell.until(r"\x1b\]133;B")
        shell.type("docker run -it --rm alpine sh\n")
        shell.until(r"\x1b\]133;C.*?\x1b\]133;A[^D]*?# ")
        assert b"\x1b]133;D" not in shell.said, "its first prompt ends a command that nobody gave"
        shell.type("(exit 3)\n")
        shell.until(r"\x1b\]133;D;3\x07\x1b\]133;A")
        shell.type("exit 4\n")
        shell.until(r"\x1b\]133;D;4\x07.*?root@lab")
