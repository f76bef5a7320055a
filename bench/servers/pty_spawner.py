"""The real spawner with the tests' PTY driver behind it: terminals without the cost, or the limits, of a sandbox.

python -m bench.servers.pty_spawner SOCKET
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from lab_server.lessons import catalog
from lab_server.sandbox.spawner import Spawner
from lab_server.sandbox.syscalls import die_with_parent
from lab_server.settings import ROOT
from tests.fakes import PtyDriver


def main() -> None:
    templates = catalog.templates(catalog.load(ROOT))
    spawner = Spawner(PtyDriver(), templates, [], Path(sys.argv[1]), reason="it is measured")
    # ignored in what a shell puts behind with &, and then in its shells too
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    spawner.stop_on(signal.SIGTERM)
    die_with_parent(signal.SIGTERM)
    spawner.serve()


main()
