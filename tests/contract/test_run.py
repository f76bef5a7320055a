"""One command in a sandbox, on the asker's own descriptors."""

import os
import socket
from concurrent.futures import ThreadPoolExecutor

from lab_server.sandbox import rpc


def test_output_errors_and_status_pass_through(spawner, sandbox):
    code, out, err = spawner.run(sandbox, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (code, out, err) == (3, "out\n", "err\n")


def test_input_passes_through(spawner, sandbox):
    assert spawner.run(sandbox, "tr", "a-z", "A-Z", given=b"shout\n" * 3000) == (0, "SHOUT\n" * 3000, "")


def test_a_signal_is_told_as_a_shell_tells_it(spawner, sandbox):
    assert spawner.run(sandbox, "sh", "-c", "kill -KILL $$")[0] == 137


def test_a_command_that_is_not_there_is_127(spawner, sandbox):
    code, _, err = spawner.run(sandbox, "no-such-command")
    assert code == 127
    assert "no-such-command" in err


def test_words_are_never_a_shells(spawner, sandbox):
    assert spawner.run(sandbox, "echo", "$(id); `id` && rm") == (0, "$(id); `id` && rm\n", "")


def test_a_command_nobody_waits_for_is_killed(spawner, sandbox):
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asker:
        asker.connect(str(spawner.client.path))
        argv = ["sh", "-c", "echo started; exec sleep 600"]
        rpc.send(asker, {"verb": "run", "sandbox": sandbox, "argv": argv}, (null, write, null))
        os.close(write)
        assert os.read(read, 100) == b"started\n"
    assert os.read(read, 100) == b""  # every holder of the pipe's other end is gone
    os.close(read)
    os.close(null)


def test_a_command_whose_reader_has_left_ends(spawner, sandbox):
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    with ThreadPoolExecutor(1) as asker:
        code = asker.submit(spawner.client.run, sandbox, ["yes"], (null, write, null))
        assert os.read(read, 2) == b"y\n"
        os.close(write)
        os.close(read)
        assert code.result(timeout=60) == 141
    os.close(null)
