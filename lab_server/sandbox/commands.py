"""How a sandbox is started: crun's command lines (crun(1)), and the file that says it is up.

Pure, and without imports: an agent starts with every sandbox.
"""

from __future__ import annotations

OOM_SCORE_ADJ = 300  # where no memory is left, what runs in a sandbox is killed before web and the spawner
READY = "run/sandbox-ready"  # below the sandbox's root: the image's init makes it last (labs/images/sandbox/)


def crun(root: object, *arguments: str) -> list[str]:
    """crun with its state below `root`."""
    return ["crun", f"--root={root}", "--cgroup-manager=cgroupfs", *arguments]


def run(id: str, bundle: object, pid_file: object) -> list[str]:
    """Create and start the container, detached."""
    return ["run", "--detach", f"--pid-file={pid_file}", f"--bundle={bundle}", id]
