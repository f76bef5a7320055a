"""Who may import whom (docs/develop/architecture.md): read from the source, so that an arrow can't be added unseen."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "lab_server"

# the first rule that fits a module says what of ours it may import, beside its own package
ALLOWED = {
    "lab_server.errors": set(),
    "lab_server.settings": {"lab_server.errors"},
    "lab_server.lessons": {"lab_server.errors"},
    "lab_server.sandbox": {"lab_server.errors"},
    "lab_server.store": {"lab_server.errors"},
    "lab_server.build": {"lab_server.errors", "lab_server.lessons", "lab_server.sandbox.guest"},
    "lab_server.web": {
        "lab_server.errors",
        "lab_server.settings",
        "lab_server.lessons",
        "lab_server.store",
        "lab_server.privileges",
        "lab_server.sandbox.client",
        "lab_server.sandbox.contract",
        "lab_server.sandbox.ring",
    },
}
STANDARD_ONLY = "lab_server.sandbox"
DRIVERS_WITH_LIBRARIES = {"lab_server.sandbox.drivers.engine", "lab_server.sandbox.drivers.kubernetes"}


def modules():
    for file in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts)
        yield name.removesuffix(".__init__"), file


def imports(file):
    """(module, line) of every import in the file, wherever it stands."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: a relative import hides where it goes"
            base = node.module or ""
            for alias in node.names:
                deeper = PACKAGE.parent / Path(*base.split("."), alias.name)
                is_module = deeper.with_suffix(".py").exists() or deeper.is_dir()
                yield (f"{base}.{alias.name}" if is_module else base, node.lineno)


def within(name, package):
    return name == package or name.startswith(package + ".")


ALL = list(modules())


@pytest.mark.parametrize(("name", "file"), ALL, ids=[name for name, _ in ALL])
def test_imports_follow_the_arrows(name, file):
    rule = next((package for package in ALLOWED if within(name, package)), None)
    for imported, line in imports(file):
        where = f"{file.relative_to(ROOT)}:{line} imports {imported}"
        if within(imported, "lab_server"):
            if rule is None or imported == "lab_server":
                continue  # cli and supervise join the parts
            assert within(imported, rule) or any(within(imported, allowed) for allowed in ALLOWED[rule]), where
        elif within(name, STANDARD_ONLY) and name not in DRIVERS_WITH_LIBRARIES:
            assert imported.split(".")[0] in sys.stdlib_module_names, (
                f"{where}: the privileged side is standard library only"
            )


# what only runs where this driver is chosen
ONLY = {
    "crun": ("drivers.crun",),
    "vm": ("drivers.vm", "drivers.qemu", "guest"),
    "docker": ("drivers.docker", "drivers.docker_sandbox", "drivers.containers", "drivers.engine", "apparmor", "agent"),
}


@pytest.mark.parametrize("driver", ONLY)
def test_the_privileged_side_stays_readable_in_an_hour(driver):
    others = [f"{STANDARD_ONLY}.{part}" for other, parts in ONLY.items() if other != driver for part in parts]
    others += [f"{STANDARD_ONLY}.client"]  # the asker's side, which has no privileges
    files = [file for name, file in ALL if within(name, STANDARD_ONLY) and not any(within(name, o) for o in others)]
    assert sum(len(file.read_text().splitlines()) for file in files) < 4640


def test_most_files_fit_in_the_head():
    long = [
        f"{name}: {len(file.read_text().splitlines())}"
        for name, file in ALL
        if len(file.read_text().splitlines()) > 250
    ]
    assert len(long) <= len(ALL) // 10, long


@pytest.mark.parametrize(("name", "file"), ALL, ids=[name for name, _ in ALL])
def test_a_module_opens_by_saying_what_it_knows(name, file):
    source = file.read_text()
    assert not source.strip() or ast.get_docstring(ast.parse(source)), f"{name} has no docstring"
