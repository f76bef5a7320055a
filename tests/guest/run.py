"""Runs pytest, or a script, as root in a guest, where cgroup v2 and everything else that a host may lack is there.

    python -m tests.guest.run [--within SECONDS] [--junit FILE] [pytest's arguments]
    python -m tests.guest.run --engine [--ship [NAME=]PATH]… [pytest's arguments]
    python -m tests.guest.run [--engine] [--ship [NAME=]PATH]… --script FILE [its arguments]

Without arguments of pytest: the contract suite with the crun driver. What it prints comes out as it is printed; the exit
status is its own, or 70 when the guest could not run it. Tests that need hypothesis stay outside (parcel.py says what
crosses).
The guest is the one that `labs build` makes; the code and the tests are this checkout's. With --engine it is another one
(engine.py, built here when it is not fresh): Docker Engine with compose and buildx serves in it, and has the image
`labs-base` (base.py), as no registry can be reached. --ship sends a folder, as /shipped/NAME, or a file, as
/shipped/files/NAME, both read-only.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab_server.build import Progress
from lab_server.errors import LabError
from tests.guest import base, engine, machine, parcel
from tests.guest.machine import COULD_NOT, DATA

USUAL = ["tests/contract", "--driver=crun"]


def named(text: str) -> tuple[str, Path]:
    """`[NAME=]PATH` as (name, path)."""
    name, equals, path = text.partition("=")
    found = Path(path if equals else text).resolve()
    if not found.exists():
        raise argparse.ArgumentTypeError(f"{found} is not there")
    return (name if equals else found.name), found


def teller() -> Progress:
    """A line whenever something else is being done."""
    last = ""

    def tell(fraction: float, text: str) -> None:
        nonlocal last
        if text != last:
            last = text
            print(f"engine guest: {text}", flush=True)

    return tell


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.guest.run", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--within", type=float, default=1500.0, metavar="SECONDS")
    parser.add_argument("--junit", type=Path, metavar="FILE")
    parser.add_argument("--engine", action="store_true", help="in the guest with Docker Engine")
    parser.add_argument("--script", type=Path, metavar="FILE", help="run this instead of pytest")
    parser.add_argument("--ship", type=named, action="append", default=[], metavar="[NAME=]PATH")
    options, arguments = parser.parse_known_args()
    try:
        if options.script:
            files = parcel.for_script(options.script.read_bytes(), arguments, engine=options.engine)
        else:
            files = parcel.for_pytest(arguments or USUAL, engine=options.engine)
        if options.engine:
            DATA.mkdir(parents=True, exist_ok=True)
            scratch = base.build(DATA, teller())
            guest = DATA / engine.FOLDER
        else:
            guest, scratch = DATA / "guest", DATA / "guest/scratch.ext4"
        job = machine.Job(guest, scratch, files, shipped=dict(options.ship), within=options.within)
        return machine.run(job, DATA, options.junit)
    except LabError as why:
        print(f"tests.guest.run: {why}", file=sys.stderr)
        return COULD_NOT


if __name__ == "__main__":
    sys.exit(main())
