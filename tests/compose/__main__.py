"""Boots the engine guest with what is shipped, and runs the script there: `python -m tests.compose`.

    python -m tests.compose [--within SECONDS] [--changes] [PART…]

What the script prints comes out as it is printed; the exit status is its own, or 70 when the guest could not run it. PARTs are those
of script.py; without any, all of them run. What is tested is HEAD, with --changes also what is not committed yet of files
that git knows.
"""

from __future__ import annotations

import argparse
import sys

from lab_server import builds
from lab_server.build import sandbox_image
from lab_server.errors import LabError
from tests.compose import shipped, visitors
from tests.compose.script import PARTS
from tests.guest import base, engine, machine, parcel
from tests.guest.machine import COULD_NOT, DATA
from tests.guest.run import teller

SCRIPT = b"""#!/bin/sh
export PYTHONPATH=/shipped/clone:/shipped/packages PYTHONPYCACHEPREFIX=/tmp/pycache
unset PYTHONDONTWRITEBYTECODE LABS_DATA
cd /shipped/clone && exec python3 -m tests.compose.script "$@"
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.compose", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--within", type=float, default=1800.0, metavar="SECONDS")
    parser.add_argument("--changes", action="store_true", help="with changes that are not committed yet")
    parser.add_argument("parts", nargs="*", metavar="PART")
    options = parser.parse_args()
    if unknown := set(options.parts) - PARTS:
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(sorted(PARTS))}")
    tell = teller()
    try:
        DATA.mkdir(parents=True, exist_ok=True)
        builds.site(shipped.ROOT, DATA).build(tell)
        sandbox_image.build(shipped.ROOT, DATA, tell, ext4=True)
        packages = shipped.packages(DATA, tell)
        scratch = base.build(DATA, tell)
        files = parcel.for_script(SCRIPT, options.parts, engine=True)
        with shipped.clone(shipped.commit(changes=options.changes), DATA) as clone:
            given = {"clone": clone, "packages": packages, "site": DATA / "site"}
            given["machine.json"] = DATA / "images/manifest.json"
            visit = machine.Visit(visitors.READY.encode(), visitors.come)
            job = machine.Job(DATA / engine.FOLDER, scratch, files, shipped=given, within=options.within, visit=visit)
            return machine.run(job, DATA)
    except LabError as why:
        print(f"tests.compose: {why}", file=sys.stderr)
        return COULD_NOT


if __name__ == "__main__":
    sys.exit(main())
