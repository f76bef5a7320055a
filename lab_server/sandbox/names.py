"""How what crosses the spawner's socket is called, and how large a terminal is. Imports little: an agent starts with each sandbox."""

from __future__ import annotations

import re

SANDBOX_ID = re.compile(r"[a-z0-9]{8,32}")
SESSION = re.compile(r"[a-z][a-z0-9-]{0,15}")
LABEL = re.compile(r"[A-Za-z0-9._/@:-]{0,128}")
MAX_COLUMNS = 1000
MAX_ROWS = 500
UNBOUND = {"spawner": "warm"}  # labels of a sandbox that is nobody's yet (pool.py); taken from no caller
