"""The first process of a container: starts one command, passes on the signals that end it, and reaps what is left to it.

    python -P -m lab_server.sandbox.reaper CMD…      ends with CMD, with its exit status (128 + n when a signal ended it)

The kernel gives orphans of a pid namespace to its first process, and drops signals that this one has no handler for
(pid_namespaces(7)). Knows processes and signals. Doesn't know what it starts. Standard library only.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

PASSED_ON = (signal.SIGTERM, signal.SIGINT)


def run(argv: Sequence[str]) -> int:
    """Until the command ends; its exit status, as a shell gives it."""
    watched = {signal.SIGCHLD, *PASSED_ON}
    signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    child = os.posix_spawnp(argv[0], list(argv), os.environ, setsigmask=())
    while True:
        if (number := signal.sigwait(watched)) != signal.SIGCHLD:
            os.kill(child, number)
            continue
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == child:
                code = os.waitstatus_to_exitcode(ended[1])
                return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
