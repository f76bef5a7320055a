"""`labs admin` as who runs the server meets it: a process, a terminal, its output, its exit status."""

from __future__ import annotations

import asyncio
import os
import pty
import sys
from pathlib import Path

import pytest

from lab_server.settings import load
from lab_server.store import accounts, passwords
from lab_server.store.engine import Store
from tests.shell import Shell
from tests.test_cli import labs

WORDS = "correct horse battery staple"


def kept(data: Path) -> dict[str, tuple[bool, str]]:
    """Name → whether an admin, and the hash."""
    if not (load(data=data).web_data / "course.sqlite3").exists():
        return {}

    async def read() -> dict[str, tuple[bool, str]]:
        store = Store(load(data=data).database_url)
        try:
            async with store.read() as at:
                found = [await accounts.find(at, one.name) for one in await accounts.every(at)]
            return {one[0].name: (one[0].admin, one[1]) for one in found if one}
        finally:
            await store.close()

    return asyncio.run(read())


def admin(data: Path, *words: str, given: str | None = None) -> tuple[int, str, str]:
    done = labs("admin", *words, given=given, LABS_DATA=str(data))
    assert "Traceback" not in done.stderr and WORDS not in done.stdout + done.stderr
    return done.returncode, done.stdout, done.stderr


def test_accounts_are_made_listed_given_a_new_password_and_removed(tmp_path: Path) -> None:
    code, out, err = admin(tmp_path, "create", " Ada  L ", given=f"{WORDS}\n")
    assert (code, out) == (0, "") and "Made the admin 'Ada L'" in err
    assert admin(tmp_path, "create", "Ina", "--instructor", given=f"{WORDS}\nrest\n")[0] == 0
    there = kept(tmp_path)
    assert {name: one[0] for name, one in there.items()} == {"Ada L": True, "Ina": False}
    assert all(passwords.right(one[1], WORDS)[0] for one in there.values())
    code, out, _ = admin(tmp_path, "list")
    assert code == 0 and [line.split("\t")[:2] for line in out.splitlines()] == [
        ["Ada L", "admin"],
        ["Ina", "instructor"],
    ]
    assert admin(tmp_path, "password", "ina", given="another long one\n")[0] == 0
    assert passwords.right(kept(tmp_path)["Ina"][1], "another long one")[0]
    assert admin(tmp_path, "remove", "Ada L")[0] == 1, "the only admin stays"
    assert admin(tmp_path, "remove", "Ina")[0] == 0 and set(kept(tmp_path)) == {"Ada L"}


@pytest.mark.parametrize(
    ("words", "given", "told"),
    [
        (("create", "Ada"), "", "no password on standard input"),
        (("create", "Ada"), "\n", "no password on standard input"),
        (("create", "Ada"), "short\n", "12 to 256 characters"),
        (("create", "A\u202eda"), f"{WORDS}\n", "no invisible characters"),
        (("password", "Nobody"), f"{WORDS}\n", "no account called"),
        (("remove", "Nobody"), None, "no account called"),
        (("create", "Ada", "--oidc", "ada at example.org"), None, "is no e-mail address"),
    ],
)
def test_what_can_not_be_is_one_line_and_changes_nothing(
    tmp_path: Path, words: tuple[str, ...], given: str | None, told: str
) -> None:
    code, out, err = admin(tmp_path, *words, given=given)
    assert code == 1 and out == "" and told in err and err.count("\n") == 1
    assert kept(tmp_path) == {}


def test_an_account_for_who_a_provider_knows_asks_for_no_password(tmp_path: Path) -> None:
    code, _, err = admin(tmp_path, "create", "Ada", "--oidc", "ada@example.org")
    assert code == 0 and "sign in at /room/ of the course as ada@example.org, with your provider" in err
    hashed = kept(tmp_path)["Ada"][1]
    assert hashed.startswith("$argon2id$") and not passwords.right(hashed, "")[0]
    code, _, err = admin(tmp_path, "create", "Uma", "--oidc", "ADA@example.org")
    assert code == 1 and "Another account waits for" in err and "Uma" not in kept(tmp_path)
    assert admin(tmp_path, "password", "Ada", given=f"{WORDS}\n")[0] == 0
    assert admin(tmp_path, "create", "Uma", "--oidc", "ADA@example.org")[0] == 0, "nothing waits for it any more"


def test_a_name_that_is_taken_keeps_its_password(tmp_path: Path) -> None:
    admin(tmp_path, "create", "Ada", given=f"{WORDS}\n")
    code, _, err = admin(tmp_path, "create", "ADA", given="another long one\n")
    assert code == 1 and "already" in err and passwords.right(kept(tmp_path)["Ada"][1], WORDS)[0]


def test_at_a_terminal_it_asks_twice_and_shows_nothing(tmp_path: Path) -> None:
    for second, made in ((WORDS + "x", False), (WORDS, True)):
        pid, fd = pty.fork()
        if pid == 0:
            env = os.environ | {"LABS_DATA": str(tmp_path)}
            os.execve(sys.executable, [sys.executable, "-m", "lab_server.cli", "admin", "create", "Ada"], env)
        shell = Shell(fd)
        shell.until("Password: ")
        shell.type(f"{WORDS}\n")
        shell.until("The same again: ")
        shell.type(f"{second}\n")
        shell.until("Made the admin" if made else "differ")
        assert WORDS.encode() not in shell.said
        os.waitpid(pid, 0)
        os.close(fd)
        assert ("Ada" in kept(tmp_path)) is made


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_makes_is_the_web_servers(tmp_path: Path) -> None:
    web = load(data=tmp_path).web_data
    web.mkdir(mode=0o700)
    os.chown(web, 61184, 61184)
    assert admin(tmp_path, "create", "Ada", given=f"{WORDS}\n")[0] == 0
    assert {file.stat().st_uid for file in (web, *web.rglob("*"))} == {61184}
