"""terminado as its documentation starts it: a shell of its own for each websocket."""

from __future__ import annotations

import logging
import signal
import sys

import tornado.ioloop
import tornado.web
from terminado import (  # type: ignore[import-not-found,attr-defined,unused-ignore]
    TermSocket,
    UniqueTermManager,
)

signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored in what a shell puts behind with &, and then in its shells too
logging.basicConfig(level=logging.ERROR)
manager = UniqueTermManager(shell_command=["bash", "--norc", "--noprofile"])
app = tornado.web.Application([(r"/terminal", TermSocket, {"term_manager": manager})])
app.listen(int(sys.argv[1]), "127.0.0.1")
tornado.ioloop.IOLoop.current().start()
