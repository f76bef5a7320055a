"""Which builds are needed for what, in which order, and how their progress is shown.

Knows the builders by name. Doesn't know how they build: each decides itself what is stale. Builders that don't depend on one
another run side by side; the first failure is the one that is told, after the others have ended.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lab_server.build import Progress as Told
from lab_server.build import commands, part

Build = Callable[[Told], None]


@dataclass(frozen=True)
class Job:
    name: str
    build: Build


def site(root: Path, data: Path) -> Job:
    """The page's script, then the site; nothing where neither changed."""

    def build(progress: Told) -> None:
        from lab_server.build import page
        from lab_server.build import site as builder

        page.build_page(root, part(progress, 0.0, 0.4))
        stamp, made_from = data / "site.inputs", builder.inputs(root)
        if (data / "site" / "index.html").exists() and stamp.exists() and stamp.read_text() == made_from:
            progress(1.0, "The site is up to date")
            return
        builder.build_site(root, data / "site", part(progress, 0.4, 1.0))
        stamp.write_text(made_from)

    return Job("site", build)


def machine(root: Path, data: Path, *, disk: bool) -> Job:
    """The learner's machine and the image store; as a disk too, where the guest needs one."""

    def build(progress: Told) -> None:
        from lab_server.build import sandbox_image

        sandbox_image.build(root, data, progress, ext4=disk)

    return Job("learner's machine", build)


def guest(root: Path, data: Path) -> Job:
    def build(progress: Told) -> None:
        from lab_server.build import guest as builder

        builder.build(root, data, progress)

    return Job("guest", build)


def jobs(root: Path, data: Path, driver: str, *, with_site: bool = True) -> list[Job]:
    """What this driver's sandboxes need, and the site."""
    found = [site(root, data)] if with_site else []
    found.append(machine(root, data, disk=driver == "vm"))
    return [*found, guest(root, data)] if driver == "vm" else found


def packages(driver: str, root: Path, data: Path) -> list[str]:
    """Debian packages that running this driver, and building what is stale for it, lack."""
    from lab_server.build import guest as guest_builder
    from lab_server.build import needs, sandbox_image

    purposes = [driver] if driver in needs.NEEDS else []
    if not sandbox_image.fresh(root, data, ext4=driver == "vm"):
        purposes += ["images", "disk"]
    if driver == "vm" and not guest_builder.fresh(root, data):
        purposes.append("guest")
    return needs.missing(purposes)


def run(jobs: Sequence[Job], console: Console) -> None:
    """Run them side by side, with bars on a terminal and lines elsewhere. Raises what the first failing build raised."""
    show = _Bars(console) if console.is_terminal else _Lines(console)
    with show, ThreadPoolExecutor(len(jobs) or 1) as pool, commands.interruptible():
        futures = [pool.submit(job.build, show.teller(job.name)) for job in jobs]
        wait(futures)
    for future in futures:
        future.result()


class _Bars:
    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.fields[name]:18}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", style="dim"),
            console=console,
        )

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def teller(self, name: str) -> Told:
        task = self._progress.add_task("", total=1.0, name=name)

        def tell(fraction: float, text: str) -> None:
            self._progress.update(task, completed=fraction, description=text)

        return tell


class _Lines:
    """Where there is no terminal: a line whenever something else is being done."""

    def __init__(self, console: Console) -> None:
        self._console, self._lock = console, threading.Lock()

    def __enter__(self) -> _Lines:
        return self

    def __exit__(self, *_: object) -> None:
        sys.stdout.flush()

    def teller(self, name: str) -> Told:
        last = ""

        def tell(fraction: float, text: str) -> None:
            nonlocal last
            if text != last:
                last = text
                with self._lock:
                    self._console.print(f"{name}: {text}", markup=False, highlight=False, soft_wrap=True)

        return tell
