"""A bare `crun run` of a bundle, timed until the sandbox's own sign that it is ready. The baseline of bench/sandbox.py.

    nsenter --mount --target SPAWNER python -m bench.bare ROOT BUNDLE

For each line on standard input one run; its milliseconds are the answer. Everything that the driver does besides (id range,
files, mounts, config.json) was done before and is not in them.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from lab_server.sandbox.commands import READY
from lab_server.sandbox.crun import Crun

WITHIN = 60.0  # seconds


def once(crun: list[str], bundle: Path, pid_file: Path) -> float:
    start = time.perf_counter()
    argv = [*crun, "run", "--detach", f"--pid-file={pid_file}", f"--bundle={bundle}", "bare"]
    # A file, not a pipe: the container keeps the descriptor.
    subprocess.run(argv, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    ready = Path(f"/proc/{pid_file.read_text()}/root/{READY}")
    while not ready.exists():
        if time.perf_counter() - start > WITHIN:
            raise SystemExit("the bare container did not get ready")
        time.sleep(0.0002)
    took = (time.perf_counter() - start) * 1e3
    subprocess.run([*crun, "delete", "--force", "bare"], check=True)
    return took


def main() -> None:
    root, bundle = Path(sys.argv[1]), Path(sys.argv[2])
    crun = Crun(root)._command()  # the very same command line, with a state folder of its own
    for _ in sys.stdin:
        print(once(crun, bundle, root.with_name("bare.pid")), flush=True)


if __name__ == "__main__":
    main()
