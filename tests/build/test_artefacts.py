import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lab_server.build import artefacts
from lab_server.errors import BuildFailed, HostFull

ROOT = Path(__file__).parents[2]


def test_a_digest_changes_with_names_contents_and_modes_and_with_nothing_else(tmp_path):
    folder = tmp_path / "given"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub/a").write_text("one")
    (folder / "link").symlink_to("sub/a")
    seen = {artefacts.digest([folder, "text"])}
    os.utime(folder / "sub/a", (1, 1))
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__/a.pyc").write_text("x")
    assert artefacts.digest([folder, "text"]) in seen
    changes: list[Callable[[], object]] = [
        lambda: (folder / "sub/a").write_text("two"),
        lambda: (folder / "sub/a").chmod(0o755),
        lambda: (folder / "sub/a").rename(folder / "sub/b"),
        lambda: ((folder / "link").unlink(), (folder / "link").symlink_to("sub/b")),
    ]
    for change in changes:
        change()
        now = artefacts.digest([folder, "text"])
        assert now not in seen
        seen.add(now)
    assert artefacts.digest([folder, "other"]) not in seen


def test_staging_leaves_nothing_after_an_error(tmp_path):
    with pytest.raises(RuntimeError), artefacts.staging(tmp_path) as place:
        (place / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_sigterm_ends_the_tool_and_leaves_nothing(tmp_path):
    script = (
        "import sys; from pathlib import Path; from lab_server.build import artefacts, commands\n"
        "with artefacts.staging(Path(sys.argv[1])) as place:\n"
        "    commands.run(['sh', '-c', 'echo $$; exec sleep 600'], 'Sleeping', line=lambda t: print(t, end='', flush=True))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    with process.stdout as said:
        tool = int(said.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) != 0
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(tool, 0)


def test_the_next_build_clears_what_a_killed_one_left(tmp_path):
    (tmp_path / ".new-killed/deep").mkdir(parents=True)
    with artefacts.locked(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_putting_a_folder_in_place_replaces_all_of_the_old_one(tmp_path):
    new, old = tmp_path / "new", tmp_path / "old"
    for folder, name in ((new, "fresh"), (old, "stale")):
        folder.mkdir()
        (folder / name).write_text("x")
    artefacts.put(new, old)
    assert [path.name for path in old.iterdir()] == ["fresh"]
    assert [path.name for path in tmp_path.iterdir()] == ["old"]


def test_a_shortened_file_is_not_whole(tmp_path):
    (tmp_path / "disk").write_bytes(b"x" * 100)
    artefacts.write_manifest(tmp_path, {"sizes": {"disk": 100}})
    manifest = artefacts.read_manifest(tmp_path)
    assert artefacts.whole(tmp_path, manifest, "disk")
    os.truncate(tmp_path / "disk", 99)
    assert not artefacts.whole(tmp_path, manifest, "disk")
    assert not artefacts.whole(tmp_path, manifest, "other")


@pytest.mark.parametrize("text", ["", "{", "[]", "\0"])
def test_a_manifest_that_is_none_is_empty(tmp_path, text):
    (tmp_path / artefacts.MANIFEST).write_text(text)
    assert artefacts.read_manifest(tmp_path) == {}


def test_too_little_room_is_told_with_numbers(tmp_path):
    artefacts.room(tmp_path, 1)
    with pytest.raises(HostFull, match=r"MiB free; this needs \d+.*LABS_DATA"):
        artefacts.room(tmp_path, 1 << 60)


def test_damage_names_the_way_out(tmp_path):
    assert isinstance(artefacts.damaged(tmp_path / "disk", "cut"), BuildFailed)
    assert "labs build --force" in str(artefacts.damaged(tmp_path / "disk", "cut"))
