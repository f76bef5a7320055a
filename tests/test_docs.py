"""The documentation against the code: what a reader may look up is there, and what is there exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main
import yaml

from lab_server import cli
from lab_server.errors import LabError
from lab_server.sandbox import host
from lab_server.sandbox.drivers import DRIVERS
from lab_server.settings import ROOT, Settings
from lab_server.web import protocol

DOCS = ROOT / "docs"


def text(name):
    return (DOCS / name).read_text()


def every(kind: type[LabError]) -> Iterator[type[LabError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from every(child)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(name):
    page = text("self-hosting/index.md")
    (row,) = [line for line in page.split("\n") if line.startswith(f"| `LABS_{name.upper()}`")]
    default = Settings.model_fields[name].default
    shown = f"{default:g}" if isinstance(default, int | float) else default
    if shown and isinstance(shown, str):
        assert f"`{shown}`" in row


def test_no_setting_is_documented_that_is_not_there():
    named = set(re.findall(r"LABS_([A-Z_]+)", text("self-hosting/index.md")))
    known = {name.upper() for name in Settings.model_fields} | {"PYTHON"}
    assert named <= known, named - known


@pytest.mark.parametrize("name", sorted(typer.main.get_group(cli.app).commands))
def test_every_command_is_documented(name):
    pages = [ROOT / "README.md", *(DOCS / "self-hosting").glob("*.md")]
    assert any(f"`labs {name}" in page.read_text() for page in pages)


def test_no_command_is_documented_that_is_not_there():
    known = set(typer.main.get_group(cli.app).commands)
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    in_code = re.compile(r"(?:`|^|[|;] )(?:docker compose (?:run|exec) (?:-[-\w]+ )*\w+ )?labs ([a-z]+)", re.M)
    named = {name for page in pages for block in code(page) for name in in_code.findall(block)}
    assert named and named <= known, named - known


def code(page: Path) -> Iterator[str]:
    """What stands in backquotes, or in a block, on a page that people copy from."""
    words = page.read_text()
    yield from re.findall(r"^```.*?\n(.*?)^```", words, re.M | re.S)
    yield from (f"`{span}" for span in re.findall(r"`([^`\n]+)`", words))


@pytest.mark.parametrize("part", ["services", "volumes"])
def test_every_part_of_the_compose_file_is_documented(part):
    names = yaml.safe_load((ROOT / "docker-compose.yml").read_text())[part]
    page = text("self-hosting/compose.md")
    assert [name for name in names if f"| `{name}` |" not in page] == []


def test_every_profile_and_variable_of_the_compose_files_is_documented():
    page = text("self-hosting/compose.md")
    files = [*ROOT.glob("docker-compose*.yml"), ROOT / ".env.example", ROOT / "docker/Caddyfile"]
    given = "".join(file.read_text() for file in files)
    profiles = set(re.findall(r"profiles: \[(\w+)\]", given))
    assert profiles and profiles == set(re.findall(r"--profile (\w+)", page))
    variables = set(re.findall(r"\$\{?(?:\$)?([A-Z_]+)", given)) | set(re.findall(r"^#?([A-Z_]+)=", given, re.M))
    assert {name for name in variables if f"`{name}`" not in page} == set()


def test_every_sysctl_that_doctor_wants_is_in_the_security_page():
    page = text("self-hosting/security.md")
    for name, good in host.ADVICE.items():
        assert f"\n{name.replace('/', '.')} = {good[0]}\n" in page


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_every_driver_is_documented(name):
    assert f"`{name}`" in text("develop/sandbox.md")


@pytest.mark.parametrize("kind", [*protocol.SERVER_MESSAGES, *protocol.CLIENT_MESSAGES])
def test_every_message_is_documented(kind):
    assert f'"type": "{kind}"' in text("develop/protocol.md")


@pytest.mark.parametrize("code", sorted({kind.code for kind in every(LabError)}))
def test_every_error_code_is_documented(code):
    assert f"`{code}`" in text("develop/errors.md")


def test_every_script_the_docs_name_is_there():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.rglob("*.md")]
    named = {name for page in pages for name in re.findall(r"\bscripts/([a-z-]+)", page.read_text())}
    assert {name for name in named if not (ROOT / "scripts" / name).exists()} == set()


def test_every_picture_is_there():
    for page in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        for target in re.findall(r"!\[[^\]]*\]\(([^)\s]+)", page.read_text()):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"
