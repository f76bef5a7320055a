"""Which builds are asked for: the usual ones of a driver, or only some."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_server import builds, cli
from lab_server.build import needs
from lab_server.errors import BuildFailed
from lab_server.settings import ROOT
from tests.test_cli import labs


@pytest.mark.parametrize(("driver", "usual"), [("crun", ("site", "machine")), ("vm", ("site", "machine", "guest"))])
def test_what_a_driver_needs(driver: str, usual: tuple[str, ...], tmp_path: Path) -> None:
    assert builds.usual(driver) == usual and builds.usual(driver, with_site=False) == usual[1:]
    assert len(builds.jobs(ROOT, tmp_path, driver, usual)) == len(usual)
    assert [job.name for job in builds.jobs(ROOT, tmp_path, driver, ["guest", "machine"])] == [
        "learner's machine",
        "guest",
    ]


def test_packages_of_what_is_built_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needs, "has", lambda tool: False)  # a machine with nothing on it
    assert builds.packages("crun", ROOT, tmp_path, ["site"], to_run=False) == []
    assert builds.packages("crun", ROOT, tmp_path, ["site"]) == ["crun"]
    machine = builds.packages("vm", ROOT, tmp_path, ["machine"], to_run=False)
    assert "mmdebstrap" in machine and "qemu-system-x86" not in machine and "zstd" not in machine
    without_disk = builds.packages("crun", ROOT, tmp_path, ["machine"], to_run=False)
    assert set(machine) - set(without_disk) == {"e2fsprogs"}  # only the guest's sandboxes are on a disk
    assert "zstd" in builds.packages("crun", ROOT, tmp_path, ["guest"], to_run=False)


def test_the_command_names_what_there_is() -> None:
    assert tuple(part.value for part in cli.Part) == builds.PARTS
    done = labs("build", "--only", "kitchen")
    assert done.returncode == 2 and "kitchen" in done.stderr


def test_forgetting_touches_nothing_else(tmp_path: Path) -> None:
    for note in builds.NOTES.values():
        (tmp_path / note).parent.mkdir(exist_ok=True)
        (tmp_path / note).touch()
    builds.forget(tmp_path, ["machine"])
    left = {str(file.relative_to(tmp_path)) for file in tmp_path.rglob("*") if file.is_file()}
    assert left == {"site.inputs", "guest/manifest.json"}


def test_only_the_site_is_built_whatever_the_driver(tmp_path: Path) -> None:
    done = labs("build", "--only", "site", LABS_DATA=str(tmp_path), LABS_DRIVER="none-at-all")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"Built in {tmp_path}: site."
    assert (tmp_path / "site" / "index.html").exists() and not (tmp_path / "images").exists()


def test_what_is_not_built_is_told(tmp_path: Path) -> None:
    for driver in ("crun", "vm"):
        with pytest.raises(BuildFailed, match="learner's machine is not in"):
            builds.check(tmp_path, driver)
