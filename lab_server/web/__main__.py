"""The web process: gives up every privilege first, then serves.

    python -m lab_server.web --settings FILE --listener FD --parent PID [--uid N --gid N --keep PATH…]

Started by supervise.py, which holds the listening socket and starts this anew when it dies.
"""

from __future__ import annotations

import argparse
import signal
import socket
import sys
from pathlib import Path

from lab_server import privileges
from lab_server.errors import LabError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab_server.web", description="The web process of `labs serve`.")
    parser.add_argument("--settings", type=Path, required=True, help="JSON file: the settings")
    parser.add_argument("--listener", type=int, required=True, help="the inherited listening socket")
    parser.add_argument("--parent", type=int, required=True, help="end when this process does")
    parser.add_argument("--uid", type=int, help="become this user")
    parser.add_argument("--gid", type=int, help="become this group")
    parser.add_argument("--keep", type=Path, action="append", default=[], help="must stay reachable")
    given = parser.parse_args()
    try:
        text = given.settings.read_text()
        privileges.go_first()
        if given.uid is not None:
            privileges.drop(given.uid, given.gid, given.keep)
        privileges.no_new()
        privileges.die_with(given.parent, signal.SIGKILL)

        from lab_server.settings import Settings
        from lab_server.web import server

        server.serve(Settings.model_validate_json(text), socket.socket(fileno=given.listener))
    except LabError as why:
        print(f"web: {why}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
