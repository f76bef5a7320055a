"""`labs serve --watch`: what an author saves is on the page a moment later.

Knows the folders a course is written in, and what must happen when one changes: read the lessons, build the site, start web anew.
Doesn't know how any of it is done. What is wrong with a page is told here and on the page, and the last good site stays.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from watchdog.events import EVENT_TYPE_CLOSED_NO_WRITE, EVENT_TYPE_OPENED, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from lab_server.errors import LabError
from lab_server.lessons import catalog
from lab_server.settings import Settings
from lab_server.supervise import write_public

QUIET = 0.15  # seconds without a further change: an editor saves in several moves
READS = {EVENT_TYPE_OPENED, EVENT_TYPE_CLOSED_NO_WRITE}
Tell = Callable[[str], None]


class Watcher(FileSystemEventHandler):
    """Watches the repository `root` until `close`. `build` makes the site; `renew` puts it before readers."""

    def __init__(
        self, root: Path, settings: Settings, build: Callable[[], None], renew: Callable[[], None], tell: Tell
    ) -> None:
        self._root, self._settings = root, settings
        self._build, self._renew, self._tell = build, renew, tell
        self._changed = threading.Event()
        self._closing = False
        self._last = 0.0
        self._templates: Mapping[str, Any] = catalog.templates(catalog.load(root))
        self._say("")
        self._observer = Observer()
        for place in (root / "docs", root / "labs", root / "web" / "src"):
            if place.is_dir():
                self._observer.schedule(self, str(place), recursive=True)
        self._observer.schedule(self, str(root))
        self._observer.start()
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing = True
        self._changed.set()
        self._observer.stop()
        self._observer.join()
        self._thread.join()
        self._settings.watch_note.unlink(missing_ok=True)

    def on_any_event(self, event: FileSystemEvent) -> None:
        if event.event_type in READS or event.is_directory:
            return
        if any(self._counts(str(path)) for path in (event.src_path, event.dest_path) if path):
            self._last = time.monotonic()
            self._changed.set()

    def _counts(self, path: str) -> bool:
        """Whether a change of this file can change the course; editors' own files don't."""
        try:
            parts = Path(path).relative_to(self._root).parts
        except ValueError:
            return False
        if len(parts) == 1:
            return parts[0] == "mkdocs.yml"
        if parts[:3] == ("docs", "assets", "built") or parts[:2] == ("labs", "images"):
            return False
        return not any(
            part.startswith(".") or part.endswith(("~", ".swp", ".part")) or part == "4913" for part in parts
        )

    def _work(self) -> None:
        while True:
            self._changed.wait()
            if self._closing:
                return
            while (left := self._last + QUIET - time.monotonic()) > 0:
                time.sleep(left)  # not a guess: the quiet time itself is what is waited for
            self._changed.clear()
            self._refresh()

    def _refresh(self) -> None:
        began = time.monotonic()
        try:
            templates = catalog.templates(catalog.load(self._root))
            self._build()
        except LabError as why:
            self._say(str(why))
            self._tell(f"Not built: {why}")
            return
        except OSError as why:  # a file that went while it was read; its going is a change of its own
            self._say(f"{why.filename}: {why.strerror}")
            return
        self._say("")
        self._renew()
        self._tell(f"Built anew in {time.monotonic() - began:.1f} s.")
        if templates != self._templates:
            self._templates = templates
            self._tell("Limits of a lesson changed: they hold when scripts/serve is started anew.")

    def _say(self, problem: str) -> None:
        write_public(self._settings.watch_note, json.dumps({"problem": problem}))
