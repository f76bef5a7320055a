"""The engine guest's disks: what the vm driver's guest has, and Docker Engine with compose and buildx → <data>/engine/.

    vmlinuz, initrd.gz, probe.gz, root.ext4   as in <data>/guest, with more packages
    scratch.ext4                              empty; what `base.py` starts from

Only tests need it. Knows which packages, and what their scripts would have done. Doesn't know how the engine is started
(dockerd.py, in the guest) or what images it has (base.py).
"""

from __future__ import annotations

from pathlib import Path

from lab_server.build import Progress, artefacts, guest, needs, part

PACKAGES = (
    *guest.PACKAGES,
    *("docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd", "runc", "tini"),
    *("apparmor", "iptables", "nftables", "curl", "findutils", "grep", "gzip", "pigz", "procps", "sed", "tar"),
)
FOLDER = "engine"
SPACE = 3 << 30  # bytes
GROUP = "docker:x:999:\n"


def build(data: Path, progress: Progress) -> Path:
    """The folder with the disks, made when they are not fresh. Raises BuildFailed, Missing, HostFull."""
    engine = data / FOLDER
    if not guest.made_from(engine, inputs()):
        needs.require_root("the engine guest")
        needs.install_missing(needs.missing(["guest", "vm"]), part(progress, 0.0, 0.1))
        with artefacts.locked(engine):
            if not guest.made_from(engine, inputs()):
                artefacts.room(engine, SPACE)
                guest.make(engine, PACKAGES, inputs(), part(progress, 0.1, 1.0), finish=_finish)
    return engine


def inputs() -> str:
    return artefacts.digest([*guest.code(), Path(__file__)])


def _finish(tree: Path) -> None:
    # update-alternatives was not run: iptables and its kin are the nf_tables ones
    for program in (tree / "usr/sbin").glob("ip*tables-nft*"):
        program.with_name(program.name.replace("-nft", "")).symlink_to(program.name)
    with (tree / "etc/group").open("a") as file:
        file.write(GROUP)
    artefacts.remove(tree / "var/run")  # a package's empty folder, where base-files' script would have made a link
    (tree / "var/run").symlink_to("/run")
    (tree / "etc/docker").mkdir(exist_ok=True)
    (tree / "shipped").mkdir()
