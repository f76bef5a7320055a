"""The guest's door: carries the spawner's verbs, and terminals, between the host and the spawner in the guest.

Knows TCP, the token of this start, the spawner's socket. Doesn't know what a sandbox is. Listens where only the host
comes in: learners have networks of their own, without a way here.

A connection is one request. The host sends a line of JSON, {"token": …, "verb": …, its fields}; the relay answers with
a line, {"ok": …} or {"error": …}. Then, for `open`, the connection is the terminal: raw bytes both ways, closed at the
shell's end. For `run` it carries frames (frames.py) until the one with the exit status.

    python3 -m lab_server.sandbox.guest.relay --config FILE   {"token", "address", "port", "spawner"}
"""

from __future__ import annotations

import argparse
import contextlib
import hmac
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from lab_server.errors import LabError, Refused, SpawnerGone
from lab_server.sandbox import rpc
from lab_server.sandbox.client import SpawnerClient
from lab_server.sandbox.guest import frames, pump

PATIENCE = 10.0  # seconds for a request to arrive whole
PATIENT = {"create": 120.0, "destroy": 60.0}  # seconds for the spawner's answer; others get 30
SEND_BUFFER = 32 * 1024  # bytes: what is buffered here is old output that Ctrl-C has to wait for
STARTING = 30.0  # seconds for the spawner to listen, and for its driver to be ready


class Relay:
    def __init__(self, token: str, spawner: Path) -> None:
        self._token = token.encode()
        self._client = SpawnerClient(spawner)
        self._pump = pump.Pump()
        threading.Thread(target=self._pump.run, daemon=True).start()

    def serve(self, listener: socket.socket) -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def wait(self) -> str:
        """Wait for the spawner to be ready; "" or why it is not."""
        deadline = time.monotonic() + STARTING
        said = "it does not answer"
        while time.monotonic() < deadline:
            with contextlib.suppress(SpawnerGone):
                info = self._client.info()
                said = str(info.get("detail", ""))
                if info.get("ready") or info.get("failed"):
                    return "" if info.get("ready") else said
            time.sleep(0.02)  # it is starting, in another process that has no way to call us
        return said

    def _answer(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(PATIENCE)
            request = frames.read_line(connection)
            given = str(request.pop("token", "")).encode()
            if not hmac.compare_digest(given, self._token):
                raise Refused("The token is wrong.")
            verb = str(rpc.check(request)["verb"])
            request.pop("verb")
            if verb == "open":
                self._open(connection, request)
            elif verb == "run":
                self._run(connection, request)
            else:
                reply, fds = self._client.call(verb, timeout=PATIENT.get(verb, 60.0), **request)
                rpc.close_all(fds)
                _say(connection, {"ok": reply})
                connection.close()
        except LabError as why:
            _say(connection, rpc.failure(why))
            connection.close()
        except OSError:
            connection.close()  # the host went away, or sent nothing

    def _open(self, connection: socket.socket, fields: dict[str, Any]) -> None:
        terminal = self._client.open(**fields)
        os.close(terminal.ring)  # the replay ring is kept on the host, where web is
        try:
            _say(connection, {"ok": {"terminal": terminal.terminal}})
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
            self._pump.add(terminal.fd, connection)
        except OSError:
            os.close(terminal.fd)
            raise

    def _run(self, connection: socket.socket, fields: dict[str, Any]) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asker:
            try:
                asker.connect(str(self._client.path))
            except OSError as why:
                raise SpawnerGone(f"The guest's spawner can't be reached: {why.strerror}.", "Try again.") from why
            inputs, outputs, errors = os.pipe(), os.pipe(), os.pipe()
            try:
                rpc.send(asker, {"verb": "run", **fields}, (inputs[0], outputs[1], errors[1]))
            finally:
                rpc.close_all([inputs[0], outputs[1], errors[1]])
            _say(connection, {"ok": {}})
            # closing `asker` tells the spawner that nobody waits any more
            frames.serve(connection, inputs[1], outputs[0], errors[0], asker)


def _say(connection: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(rpc.encode(message) + b"\n")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="relay", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    config = json.loads(parser.parse_args(arguments).config.read_text())
    relay = Relay(config["token"], Path(config["spawner"]))
    with socket.create_server((config["address"], config["port"]), backlog=128) as listener:
        threading.Thread(target=_tell, args=(relay,), daemon=True).start()
        relay.serve(listener)
    return 0


def _tell(relay: Relay) -> None:
    """One line on the console, which the host waits for (qemu.py)."""
    why = relay.wait()
    print(f"labs-guest: failed: {why}" if why else "labs-guest: ready", flush=True)


if __name__ == "__main__":
    sys.exit(main())
