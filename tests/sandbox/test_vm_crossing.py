"""The vm driver's way into the guest and back, without a guest: relay and spawner are real and on this host, the
sandboxes are the PTY driver's. What only a real guest shows is in tests/contract with --driver=vm."""

import contextlib
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from lab_server.errors import BadInput, DriverUnavailable, Missing, NotFound, Refused, SandboxFailed
from lab_server.sandbox.contract import UNBOUND, DriverConfig, SandboxSpec
from lab_server.sandbox.drivers import qemu
from lab_server.sandbox.drivers.vm import VmDriver, parcel
from lab_server.sandbox.guest import frames
from lab_server.sandbox.guest.relay import Relay
from lab_server.sandbox.spawner import Spawner
from tests.fakes import PtyDriver
from tests.shell import Shell, eventually

ROOT = Path(__file__).parents[2]
KERNEL = Path(os.environ.get("LABS_DATA") or ROOT / ".labs") / "guest/vmlinuz"
TOKEN = "a secret of this start"
ID = "crossing1"


class LivingGuest:
    def alive(self):
        return True


@pytest.fixture
def crossing(tmp_path):
    spawner = Spawner(PtyDriver(), {}, [], tmp_path / "spawner.sock")
    serving = threading.Thread(target=spawner.serve)
    serving.start()
    relay = Relay(TOKEN, tmp_path / "spawner.sock")
    assert relay.wait() == ""
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_serve, args=(relay, listener), daemon=True).start()
    driver = VmDriver(DriverConfig(tmp_path, tmp_path, tmp_path, tmp_path))
    driver._port, driver._token = listener.getsockname()[1], TOKEN
    driver._guest = LivingGuest()  # type: ignore[assignment]
    yield driver
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    spawner.stop()
    serving.join(30)
    assert not serving.is_alive()


def _serve(relay, listener):
    with contextlib.suppress(OSError):
        relay.serve(listener)


@pytest.fixture
def box(crossing):
    sandbox = crossing.create(ID, SandboxSpec(), {"owner": "me"})
    yield sandbox
    sandbox.destroy()


def test_one_that_ended_in_the_guest_is_told_and_all_are_gone_with_the_guest(crossing, box, monkeypatch):
    assert crossing.ended([ID, "elsewhere"]) == [] and box.alive()
    told = {"sandboxes": [{"sandbox": ID, "state": "gone"}], "more": ""}
    monkeypatch.setattr(crossing, "ask", lambda verb, **fields: told if verb == "list" else {})
    assert crossing.ended([ID, "elsewhere"]) == [ID] and not box.alive()
    monkeypatch.setattr(LivingGuest, "alive", lambda self: False)
    assert crossing.ended([ID, "elsewhere"]) == [ID, "elsewhere"]
    monkeypatch.undo()


def test_one_that_is_nobodys_crosses_though_callers_may_not_say_so(crossing):
    warm = crossing.create("warm0123456789ab", SandboxSpec(), UNBOUND)
    assert warm.alive() and warm.labels == UNBOUND
    warm.destroy()
    assert not warm.alive()
    with pytest.raises(BadInput, match="labels"):
        crossing.ask("create", sandbox=ID, template="default", labels=UNBOUND)


def test_a_terminal_crosses(box):
    terminal = box.terminal("host", 90, 33)
    shell = Shell(terminal.fd)
    assert shell.ask("stty size") == ("33 90\n", 0)
    terminal.resize(101, 44)
    assert shell.ask("stty size") == ("44 101\n", 0)
    assert terminal.status() is None
    shell.type("exit 7\n")
    assert _to_the_end(terminal.fd, 10)
    assert eventually(terminal.status) == 7  # the terminal is closed a moment before the kernel has the exit status
    terminal.close()
    terminal.close()


def test_closing_a_terminal_ends_its_shell(box):
    terminal = box.terminal("host", 80, 24)
    pid = int(Shell(terminal.fd).ask("echo $$")[0])
    terminal.close()
    assert terminal.status() == 129
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_interrupting_a_flood_is_quick(box):
    terminal = box.terminal("host", 80, 24)
    shell = Shell(terminal.fd)
    shell.ask("true")
    shell.type("yes\n")
    time_over = time.monotonic() + 1
    while time.monotonic() < time_over:
        select.select([terminal.fd], [], [], 1)
        os.read(terminal.fd, 65536)
    start = len(shell.said)
    shell.type("\x03")
    shell.until(r"133;D;130", within=5, start=start)
    # what was under way is bounded by the buffers, however long the flood was
    assert len(shell.said) - start < 1 << 20
    terminal.close()


def test_a_reader_that_stands_still_stops_the_program_not_the_relay(box):
    still, other = box.terminal("host", 80, 24), box.terminal("other", 80, 24)
    Shell(still.fd).type("yes\n")
    select.select([still.fd], [], [], 10)
    assert Shell(other.fd).ask("echo here") == ("here\n", 0)
    for terminal in (still, other):
        terminal.close()


@pytest.mark.parametrize("size", [0, 1, 300_000])
def test_a_commands_streams_cross_whole(box, size):
    given = os.urandom(size)
    code, out, err = _run(box, ["sh", "-c", "cat; echo trouble >&2; exit 3"], given)
    assert (code, out, err) == (3, given, b"trouble\n")


def test_a_command_nobody_waits_for_is_ended(box, tmp_path):
    ours, theirs = socket.socketpair()
    note = tmp_path / "pid"
    outcome = []
    with tempfile.TemporaryFile() as nothing:
        fds = (nothing.fileno(),) * 3
        argv = ["sh", "-c", f"echo $$ >{note}.new; mv {note}.new {note}; exec sleep 600"]
        waiting = threading.Thread(target=lambda: outcome.append(box.run(argv, fds, theirs.fileno())))
        waiting.start()
        _eventually(note.exists)
        ours.close()
        waiting.join(10)
    theirs.close()
    assert outcome == [137]


def test_errors_keep_their_kind(crossing, box):
    with pytest.raises(NotFound):
        crossing.ask("resize", sandbox="notthere1", session="host", columns=80, rows=24)
    with pytest.raises(NotFound, match="template"):
        crossing.create("another11", SandboxSpec(template="unknown"), {})
    with pytest.raises(BadInput, match="no verb"):
        crossing.ask("mount")
    with pytest.raises(BadInput, match="no field"):
        crossing.ask("create", sandbox="another11", template="default", labels={}, image="mine")


@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], 7, None])
def test_without_the_token_nothing_is_answered(crossing, box, token):
    crossing._token = token
    with pytest.raises(Refused):
        crossing.ask("list")
    with pytest.raises(Refused):
        box.terminal("host", 80, 24)
    crossing._token = TOKEN


@pytest.mark.parametrize("line", [b"\n", b"[]\n", b"not json\n", b"{" + b"x" * 70_000 + b"\n", b"\xff\xfe\n"])
def test_nonsense_is_answered_with_a_reason_and_the_relay_goes_on(crossing, line):
    with socket.create_connection(("127.0.0.1", crossing._port), timeout=10) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(line)
        with contextlib.suppress(ConnectionError), connection.makefile("rb") as file:
            assert b'"error"' in file.readline()
    assert crossing.ask("info")["ready"]


def test_a_guest_that_is_gone_is_told_as_such(crossing, box):
    terminal = box.terminal("host", 80, 24)
    crossing._guest, crossing._port = None, qemu.free_port()
    with pytest.raises(SandboxFailed, match="has ended"):
        box.terminal("other", 80, 24)
    assert terminal.status() == 137
    assert not box.alive()
    box.destroy()  # no error: nothing is left of it


def test_starting_says_what_is_missing_and_what_is_damaged(tmp_path):
    guest, images = tmp_path / "guest", tmp_path / "images"
    for folder in (guest, images):
        folder.mkdir()
    driver = VmDriver(DriverConfig(images, guest, tmp_path / "data", tmp_path / "run"))
    with pytest.raises(Missing, match=r"vmlinuz.*labs build"):
        driver.start()
    for name in ("vmlinuz", "initrd.gz", "probe.gz", "root.ext4", "scratch.ext4"):
        (guest / name).write_bytes(b"x" * 10)
    with pytest.raises(Missing, match=r"sandbox\.ext4"):
        driver.start()
    (images / "sandbox.ext4").write_bytes(b"x" * 10)
    (guest / "manifest.json").write_text('{"sizes": {"root.ext4": 11}}')
    with pytest.raises(DriverUnavailable, match=r"root\.ext4 is damaged.*--force"):
        driver.start()
    driver.close()


def test_nothing_secret_is_on_a_command_line(tmp_path):
    kernel = tmp_path / "vmlinuz"
    machine = qemu.Machine(kernel, b"", memory=512, port=4711)
    for accelerator in ("tcg", "kvm"):
        words = " ".join(qemu.command(machine, accelerator, {None: 5, kernel: 6}))
        assert "restrict=on" in words
        assert "hostfwd=tcp:127.0.0.1:4711-" in words
        assert "token" not in words
    files = parcel(TOKEN, {})
    holding = [name for name, (content, _) in files.items() if TOKEN.encode() in content]
    assert holding == ["relay.json"]
    assert files["relay.json"][1] == 0o600


def test_frames_come_whole_however_they_are_cut():
    sent = [(frames.STDOUT, b"abc"), (frames.STDERR, b""), (frames.EXIT, b"{}")]
    stream = b"".join(frames.frame(*one) for one in sent)
    for step in (1, 2, 7, len(stream)):
        reader = frames.Reader()
        got = [one for at in range(0, len(stream), step) for one in reader.feed(stream[at : at + step])]
        assert got == sent
    with pytest.raises(BadInput):
        frames.Reader().feed(struct.pack("!BI", 1, frames.MOST + 1))


needs_qemu = pytest.mark.skipif(not shutil.which(qemu.PROGRAM), reason="QEMU is not installed")


@needs_qemu
def test_qemu_that_cannot_start_is_told_with_its_own_words(tmp_path):
    (tmp_path / "kernel").write_bytes(b"no kernel at all")
    guest = qemu.Guest(qemu.Machine(tmp_path / "kernel", b"x", scratch=tmp_path), "tcg")
    with pytest.raises(DriverUnavailable, match=r"(?s)ended while it booted.*kernel"):
        guest.start(20)
    assert not guest.alive()
    guest.stop()
    assert [path.name for path in tmp_path.iterdir()] == ["kernel"]


@needs_qemu
def test_a_missing_part_is_told(tmp_path):
    guest = qemu.Guest(qemu.Machine(tmp_path / "no-such-kernel", b"x", scratch=tmp_path), "tcg")
    with pytest.raises(DriverUnavailable, match="no-such-kernel"):
        guest.start(20)
    guest.stop()


@needs_qemu
@pytest.mark.skipif(not KERNEL.exists(), reason="the guest is not built: labs build")
def test_a_guest_ends_with_the_process_that_keeps_it_and_runs_as_nobody(tmp_path):
    script = (
        "import sys, threading, time; from pathlib import Path; from lab_server.sandbox.drivers import qemu\n"
        "kernel, scratch = Path(sys.argv[1]), Path(sys.argv[2])\n"
        "guest = qemu.Guest(qemu.Machine(kernel, b'', scratch=scratch), 'tcg')\n"
        "threading.Thread(target=guest.start, args=(600,), daemon=True).start()\n"
        "guest._started.wait(); print(guest._process.pid, flush=True); time.sleep(600)\n"
    )
    keeper = subprocess.Popen(
        [sys.executable, "-c", script, str(KERNEL), str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert keeper.stdout
    with keeper.stdout as said:
        pid = int(said.readline())
    process = Path(f"/proc/{pid}")
    _eventually(lambda: b"qemu" in (process / "cmdline").read_bytes().split(b"\0")[0])
    if os.getuid() == 0:
        assert f"\nUid:\t{qemu.USER}\t" in (process / "status").read_text()
    keeper.kill()
    keeper.wait()
    _eventually(lambda: not process.exists() or "\nState:\tZ" in (process / "status").read_text())


def test_what_a_killed_one_left_is_cleared(tmp_path):
    (tmp_path / "qemu-abc").mkdir()
    (tmp_path / "other").mkdir()
    qemu.clear(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["other"]


def _run(box, argv, given):
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        source.write(given)
        source.seek(0)
        code = box.run(argv, (source.fileno(), out.fileno(), err.fileno()))
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def _eventually(ask, within=10.0):
    until = time.monotonic() + within
    while not ask():
        assert time.monotonic() < until
        time.sleep(0.01)


def _to_the_end(fd, within):
    """Whether end of file comes in time."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if select.select([fd], [], [], 0.1)[0] and not os.read(fd, 65536):
            return True
    return False
