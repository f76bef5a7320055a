"""`labs top`: who uses what, now.

Knows options. Doesn't know how it is asked for or shown (lab_server/top.py).
"""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.console import Console

from lab_server import settings
from lab_server.commands.common import Host, Port, tell


def top(
    host: Host = None,
    port: Port = None,
    once: Annotated[
        bool, typer.Option("--once", help="Print one table and end; so it does where nobody watches.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what the server tells, as JSON, once.")] = False,
) -> None:
    """Show the host and every sandbox, live: lesson, state, age, idle time, terminals, memory, CPU. Ctrl-C ends it.

    It asks the web server of this machine, which must let it: LABS_METRICS. Learners' names and ids are not in it.
    """
    from lab_server import top as tops

    chosen = settings.load(host=host, port=port)
    console = Console()
    if as_json:
        tell(json.dumps(tops.ask(chosen), indent=1))
    elif once or not console.is_terminal:
        tops.once(chosen, console)
    else:
        tops.live(chosen, console)
