"""`docker compose` on the clone, and what the engine says of its containers.

Knows docker's command line. Doesn't know what the services do.
"""

from __future__ import annotations

import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from tests import shell

CLONE = Path(__file__).parents[2]
ORIGIN = "http://127.0.0.1:8000"
PATIENCE = 180.0  # seconds, under emulation


class Failed(Exception):
    """What was to be seen was not."""


def eventually(what: str, true: Callable[[], object], within: float = PATIENCE) -> float:
    """Seconds until it was true. Raises Failed."""
    began = time.monotonic()
    try:
        shell.eventually(true, what, within)
    except AssertionError as why:
        raise Failed(str(why)) from None
    return time.monotonic() - began


def say(text: str) -> None:
    print(f"compose: {text}", flush=True)


def docker(*words: str) -> str:
    """Its output. Raises Failed with its errors."""
    done = subprocess.run(["docker", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"docker {' '.join(words)}: status {done.returncode}: {done.stderr.strip()[-2000:]}")
    return done.stdout.strip()


class Stack:
    """The services of these compose files, with these settings beside."""

    def __init__(self, files: tuple[str, ...], settings: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **settings, "COMPOSE_FILE": ":".join(files)}

    def __call__(self, *words: str, quiet: bool = False, told: str = "") -> float:
        """Seconds that `docker compose …` took, which reads `told`. Raises Failed."""
        began = time.monotonic()
        line = ["docker", "compose", "--ansi=never", "--progress=plain", *words]
        done = subprocess.run(
            line,
            cwd=CLONE,
            env=self._environment,
            input=told,
            stdout=subprocess.PIPE if quiet else None,
            stderr=subprocess.STDOUT if quiet else None,
            text=True,
            check=False,
        )
        if done.returncode:
            raise Failed(f"docker compose {' '.join(words)}: status {done.returncode}\n{done.stdout or ''}".rstrip())
        return time.monotonic() - began

    def up(self) -> None:
        """Everything up as a user does it, and how long it took until a sandbox could be had."""
        began = time.monotonic()
        took = self("up", "--detach", "--no-build", quiet=True)
        eventually("a sandbox can be had", ready)
        say(f"up: {took:.1f} s, a sandbox can be had after {time.monotonic() - began:.1f} s")

    def container(self, service: str) -> str:
        """Its container's id."""
        done = subprocess.run(
            ["docker", "compose", "ps", "--all", "--quiet", service],
            cwd=CLONE,
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def state(self, service: str, of: str) -> str:
        """What `docker inspect` says in this field of its State."""
        return docker("inspect", "--format", f"{{{{.State.{of}}}}}", self.container(service))

    def logs(self) -> None:
        self("ps", "--all")
        self("logs", "--no-color", "--tail=40")


def ready() -> bool:
    """Whether /readyz says that a sandbox can be had."""
    try:
        with urllib.request.urlopen(f"{ORIGIN}/readyz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def learners() -> list[str]:
    """The ids of the learners' containers."""
    return docker("ps", "--all", "--quiet", "--filter", "label=labs.sandbox").split()
