"""`labs serve` as processes, with PtyDriver for a driver: the supervisor and the web process are the real ones.

python -m tests.web.serving DATA PORT           what `labs serve` does after its builds
python -m tests.web.serving --config FILE …     the spawner process of it
"""

from __future__ import annotations

import sys
from pathlib import Path

from lab_server import supervise
from lab_server.cli import main as labs
from lab_server.lessons import catalog
from lab_server.sandbox import drivers, spawner
from lab_server.settings import ROOT, load


def child(config: Path) -> supervise.Child:
    argv = [sys.executable, "-m", "tests.web.serving", "--config", str(config), "--die-with-parent"]
    return supervise.Child("spawner", argv)


def serve() -> None:
    settings = load(data=Path(sys.argv[1]), port=int(sys.argv[2]))
    listener = supervise.listen(settings.host, settings.port)
    (settings.site).mkdir(parents=True, exist_ok=True)
    (settings.site / "index.html").write_text("<title>course</title>")
    supervise.spawner_child = child
    templates = catalog.templates(catalog.load(ROOT))
    supervise.Supervisor(
        settings, listener, "pty", "it is a test", lambda line: print(line, flush=True), templates
    ).run()


if __name__ == "__main__":
    drivers.DRIVERS["pty"] = "tests.fakes:PtyDriver"
    if "--config" in sys.argv:
        sys.exit(spawner.main())
    labs([], lambda *_, **__: serve())
