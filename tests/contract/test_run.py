"""One command in a shared, on the asker's own descriptors."""

import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from lab_server.errors import NotFound
from lab_server.sandbox import rpc


def test_output_errors_and_status_pass_through(spawner, shared):
    code, out, err = spawner.run(shared, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (code, out, err) == (3, "out\n", "err\n")


def test_input_passes_through(spawner, shared):
    assert spawner.run(shared, "tr", "a-z", "A-Z", given=b"shout\n" * 3000) == (0, "SHOUT\n" * 3000, "")


def test_a_signal_is_told_as_a_shell_tells_it(spawner, shared):
    assert spawner.run(shared, "sh", "-c", "kill -KILL $$")[0] == 137


def test_a_command_that_is_not_there_is_127(spawner, shared):
    code, _, err = spawner.run(shared, "no-such-command")
    assert code == 127
    assert "no-such-command" in err


def test_words_are_never_a_shells(spawner, shared):
    assert spawner.run(shared, "echo", "$(id); `id` && rm") == (0, "$(id); `id` && rm\n", "")


def test_a_command_nobody_waits_for_is_killed(spawner, shared):
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asker:
        asker.connect(str(spawner.client.path))
        argv = ["sh", "-c", "echo started; exec sleep 600"]
        rpc.send(asker, {"verb": "run", "sandbox": shared, "argv": argv}, (null, write, null))
        os.close(write)
        assert os.read(read, 100) == b"started\n"
    assert os.read(read, 100) == b""  # every holder of the pipe's other end is gone
    os.close(read)
    os.close(null)


def test_a_command_whose_reader_has_left_ends(spawner, shared):
    read, write = os.pipe()
    null = os.open("/dev/null", os.O_RDWR)
    with ThreadPoolExecutor(1) as asker:
        code = asker.submit(spawner.client.run, shared, ["yes"], (null, write, null))
        assert os.read(read, 2) == b"y\n"
        os.close(write)
        os.close(read)
        assert code.result(timeout=60) == 141
    os.close(null)


def test_what_is_captured_is_all_of_it(spawner, shared):
    given = b"0123456789abcde\n" * 20_000  # more than pipes hold
    found = spawner.client.capture(shared, ["sh", "-c", "echo lost >&2; cat; exit 3"], given, 1 << 20, 60)
    assert (found.code, found.output) == (3, given)


def test_input_that_nobody_reads_is_no_hindrance(spawner, shared):
    found = spawner.client.capture(shared, ["echo", "out"], b"x" * (1 << 20), 100, 60)
    assert (found.code, found.output) == (0, b"out\n")


def test_too_much_output_ends_it(spawner, shared):
    found = spawner.client.capture(shared, ["yes"], b"", 100_000, 60)
    assert (found.code, found.output) == (None, b"y\n" * 50_000)


def test_time_ends_it(spawner, shared):
    began = time.monotonic()
    found = spawner.client.capture(shared, ["sh", "-c", "echo so far; exec sleep 600"], b"", 100, 4)
    assert (found.code, found.output) == (None, b"so far\n")
    assert time.monotonic() - began < 60


def test_a_word_from_the_asker_ends_it(spawner, shared):
    read, write = os.pipe()
    with ThreadPoolExecutor(1) as asker:
        ended = asker.submit(spawner.client.capture, shared, ["sleep", "600"], b"", 100, 600, read)
        os.write(write, b"x")
        assert ended.result(timeout=60).code is None
    os.close(read)
    os.close(write)


def test_what_can_not_be_run_is_told(spawner, shared):
    assert spawner.client.capture(shared, ["no-such-command"], b"", 100, 60).code == 127
    with pytest.raises(NotFound):
        spawner.client.capture("nosuchsandbox", ["true"], b"", 100, 60)
