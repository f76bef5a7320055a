"""The engine that the docker driver is tried with: is one here, and the image that agents run from.

Knows the engine guest's base image. What is made here is named `labs-contract`, so that nobody's `labs` is touched.
"""

from __future__ import annotations

import importlib.util
import io
import os
import tarfile
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "lab_server"
BASE = os.environ.get("LABS_BASE_IMAGE", "labs-base")
IMAGE = "labs-contract"
RECIPE = f"FROM {BASE}\nCOPY lab_server /srv/labs/lab_server\nENV PYTHONPATH=/srv/labs\n"


def lacking() -> str:
    """Why the docker driver can't be tried here, or ""."""
    if importlib.util.find_spec("docker") is None:
        return "the docker SDK is not installed"
    if os.getuid() != 0:
        return "the docker driver needs root"
    import docker

    try:
        client = docker.from_env(timeout=10)
        if client.info().get("CgroupVersion") != "2":
            return "the engine here has cgroup v1; the engine guest covers it"
    except docker.errors.DockerException:
        return "no Docker Engine here; the engine guest covers it"
    return "" if client.images.list(name=BASE) else f"the engine has no image {BASE}"


def build_image() -> None:
    import docker

    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in _files():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    docker.from_env(timeout=300).images.build(fileobj=packed, custom_context=True, tag=IMAGE, rm=True)


def _files() -> list[tuple[str, bytes]]:
    found = [("Dockerfile", RECIPE.encode())]
    for file in [PACKAGE / "__init__.py", PACKAGE / "errors.py", *sorted((PACKAGE / "sandbox").rglob("*"))]:
        if file.suffix in (".py", ".json"):
            found.append((f"lab_server/{file.relative_to(PACKAGE)}", file.read_bytes()))
    return found
