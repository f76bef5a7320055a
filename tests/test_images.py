"""The Dockerfile and the compose files, read and not run: what each service may do, and that an image has what its service needs.

That the compose files' parts and variables are documented is in test_docs.py.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import pytest
import typer.main
import yaml

from lab_server import builds, cli
from lab_server.build import needs
from lab_server.settings import ROOT, Settings

OURS = ("build", "spawner", "web")
SOCKET = "docker.sock"
NO_NEW_PRIVILEGES = "no-new-privileges"
DEFAULT = re.compile(r"\$\{(\w+):-([^}]*)\}")


class Loader(yaml.SafeLoader):
    """Reads compose's own tags, too: the value of `!override` and `!reset` is what stands behind it."""


def _behind(loader: Loader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return yaml.safe_load(node.value)


Loader.add_multi_constructor("!", _behind)


def compose(name: str = "docker-compose.yml") -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((ROOT / name).read_text(), Loader)
    return found


SERVICES: dict[str, dict[str, Any]] = compose()["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")


def stages() -> Iterator[tuple[str, list[list[str]]]]:
    """(a stage's name, its instructions in words)"""
    for text in re.split(r"^FROM ", DOCKERFILE, flags=re.M)[1:]:
        first, *rest = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        yield first[-1], rest


def installed(stage: str) -> set[str]:
    return {
        word
        for words in dict(stages())[stage]
        if words[:2] == ["RUN", "labs-install"]
        for word in re.split(r" &&| \|\|", " ".join(words[2:]))[0].split()
    }


# --- what a service may do ---


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_bounds(name):
    service = SERVICES[name]
    assert {"max-size", "max-file"} <= set(service["logging"]["options"])
    assert service["mem_limit"] and service["pids_limit"]
    assert NO_NEW_PRIVILEGES in service["security_opt"]
    assert not service.get("privileged")
    for space in ("network_mode", "pid", "ipc", "userns_mode", "uts"):
        assert service.get(space) != "host"


@pytest.mark.parametrize("name", OURS)
def test_ours_write_in_volumes_only_and_have_the_capabilities_that_are_named(name):
    service = SERVICES[name]
    assert service["read_only"] is True and "/tmp" in service["tmpfs"]
    assert service["cap_drop"] == ["ALL"]
    assert service["build"]["target"] == name and service["image"].endswith(f"-{name}")


def test_web_has_no_capability_and_nothing_of_the_host():
    web = SERVICES["web"]
    assert "cap_add" not in web and "devices" not in web
    assert web["security_opt"] == [NO_NEW_PRIVILEGES]
    volumes = compose()["volumes"]
    assert all(mount.split(":")[0] in volumes for mount in web["volumes"])
    assert [mount for mount in web["volumes"] if not mount.endswith(":ro")] == ["progress:/data/web"]


def test_only_the_spawner_has_the_engines_socket_and_it_has_no_network():
    assert [name for name, service in SERVICES.items() if SOCKET in str(service.get("volumes"))] == ["spawner"]
    spawner = SERVICES["spawner"]
    assert spawner["network_mode"] == "none" and not {"networks", "ports"} & spawner.keys()


def test_the_spawner_alone_may_use_devices_and_they_are_loop_devices():
    assert [name for name, service in SERVICES.items() if "devices" in service] == []
    assert {
        name: service.get("device_cgroup_rules")
        for name, service in SERVICES.items()
        if "device_cgroup_rules" in service
    } == {"spawner": ["c 10:237 rw", "b 7:* rw"]}
    assert "e2fsprogs" in installed("spawner"), "it makes file systems"


def test_a_service_runs_for_ever_or_once():
    once = [name for name, service in SERVICES.items() if service.get("restart") != "unless-stopped"]
    assert once == ["build"]
    assert SERVICES["spawner"]["depends_on"]["build"]["condition"] == "service_completed_successfully"


def test_the_other_way_has_privileges_or_the_socket_but_not_both():
    other = compose("docker-compose.crun.yml")["services"]
    assert other.keys() == {"spawner"} and other["spawner"]["privileged"] is True
    assert SOCKET not in str(other["spawner"]["volumes"])
    # it replaces the list, so nothing else of it may be lost
    assert set(other["spawner"]["volumes"]) <= set(SERVICES["spawner"]["volumes"])


def test_the_proxy_passes_nothing_on_to_the_servers_figures():
    from lab_server.web.api import metrics

    lines = [line.strip() for line in (ROOT / "docker/Caddyfile").read_text().splitlines()]
    (matcher,) = [line.split() for line in lines if line.startswith("@")]
    assert matcher[1] == "path"
    paths = [str(getattr(route, "path", "")) for route in metrics.router.routes]
    assert paths and all(any(fnmatch.fnmatchcase(path, pattern) for pattern in matcher[2:]) for path in paths)
    # caddy answers with `respond` before it comes to `reverse_proxy`, in whatever order they are written
    assert f"respond {matcher[0]} 404" in lines


# --- settings ---


@pytest.mark.parametrize("name", OURS)
def test_what_our_services_are_given_is_a_setting_and_has_its_default(name):
    for variable, value in SERVICES[name]["environment"].items():
        setting = Settings.model_fields[variable.removeprefix("LABS_").lower()]
        if isinstance(setting.default, int | float) and (given := DEFAULT.fullmatch(str(value))):
            assert given[1] == variable and float(given[2]) == setting.default


def test_the_example_sets_what_is_read_to_what_it_is_otherwise():
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", "\n".join(lines), re.M))
    files = "".join(file.read_text() for file in ROOT.glob("docker-compose*.yml"))
    defaults = dict(DEFAULT.findall(files))
    assert example.keys() - {"COMPOSE_FILE"} <= defaults.keys()
    assert {name: value for name, value in example.items() if value.isdecimal() and defaults[name] != value} == {}
    assert all((ROOT / file).is_file() for file in example["COMPOSE_FILE"].split(":"))
    assert [line for line in lines if line and not line.startswith("#")] == []  # a copy of it changes nothing


def test_webs_user_is_the_one_that_the_spawner_hears():
    (user,) = [words[1] for words in dict(stages())["web"] if words[0] == "USER"]
    assert user == ":".join([SERVICES["spawner"]["environment"]["LABS_WEB_USER"]] * 2)


# --- what is in an image ---


def through(path: str) -> bool:
    """Whether .dockerignore lets this into the build: the last line that matches it, or a folder it is in, decides."""
    kept = True
    whole = PurePosixPath(path)
    names = [str(part) for part in (whole, *whole.parents)][:-1]
    for line in (ROOT / ".dockerignore").read_text().split():
        pattern = line.removeprefix("!").removeprefix("**/")
        anywhere = "**/" in line
        if any(fnmatch.fnmatchcase(PurePosixPath(name).name if anywhere else name, pattern) for name in names):
            kept = line.startswith("!")
    return kept


def test_what_is_copied_is_there_and_nothing_else_is_sent():
    copied = {
        source.rstrip("/")
        for _, instructions in stages()
        for words in instructions
        if words[0] == "COPY" and not words[1].startswith("--from")
        for source in words[1:-1]
    }
    assert {name for name in copied if not (ROOT / name).exists() or not through(name)} == set()
    assert through("web/src/course.ts") and through("labs/verified.json")
    private = (".env", ".git/config", ".labs/web/cookie.key", ".venv/bin/labs", "tests/conftest.py")
    made = ("web/node_modules/x/y.js", "docs/assets/built/course.js", "lab_server/web/__pycache__/app.pyc")
    assert [path for path in (*private, *made) if through(path)] == []
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().split() if line.startswith("!")}
    assert {name for name in sent if name not in {source.split("/")[0] for source in copied}} == set()


def test_images_have_the_programs_that_their_service_needs(monkeypatch, tmp_path):
    monkeypatch.setattr(needs, "has", lambda tool: False)  # a machine with nothing on it
    driver = dict(words[1].split("=") for words in dict(stages())["build"] if words[0] == "ENV")["LABS_DRIVER"]
    wanted = builds.packages(driver, ROOT, tmp_path, ["machine"], to_run=False)
    assert set(wanted) <= installed("build")
    assert set(needs.NEEDS["crun"].values()) <= installed("spawner")


@pytest.mark.parametrize("name", OURS)
def test_an_image_runs_a_command_of_ours(name):
    (command,) = [yaml.safe_load(" ".join(words[1:])) for words in dict(stages())[name] if words[0] == "CMD"]
    assert command[0] == "labs" and command[1] in typer.main.get_group(cli.app).commands


def pins(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """package → version and hashes"""
    found = {}
    for entry in re.split(r"\n(?=\S)", (ROOT / name).read_text()):
        if pin := re.match(r"([a-z0-9._-]+)(?:\[[^]]*\])?==([^ ;\\\n]+)", entry):
            found[pin[1]] = (pin[2], frozenset(re.findall(r"sha256:[0-9a-f]{64}", entry)))
    return found


@pytest.mark.parametrize("name", ["docker/requirements.lock", "docker/site.lock"])
def test_images_have_the_packages_that_are_tested(name):
    text = (ROOT / name).read_text()
    assert "://" not in text and "index-url" not in text
    tested, here = pins("requirements.lock"), pins(name)
    assert here and all(hashes for _, hashes in here.values())
    assert {package: pin for package, pin in here.items() if tested.get(package) != pin} == {}


def test_the_sites_packages_have_those_that_serve_it():
    assert pins("docker/requirements.lock").items() <= pins("docker/site.lock").items()
