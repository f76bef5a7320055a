"""Runs pytest as root inside the guest, where cgroup v2 and everything else that a host may lack is there.

    python -m tests.guest.run [--within SECONDS] [--junit FILE] [pytest's arguments]

Without arguments of pytest: the contract suite with the crun driver. Only pure Python crosses (the guest's Python is
another), so tests that need hypothesis stay outside. What pytest prints comes out as it is printed; the exit status is
pytest's, or 70 when the guest could not run it.
The guest is the one that `labs build` makes; the code and the tests are this checkout's.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from lab_server.errors import LabError
from lab_server.sandbox.drivers import qemu
from lab_server.sandbox.guest import payload

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("LABS_DATA") or ROOT / ".labs")
USUAL = ["tests/contract", "--driver=crun"]
# pytest and what it imports; plugins are named, since the guest sees no package metadata
LIBRARIES = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "pytest_timeout")
DESCRIBED = ("iniconfig", "pluggy", "pytest", "pytest-timeout")  # those that look for their own version
# of the tests: not what needs the web side's packages
FOLDERS = ("contract", "sandbox")
SHARED = ("__init__.py", "fakes.py", "shell.py")
COULD_NOT = 70
STATUS = b"labs-guest-status "

SCRIPT = """#!/bin/sh
for port in /sys/class/virtio-ports/*; do read -r name <"$port/name"; ln -s "/dev/${{port##*/}}" "/run/$name"; done
exec >/run/labs.out 2>&1 </dev/null
ln -s /images /scratch/images
cd /run/labs
export LABS_DATA=/scratch PYTHONPATH=/run/labs:/run/labs/libraries PYTHONDONTWRITEBYTECODE=1 TERM=dumb
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 COLUMNS=120 LABS_IN_GUEST=1
echo labs-guest: ready >/dev/console
python3 -m pytest -p pytest_timeout -W ignore::pytest.PytestConfigWarning -p no:cacheprovider --junit-xml=/tmp/junit.xml {arguments}
status=$?
{{ echo "labs-guest-status $status"; cat /tmp/junit.xml; }} >/run/labs.result
busybox poweroff -f
"""


def libraries() -> Iterator[tuple[str, bytes]]:
    """(name below libraries/, content) of the pure-Python packages that the tests import."""
    for name in DESCRIBED:
        about = metadata.distribution(name)
        folder = f"{name.replace('-', '_')}-{about.version}.dist-info"
        yield f"{folder}/METADATA", (about.read_text("METADATA") or "").encode()
    for name in LIBRARIES:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            raise SystemExit(f"tests.guest.run: {name} is not installed; pip install -r requirements.lock")
        origin = Path(spec.origin)
        if not spec.submodule_search_locations:
            yield origin.name, origin.read_bytes()
            continue
        for file in sorted(origin.parent.rglob("*")):
            wanted = file.suffix == ".py"
            # of the highlighter, pytest uses two lexers
            if wanted and not ("lexers" in file.parts and file.stem not in PYGMENTS):
                yield f"{name}/{file.relative_to(origin.parent)}", file.read_bytes()


PYGMENTS = ("__init__", "_mapping", "python", "diff")


def parcel(arguments: list[str]) -> dict[str, tuple[bytes, int]]:
    files = payload.code()
    tests = [ROOT / "tests" / name for name in SHARED if (ROOT / "tests" / name).exists()]
    tests += [file for folder in FOLDERS for file in sorted((ROOT / "tests" / folder).rglob("*.py"))]
    for file in [ROOT / "pyproject.toml", *tests]:
        files[str(file.relative_to(ROOT))] = (file.read_bytes(), payload.PUBLIC)
    for name, content in libraries():
        files[f"libraries/{name}"] = (content, payload.PUBLIC)
    files["inittab"] = (b"::once:/run/labs/test\n", payload.PUBLIC)
    files["test"] = (SCRIPT.format(arguments=shlex.join(arguments)).encode(), payload.PROGRAM)
    return files


def machine(arguments: list[str], place: Path) -> qemu.Machine:
    guest, images = DATA / "guest", DATA / "images"
    extra = ["-device", "virtio-serial-pci"]
    for name in ("out", "result"):
        extra += ["-chardev", f"file,id={name},path={place / name}"]
        extra += ["-device", f"virtserialport,chardev={name},name=labs.{name}"]
    return qemu.Machine(
        kernel=guest / "vmlinuz",
        ramdisk=(guest / "initrd.gz").read_bytes() + payload.archive(parcel(arguments)),
        disks=[
            qemu.Disk(guest / "root.ext4"),
            qemu.Disk(images / "sandbox.ext4"),
            qemu.Disk(guest / "scratch.ext4", throwaway=True),
        ],
        memory=qemu.guest_memory(),
        cpus=max(2, min(4, os.cpu_count() or 1)),
        port=qemu.free_port(),
        scratch=place,
        extra=extra,
        confined=False,  # it writes the files that we read
    )


def run(arguments: list[str], within: float, junit: Path | None) -> int:
    """pytest's exit status. Raises LabError when the guest can't be booted."""
    guest = DATA / "guest"
    accelerator, why = qemu.accelerator(guest / "vmlinuz", guest / "probe.gz", guest)
    print(f"guest: booting with {accelerator.upper()} ({why})", flush=True)
    with tempfile.TemporaryDirectory(prefix="guest-", dir=DATA) as name:
        place = Path(name)
        (place / "out").touch()
        (place / "result").touch()
        booted = qemu.Guest(machine(arguments, place), accelerator)
        try:
            print(f"guest: up after {booted.start(qemu.BOOT_WITHIN[accelerator]):.1f} s", flush=True)
            ended = _follow(booted, place / "out", time.monotonic() + within)
        finally:
            booted.stop()
        head, _, report = (place / "result").read_bytes().partition(b"\n")
    if not ended or not head.startswith(STATUS):
        print(f"guest: pytest did not finish{'' if ended else f' within {within:.0f} s'}", file=sys.stderr)
        print("\n".join(booted.console()[-12:]), file=sys.stderr)
        return COULD_NOT
    if junit:
        junit.write_bytes(report)
    return int(head.removeprefix(STATUS))


def _follow(guest: qemu.Guest, output: Path, deadline: float) -> bool:
    """Print what comes until QEMU ends; whether it did in time."""
    with output.open("rb") as file:
        while True:
            ended = guest.wait(0.2) is not None
            sys.stdout.buffer.write(file.read())
            sys.stdout.buffer.flush()
            if ended or time.monotonic() > deadline:
                return ended


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.guest.run", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--within", type=float, default=1500.0, metavar="SECONDS")
    parser.add_argument("--junit", type=Path, metavar="FILE")
    options, arguments = parser.parse_known_args()
    try:
        return run(arguments or USUAL, options.within, options.junit)
    except LabError as why:
        print(f"tests.guest.run: {why}", file=sys.stderr)
        return COULD_NOT


if __name__ == "__main__":
    sys.exit(main())
