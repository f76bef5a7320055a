"""`labs serve` on a folder of the test's own, which may be killed in every way; the figure that a test tells."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab_server.lessons import catalog
from lab_server.settings import ROOT
from tests.contract.conftest import DATA, lacking
from tests.faults import hosting
from tests.web import processes
from tests.web.processes import Serving

LONG = bool(os.environ.get("LABS_FAULTS_LONG"))  # the spans and counts of the row itself, where they take minutes
Tell = Callable[..., None]
Serve = Callable[..., Serving]


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Tell:
    """Tell what was measured: a property of the test in its JUnit file, which table.py reads.

    `late`: it took longer than the row says, which a busy machine may; the test passes, and the table says so.
    """

    def tell(text: str, late: bool = False) -> None:
        load, cores = os.getloadavg()[0], os.cpu_count()
        record_property("figure", f"{text} (late: load {load:.0f} on {cores} processors)" if late else text)
        if late:
            record_property("late", "yes")

    return tell


@pytest.fixture(scope="session")
def lesson() -> str:
    """One of the course's, which has a session `host`."""
    return next(one.id for one in catalog.load(ROOT).lessons if "host" in one.sessions)


@pytest.fixture(params=["crun", "pty"] if LONG else ["crun" if not lacking("crun") else "pty"])
def driver(request: pytest.FixtureRequest) -> str:
    """The one that makes real sandboxes, where this host has it; with LABS_FAULTS_LONG both."""
    if why := lacking(request.param):
        pytest.skip(why)
    return str(request.param)


@pytest.fixture
def crun() -> str:
    """For what needs a real sandbox."""
    if why := lacking("crun"):
        pytest.skip(why)
    return "crun"


@pytest.fixture
def place() -> Iterator[Path]:
    """An empty folder in which an overlay's upper layer can lie, closed to other users."""
    DATA.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix="faults-", dir=DATA))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def serve(place: Path) -> Iterator[Serve]:
    """Start `labs serve`: serve("crun", data=…, port=…, LABS_…=…), ready, on one folder unless another is given.

    What is left running at the end is ended, and the end must leave nothing of any sandbox.
    """
    made: list[Serving] = []

    def start(driver: str, *, data: Path | None = None, port: int = 0, **settings: str) -> Serving:
        data = data or place / "data"
        data.mkdir(exist_ok=True)
        if (DATA / "images").is_dir() and not (data / "images").exists():
            (data / "images").symlink_to(DATA / "images")
        serving = processes.start(data, driver, port, {"LABS_WARM": "0"} | settings)  # each sandbox is somebody's
        made.append(serving)
        hosting.until_ready(serving)
        return serving

    yield start
    for serving in made:
        with contextlib.suppress(ProcessLookupError):
            serving.stop()
    for serving in made:
        assert not hosting.left(serving.data), f"left of {serving.data}: {hosting.left(serving.data)}"
