"""Which builds are needed for what, in which order, and how their progress is shown.

Knows the builders by name. Doesn't know how they build: each decides itself what is stale. Builders that don't depend on one
another run side by side; the first failure is the one that is told, after the others have ended.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn

from lab_server.build import Progress as Told
from lab_server.build import commands, part
from lab_server.errors import HostFull, Missing

Build = Callable[[Told], None]
Hear = Callable[[str], None]
# what can be built by itself → the file in LABS_DATA that says what it was built from
NOTES = {"site": "site.inputs", "machine": "images/manifest.json", "guest": "guest/manifest.json"}
PARTS = tuple(NOTES)


@dataclass(frozen=True)
class Job:
    name: str
    build: Build


def site(root: Path, data: Path, *, watching: bool = False) -> Job:
    """The page's script, then the site; nothing where neither changed. `watching`: quickly, and pages reload themselves."""

    def build(progress: Told) -> None:
        from lab_server.build import page
        from lab_server.build import site as builder

        page.build_page(root, part(progress, 0.0, 0.4))
        stamp, made_from = data / "site.inputs", builder.inputs(root, data) + (" watching" if watching else "")
        if (data / "site" / "index.html").exists() and stamp.exists() and stamp.read_text() == made_from:
            progress(1.0, "The site is up to date")
            return
        builder.build_site(root, data / "site", part(progress, 0.4, 1.0), watching=watching)
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


def usual(driver: str, *, with_site: bool = True) -> tuple[str, ...]:
    """Which PARTS are needed for this driver's sandboxes, and the site."""
    return (*(("site",) if with_site else ()), "machine", *(("guest",) if driver == "vm" else ()))


def jobs(root: Path, data: Path, driver: str, parts: Collection[str], *, watching: bool = False) -> list[Job]:
    """The builders of these PARTS; the machine as this driver wants it."""
    makers: dict[str, Callable[[], Job]] = {
        "site": lambda: site(root, data, watching=watching),
        "machine": lambda: machine(root, data, disk=driver == "vm"),
        "guest": lambda: guest(root, data),
    }
    return [make() for name, make in makers.items() if name in parts]


def forget(data: Path, parts: Collection[str]) -> None:
    """Have these PARTS built anew, even where they are up to date."""
    for name in parts:
        (data / NOTES[name]).unlink(missing_ok=True)


def check(data: Path, driver: str) -> None:
    """Raises BuildFailed where what this driver's sandboxes are made of is not built, is cut short or damaged."""
    from lab_server.build import guest as guest_builder
    from lab_server.build import sandbox_image

    sandbox_image.check(data, ext4=driver == "vm")
    if driver == "vm":
        guest_builder.check(data / "guest")


def packages(driver: str, root: Path, data: Path, parts: Collection[str], *, to_run: bool = True) -> list[str]:
    """Debian packages that building what is stale of these PARTS lacks, and running this driver (`to_run`)."""
    from lab_server.build import guest as guest_builder
    from lab_server.build import needs, sandbox_image

    purposes = [driver] if to_run and driver in needs.NEEDS else []
    if "machine" in parts and not sandbox_image.fresh(root, data, ext4=driver == "vm"):
        purposes += ["images", "disk"] if driver == "vm" else ["images"]
    if "guest" in parts and not guest_builder.fresh(root, data):
        purposes.append("guest")
    return needs.missing(purposes)


def prepare(
    root: Path,
    data: Path,
    driver: str,
    console: Console,
    *,
    only: Collection[str] = (),
    install: bool = False,
    with_site: bool = True,
    watching: bool = False,
    hear: Hear = lambda line: None,
) -> None:
    """Everything built that is needed, and the packages for it there; or `only` these PARTS, needed or not.

    Raises Missing, BuildFailed, HostFull.
    """
    from lab_server.build import needs

    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as why:
        raise HostFull(f"The folder {data} can't be made: {why.strerror}.", "Set LABS_DATA to another.") from None
    parts = only or usual(driver, with_site=with_site)
    lacking = packages(driver, root, data, parts, to_run=not only)
    if lacking and install:
        run([Job("packages", lambda told: needs.install_missing(lacking, told))], console, hear)
    elif lacking:
        raise Missing(f"Not installed: {', '.join(lacking)}.", f"As root: apt-get install {' '.join(lacking)}")
    run(jobs(root, data, driver, parts, watching=watching), console, hear)


def run(wanted: Sequence[Job], console: Console, hear: Hear = lambda line: None) -> None:
    """Run them side by side, with bars on a terminal and lines elsewhere; `hear` is told what is being done, too.

    Raises what the first failing build raised.
    """
    show = _Bars(console) if console.is_terminal else _Lines(console)

    def teller(name: str) -> Told:
        tell = show.teller(name)

        def both(fraction: float, text: str) -> None:
            tell(fraction, text)
            hear(f"{name}: {text} ({fraction:.0%})")

        return both

    with show, ThreadPoolExecutor(len(wanted) or 1) as pool, commands.interruptible():
        futures = [pool.submit(job.build, teller(job.name)) for job in wanted]
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
