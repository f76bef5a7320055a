"""Where one sandbox's parts are. Knows paths only, and imports little: an agent starts with every sandbox."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple


class Parts(NamedTuple):
    """Where one sandbox's parts are. `release` is to be called when nothing of it is left."""

    id: str
    labels: Mapping[str, str]
    files: Path
    run: Path
    cgroup: Path
    release: Callable[[], None]

    @property
    def lower(self) -> Path:
        return self.run / "lower"

    @property
    def rootfs(self) -> Path:
        return self.run / "rootfs"

    @property
    def bundle(self) -> Path:
        return self.run / "bundle"
