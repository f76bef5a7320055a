"""Builds what the course runs on: the learner's machine, its image store, the guest, the site.

Knows tools of the host and folders below LABS_DATA. Doesn't know drivers, learners or HTTP; nothing here runs while
the course is served. Each part has one function `build(root, data, progress)` which does nothing when the part is
fresh, writes beside the old one and renames at the end, and raises BuildFailed, Missing or HostFull with a remedy.
"""

from __future__ import annotations

from collections.abc import Callable

# Told often: how much is done (0…1) and what is being done, in a few words.
Progress = Callable[[float, str], None]


def part(progress: Progress, begin: float, end: float) -> Progress:
    """The progress of one part of a longer job: its 0…1 is the whole's begin…end."""
    return lambda fraction, text: progress(begin + (end - begin) * min(max(fraction, 0.0), 1.0), text)


def silent(fraction: float, text: str) -> None:
    """A Progress for when nobody watches."""
