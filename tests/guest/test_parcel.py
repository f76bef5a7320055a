"""What crosses into a guest, as far as that can be told without booting one."""

from tests.guest import parcel, run


def test_a_script_crosses_with_its_arguments_and_the_engine_starts_before_it():
    files = parcel.for_script(b"#!/bin/sh\n", ["one word", "$HOME"], engine=True)
    assert files["script"] == (b"#!/bin/sh\n", 0o755)
    assert b"python3 dockerd.py start && ./script 'one word' '$HOME'\n" in files["test"][0]
    assert b". /run/labs/engine.sh\n" in files["test"][0]
    assert {"engine.sh", "dockerd.py", "init", "inittab"} <= files.keys()


def test_the_plain_guest_gets_nothing_of_the_engine():
    files = parcel.for_script(b"true\n")
    assert b"dockerd" not in files["test"][0] + files["inittab"][0]
    assert not {"engine.sh", "dockerd.py"} & files.keys()


def test_pytest_crosses_with_the_suite_and_only_what_is_pure_python():
    files = parcel.for_pytest(["tests/contract", "-k", "a or b"])
    assert b"tests/contract -k 'a or b'\n" in files["test"][0]
    assert {"tests/contract/conftest.py", "libraries/pytest/__init__.py", "pyproject.toml"} <= files.keys()
    assert not [name for name in files if name.endswith((".so", ".pyc"))]


def test_what_is_shipped_is_named_after_itself_or_as_asked(tmp_path):
    (tmp_path / "wheels").mkdir()
    assert run.named(str(tmp_path / "wheels")) == ("wheels", tmp_path / "wheels")
    assert run.named(f"other={tmp_path / 'wheels'}") == ("other", tmp_path / "wheels")
