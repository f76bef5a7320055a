"""The spawner as it is started for the course, with one driver more: `pty`, the tests' plain PTY.

python -m bench.servers.any_spawner --config FILE
"""

from __future__ import annotations

import sys

from lab_server.sandbox import drivers, spawner

drivers.DRIVERS["pty"] = "tests.fakes:PtyDriver"
sys.exit(spawner.main())
