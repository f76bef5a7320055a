"""Drivers by name, as import strings: a driver is only imported where it is used."""

from __future__ import annotations

import importlib
from typing import Any

from lab_server.errors import BadInput

DRIVERS = {
    "crun": "lab_server.sandbox.drivers.crun:CrunDriver",
    "docker": "lab_server.sandbox.drivers.docker:DockerDriver",
    "vm": "lab_server.sandbox.drivers.vm:VmDriver",
}


def load(name: str) -> type[Any]:
    """The driver class called `name`. Raises BadInput for a name that is not in DRIVERS."""
    try:
        module, _, attribute = DRIVERS[name].partition(":")
    except KeyError:
        known = ", ".join(["auto", *DRIVERS])
        raise BadInput(f"There is no driver called {name!r}.", f"Set LABS_DRIVER to one of: {known}.") from None
    return getattr(importlib.import_module(module), attribute)  # type: ignore[no-any-return]
