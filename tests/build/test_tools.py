"""Running tools, package lists, what is missing, disks, archives, stand-in images."""

import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab_server.build import commands, debian, ext4, guest, kernel, needs, sandbox_image, silent, stand_ins
from lab_server.errors import BuildFailed, HostFull, Missing
from lab_server.sandbox.guest import payload

ROOT = Path(__file__).parents[2]


def test_a_failing_tool_is_told_with_its_last_words_and_without_hosts():
    with pytest.raises(BuildFailed) as failed:
        commands.run(["sh", "-c", "echo Err http://mirror.internal/debian gone; exit 9"], "Fetching")
    assert "Fetching failed (status 9)" in str(failed.value)
    assert "<mirror>/debian gone" in str(failed.value)
    assert "mirror.internal" not in str(failed.value)


def test_a_full_disk_is_told_as_such():
    with pytest.raises(HostFull, match="disk is full"):
        commands.run(["sh", "-c", "echo 'cp: x: No space left on device'; exit 1"], "Copying")


def test_a_tool_that_is_not_there_is_missing():
    with pytest.raises(Missing, match="no-such-tool"):
        commands.run(["no-such-tool"], "Trying")


def test_a_tool_that_takes_too_long_is_killed_with_its_children():
    with pytest.raises(BuildFailed, match="longer than"):
        commands.run(["sh", "-c", "sleep 600 & sleep 600"], "Sleeping", timeout=0.3)


def test_a_package_list_has_comments_and_names(tmp_path):
    file = tmp_path / "packages.txt"
    file.write_text("# head\npodman  # the engine\n\nlibc6\n")
    assert debian.packages(file) == ["podman", "libc6"]
    file.write_text("podman\nrm -rf\n")
    with pytest.raises(BuildFailed, match=r"packages\.txt:2"):
        debian.packages(file)


def test_the_repositorys_own_list_is_one():
    names = debian.packages(ROOT / "labs/images/sandbox/packages.txt")
    assert len(names) == len(set(names))
    assert {"podman", "crun", "busybox", "strace", "nano", "vim-tiny", "man-db"} <= set(names)


def test_what_is_missing_is_named_with_the_command(monkeypatch):
    monkeypatch.setattr(needs, "SEARCH", "/nonexistent")
    monkeypatch.setenv("PATH", "/nonexistent")
    assert "mmdebstrap" in needs.missing(["images"])
    with pytest.raises(Missing, match=r"apt-get install .*mmdebstrap"):
        needs.require(["images"])
    monkeypatch.setattr(needs, "can_install", lambda: False)
    with pytest.raises(Missing, match=r"apt-get install crun"):
        needs.install_missing(["crun"], silent)
    needs.install_missing([], silent)


@pytest.mark.skipif(not shutil.which("mke2fs"), reason="mke2fs is not installed")
def test_a_disk_holds_its_folder_and_a_damaged_one_is_noticed(tmp_path):
    folder, image = tmp_path / "folder", tmp_path / "disk.ext4"
    folder.mkdir()
    (folder / "hello").write_text("there")
    ext4.pack(image, {"": folder}, "test")
    ext4.check(image)
    said = subprocess.run(["debugfs", "-R", "cat /hello", str(image)], capture_output=True, text=True, check=True)
    assert said.stdout == "there"
    os.truncate(image, image.stat().st_size // 2)
    with pytest.raises(BuildFailed, match=r"disk\.ext4 is damaged.*--force"):
        ext4.check(image)
    image.write_bytes(b"no disk at all" * 1000)
    with pytest.raises(BuildFailed, match="no ext4"):
        ext4.check(image)
    image.unlink()
    with pytest.raises(BuildFailed, match="damaged"):
        ext4.check(image)


@pytest.mark.skipif(not shutil.which("cpio"), reason="cpio is not installed")
def test_the_guests_archive_is_one_that_cpio_reads(tmp_path):
    files = {"init": (b"#!/bin/sh\n", 0o755), "a/b/secret": (b"\0" * 1001, 0o600)}
    subprocess.run(["cpio", "-id", "--quiet"], input=payload.cpio(files), cwd=tmp_path, check=True)
    assert (tmp_path / "init").read_bytes() == b"#!/bin/sh\n"
    assert (tmp_path / "init").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "a/b/secret").read_bytes() == b"\0" * 1001
    assert (tmp_path / "a/b/secret").stat().st_mode & 0o777 == 0o600


def test_the_guest_gets_this_checkouts_code():
    names = set(payload.code())
    assert {"init", "lab_server/errors.py", "lab_server/sandbox/spawner.py", "lab_server/sandbox/seccomp.json"} <= names
    assert not any("web" in name or "build" in name for name in names)


def test_a_file_without_a_kernel_is_told(tmp_path):
    (tmp_path / "vmlinuz").write_bytes(b"MZ" + b"\0" * 100 + kernel.ZSTD + b"rubbish")
    with pytest.raises(BuildFailed, match="no kernel"):
        kernel.unpack(tmp_path / "vmlinuz", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_stand_ins_say_that_they_are(tmp_path):
    recipe = _recipe(tmp_path)
    tree = tmp_path / "tree"
    (tree / "tmp").mkdir(parents=True)
    stand_ins.Maker(tree, tmp_path / "extra").archive([recipe], tmp_path / "images.tar")
    with tarfile.open(tmp_path / "images.tar") as archive:
        [entry] = json.loads(_content(archive, "manifest.json"))
        config = json.loads(_content(archive, entry["Config"]))
        layers = [_names(_content(archive, name)) for name in entry["Layers"]]
    assert entry["RepoTags"] == ["docker.io/library/thing:latest"]
    assert config["config"]["Labels"][stand_ins.LABEL] == "true"
    assert len(config["rootfs"]["diff_ids"]) == 2 == len(layers)
    assert [h["created_by"] for h in config["history"]] == ["COPY one", "COPY two", 'CMD ["/bin/sh"]']
    assert {"bin", "tmp", "etc/os-release"} <= set(layers[0])
    # the second layer only has what the first hasn't, or has otherwise
    assert layers[1] == ["srv/page"]


def _content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file
    return file.read()


def _names(layer: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
        return tar.getnames()


def _recipe(tmp_path: Path) -> stand_ins.Recipe:
    folder = tmp_path / "thing"
    for name, path in (("one", "etc/os-release"), ("two", "srv/page")):
        (folder / name / path).parent.mkdir(parents=True)
        (folder / name / path).write_text(name)
    given = {
        "reference": "docker.io/library/thing:latest",
        "title": "Stand-in",
        "description": "d",
        "layers": [{"made_by": "COPY one", "files": "one"}, {"made_by": "COPY two", "files": "two"}],
        "config": {"Cmd": ["/bin/sh"]},
    }
    (folder / "image.json").write_text(json.dumps(given))
    return stand_ins.Recipe.read(folder)


def test_a_program_no_package_has_is_told(tmp_path):
    recipe = _recipe(tmp_path)
    recipe.given["layers"][0]["take"] = ["/usr/bin/nowhere"]
    with pytest.raises(BuildFailed, match="/usr/bin/nowhere is in no package"):
        stand_ins.Maker(tmp_path, tmp_path).archive([recipe], tmp_path / "images.tar")


@pytest.mark.parametrize("text", ["", "{", '{"title": "no reference"}'])
def test_a_broken_recipe_is_told_with_its_file(tmp_path, text):
    (tmp_path / "image.json").write_text(text)
    with pytest.raises(BuildFailed, match=r"image\.json can't be used"):
        stand_ins.Recipe.read(tmp_path)


def test_what_is_not_built_is_told_with_the_command(tmp_path):
    assert not sandbox_image.fresh(ROOT, tmp_path)
    assert not guest.fresh(ROOT, tmp_path)
    for check in (lambda: sandbox_image.check(tmp_path, ext4=True), lambda: guest.check(tmp_path / "guest")):
        with pytest.raises(BuildFailed, match="labs build"):
            check()
