"""The AppArmor profile of a learner's container: loaded, or why not.

Knows securityfs and apparmor_parser(8). Doesn't know engines. The profile itself: labs-sandbox.profile, beside this file.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from lab_server.errors import DriverUnavailable

NAME = "labs-sandbox"
UNCONFINED = "unconfined"
FILE = Path(__file__).with_name(f"{NAME}.profile")
LOADED = Path("/sys/kernel/security/apparmor/profiles")
RESTRICTS = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")


def profile() -> str:
    """NAME once it is loaded, which is tried here; else UNCONFINED. Raises DriverUnavailable where the kernel wants a profile."""
    why = _load()
    if _is_loaded():
        return NAME
    if _read(RESTRICTS) == "1":
        raise DriverUnavailable(
            f"AppArmor refuses user namespaces to what has no profile, and ours can't be loaded: {why}.",
            f"On the host, as root: apparmor_parser --replace lab_server/sandbox/{FILE.name}",
        )
    return UNCONFINED


def _load() -> str:
    """Why it can't be loaded, or ""."""
    try:
        done = subprocess.run(
            ["apparmor_parser", "--replace", "--skip-cache", str(FILE)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except FileNotFoundError:
        return "apparmor_parser is not installed"
    except subprocess.TimeoutExpired:
        return "apparmor_parser did not end in time"
    return " ".join(done.stderr.split())[-200:] if done.returncode else ""


def _is_loaded() -> bool:
    return re.search(rf"^{NAME} ", _read(LOADED), re.MULTILINE) is not None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
