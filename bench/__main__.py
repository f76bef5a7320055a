"""`scripts/bench [PART…]`: runs the parts, prints a table, writes the JSON.

Knows the parts by name. Doesn't know how anything is measured. A part that can't run here says why, and the others go on.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench import plot
from bench.figures import Figure, table
from lab_server.errors import LabError
from lab_server.settings import load

PARTS = {
    "sandbox": "a cold sandbox of the crun driver against a bare crun run; memory of an idle one (root, crun)",
    "prompt": "from the click to the shell's prompt through web, with a sandbox that is ready and without (root, crun)",
    "page": "bytes of a lesson page before and until the terminal opens (Chromium)",
    "bridge": "output, echo, Ctrl-C and memory of a terminal against ttyd, terminado and a naive bridge",
    "checks": "what a task's check costs the server itself",
    "wall": "200 learners on one wall: the server at rest, the age of a tile, the learners' echo",
    "machine": "the vm driver: boot, create, prompt, memory; a second scripts/serve (QEMU)",
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures what docs/develop/performance.md states. All of it takes about ten minutes.",
        epilog="\n".join(f"{name:9} {what}" for name, what in PARTS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"one or more of: {', '.join(PARTS)} (all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the JSON goes (bench.json below LABS_DATA)")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw what was measured against peers")
    given = parser.parse_args(arguments)
    if unknown := sorted(set(given.parts) - set(PARTS)):
        parser.error(f"there is no part {unknown[0]!r}: {', '.join(PARTS)}")
    for number, handler in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGINT, signal.default_int_handler)):
        if signal.getsignal(number) is signal.SIG_IGN:
            # `nohup`, or a script's background, ignores them, and so would every shell of ours and our peers': none would hang up
            signal.signal(number, handler)
    begun, figures = time.time(), []
    for name in given.parts or PARTS:
        figures += _run(name)
    print(f"\n{table(figures)}")
    out = given.json or load().data / "bench.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(_record(figures, begun), indent=1, ensure_ascii=False) + "\n")
    if given.plot:
        given.plot.write_text(plot.svg(figures))
    print(f"\n{time.time() - begun:.0f} s on {_machine()}. All of it, with every round: {out}")
    return 1 if any(figure.met is False or figure.broke for figure in figures) else 0


def _run(name: str) -> list[Figure]:
    try:
        found: list[Figure] = importlib.import_module(f"bench.{name}").measure(_tell)
        return found
    except LabError as why:
        return [Figure(name, name, None, "", note=str(why))]
    except Exception as why:  # the other parts go on; the exit status says that one didn't
        if os.environ.get("LABS_LOG_LEVEL") == "debug":
            raise
        text = " ".join(f"{type(why).__name__}: {why}".split())[:300]
        return [Figure(name, name, None, "", note=f"broke: {text} (LABS_LOG_LEVEL=debug shows where)", broke=True)]


def _record(figures: Sequence[Figure], begun: float) -> dict[str, object]:
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(begun)),
        "seconds": round(time.time() - begun, 1),
        "machine": _machine(),
        "load": os.getloadavg(),
        "figures": [figure.as_json() for figure in figures],
    }


def _machine() -> str:
    return f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
