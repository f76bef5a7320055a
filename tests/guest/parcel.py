"""What crosses into the guest with its start: this checkout's code and tests, pure-Python libraries, the script that runs.

Knows what tests import and how the guest tells its status. Doesn't know QEMU, or how the files get there
(lab_server/sandbox/guest/payload.py). The guest's Python is another than the host's, so nothing compiled crosses.
"""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path

from lab_server.sandbox.guest import payload

Files = dict[str, tuple[bytes, int]]

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
# pytest and what it imports; plugins are named, since the guest sees no package metadata
LIBRARIES = ("pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "pytest_timeout", "yaml")
DESCRIBED = ("iniconfig", "pluggy", "pytest", "pytest-timeout")  # those that look for their own version
# what speaks to an engine; left out where it is not installed
ENGINE_LIBRARIES = ("docker", "requests", "urllib3", "idna", "certifi", "charset_normalizer")
PYGMENTS = ("__init__", "_mapping", "python", "diff")  # of the highlighter, pytest uses two lexers
# of the tests: not what needs the web side's packages
FOLDERS = ("contract", "sandbox")
SHARED = ("__init__.py", "fakes.py", "shell.py")
STATUS = b"labs-guest-status "
SHIPPED = "labs-shipped"  # the label of the disk with what else was sent

SCRIPT = """#!/bin/sh
for port in /sys/class/virtio-ports/*; do read -r name <"$port/name"; ln -s "/dev/${{port##*/}}" "/run/$name"; done
exec >/run/labs.out 2>&1 </dev/null
{prepare}
ln -sfn /images /scratch/images
cd /run/labs
export LABS_DATA=/scratch PYTHONPATH=/run/labs:/run/labs/libraries PYTHONDONTWRITEBYTECODE=1 TERM=dumb
export PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 COLUMNS=120 LABS_IN_GUEST=1
echo labs-guest: ready >/dev/console
{run}
status=$?
{{ echo "labs-guest-status $status"; cat /tmp/junit.xml 2>/dev/null; }} >/run/labs.result
sync
busybox poweroff -f
"""
PYTEST = "python3 -m pytest -p pytest_timeout -W ignore::pytest.PytestConfigWarning -p no:cacheprovider --junit-xml=/tmp/junit.xml"
ENGINE = ". /run/labs/engine.sh"


def for_pytest(arguments: Sequence[str], *, engine: bool = False) -> Files:
    """Runs pytest with these arguments."""
    files = _common(f"{PYTEST} {shlex.join(arguments)}", engine)
    tests = [ROOT / "tests" / name for name in SHARED if (ROOT / "tests" / name).exists()]
    tests += [file for folder in FOLDERS for file in sorted((ROOT / "tests" / folder).rglob("*.py"))]
    lessons = sorted((ROOT / "lab_server/lessons").glob("*.py"))  # the suite runs tasks' scripts as lessons make them
    for file in [ROOT / "pyproject.toml", *tests, *lessons]:
        files[str(file.relative_to(ROOT))] = (file.read_bytes(), payload.PUBLIC)
    for name in LIBRARIES:
        if importlib.util.find_spec(name) is None:
            raise SystemExit(f"tests.guest.run: {name} is not installed; pip install -r requirements.lock")
    for name, content in _libraries(LIBRARIES):
        files[f"libraries/{name}"] = (content, payload.PUBLIC)
    for name in DESCRIBED:
        about = metadata.distribution(name)
        folder = f"{name.replace('-', '_')}-{about.version}.dist-info"
        files[f"libraries/{folder}/METADATA"] = ((about.read_text("METADATA") or "").encode(), payload.PUBLIC)
    return files


def for_script(script: bytes, arguments: Sequence[str] = (), *, engine: bool = False) -> Files:
    """Runs a program or shell script as root with these arguments, in /run/labs."""
    files = _common(f"./script {shlex.join(arguments)}", engine)
    files["script"] = (script, payload.PROGRAM)
    return files


def _common(run: str, engine: bool) -> Files:
    files = payload.code()
    files["inittab"] = (b"::once:/run/labs/test\n", payload.PUBLIC)
    if engine:
        # a failure to start the engine is the run's
        run = f"python3 dockerd.py start && {run}"
        files["engine.sh"] = ((HERE / "engine.sh").read_bytes(), payload.PUBLIC)
        files["dockerd.py"] = ((HERE / "dockerd.py").read_bytes(), payload.PUBLIC)
        for name, content in _libraries(ENGINE_LIBRARIES):
            files[f"libraries/{name}"] = (content, payload.PUBLIC)
    script = SCRIPT.format(prepare=ENGINE if engine else "", run=run)
    files["test"] = (script.encode(), payload.PROGRAM)
    return files


def _libraries(names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """(name below libraries/, content) of those of these packages that are installed."""
    for name in names:
        spec = importlib.util.find_spec(name)
        if spec is None or spec.origin is None:
            continue
        origin = Path(spec.origin)
        if not spec.submodule_search_locations:
            yield origin.name, origin.read_bytes()
            continue
        for file in sorted(origin.parent.rglob("*")):
            wanted = file.suffix in (".py", ".pem")
            if wanted and not ("lexers" in file.parts and file.stem not in PYGMENTS):
                yield f"{name}/{file.relative_to(origin.parent)}", file.read_bytes()
