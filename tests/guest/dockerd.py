"""In the engine guest: `dockerd.py start` returns when dockerd serves, `dockerd.py stop` when it has ended.

Knows the engine's options here and that it tells by sd_notify(3) when it is ready. Doesn't know what is run with it.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

DATA = Path("/scratch/docker")
PID = Path("/run/docker.pid")
LOG = Path("/run/dockerd.log")
SAYS = "/run/dockerd.ready"
WITHIN = 120.0  # seconds; usual under emulation is 10 to 30
COULD_NOT = 70
COMMAND = ["dockerd", f"--data-root={DATA}", "--storage-driver=overlay2", "--exec-opt=native.cgroupdriver=cgroupfs"]


def start() -> int:
    begin = time.monotonic()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, LOG.open("wb") as log:
        told.bind(SAYS)
        engine = subprocess.Popen(
            COMMAND,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "NOTIFY_SOCKET": SAYS},
            start_new_session=True,
        )
        ended = os.pidfd_open(engine.pid)
        while (left := begin + WITHIN - time.monotonic()) > 0:
            ready, _, _ = select.select([told.fileno(), ended], [], [], left)
            if ended in ready:
                break
            if ready and b"READY=1" in told.recv(4096).split(b"\n"):
                print(f"engine: serves after {time.monotonic() - begin:.1f} s", flush=True)
                return 0
    print(f"engine: did not start\n{LOG.read_text(errors='replace')[-4000:]}", file=sys.stderr, flush=True)
    return COULD_NOT


def stop() -> int:
    engine = os.pidfd_open(int(PID.read_text()))
    signal.pidfd_send_signal(engine, signal.SIGTERM)
    return 0 if select.select([engine], [], [], WITHIN)[0] else COULD_NOT


if __name__ == "__main__":
    sys.exit({"start": start, "stop": stop}[sys.argv[1]]())
