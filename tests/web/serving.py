"""`labs serve` as processes, with PtyDriver for a driver: the supervisor and the web process are the real ones.

python -m tests.web.serving DATA PORT [DRIVER]  what `labs serve` does after its builds
python -m tests.web.serving --config FILE …     the spawner process of it
python -m tests.web.serving labs WORD…          a command of `labs`, which knows the driver `pty` too
"""

from __future__ import annotations

import sys
from pathlib import Path

from lab_server import listening, supervise
from lab_server.cli import main as labs
from lab_server.lessons import catalog
from lab_server.sandbox import drivers, spawner
from lab_server.settings import ROOT, load


def argv(config: Path) -> list[str]:
    return [sys.executable, "-m", "tests.web.serving", "--config", str(config)]


def serve() -> None:
    settings = load(data=Path(sys.argv[1]), port=int(sys.argv[2]))
    listener = listening.listen(settings.host, settings.port)
    (settings.site).mkdir(parents=True, exist_ok=True)
    (settings.site / "index.html").write_text("<title>course</title>")
    templates = catalog.templates(catalog.load(ROOT))
    driver = sys.argv[3] if len(sys.argv) > 3 else "pty"
    supervise.Supervisor(
        settings, listener, driver, "it is a test", lambda line: print(line, flush=True), templates
    ).run()


if __name__ == "__main__":
    drivers.DRIVERS["pty"] = "tests.fakes:PtyDriver"
    if "--config" in sys.argv:
        sys.exit(spawner.main())
    supervise.spawner_argv = argv
    if sys.argv[1] == "labs":
        labs(sys.argv[2:])
    labs([], lambda *_, **__: serve())
