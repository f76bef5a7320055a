"""What a browser is told while the course is still being built: a page that says how far it is, and tries again by itself.

Knows the listening socket and a line of progress. Doesn't know HTTP beyond the first line of a request: whoever builds may be root,
so nothing a stranger sends is parsed here. Every answer is 503 with Retry-After.
"""

from __future__ import annotations

import contextlib
import html
import json
import os
import select
import socket
import threading
import time

PATIENCE = 1.0  # seconds for a request to arrive; they are answered one after the other
MOST = 8192  # bytes of a request that are read
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Being built</title>
<style>body{{font:1rem/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem}}code{{font-size:.9rem}}</style>
<h1>The course is being built</h1><p>The first time takes a minute or two. This page opens the course as soon as it is there.</p>
<p role="status"><code>{now}</code></p></html>"""


class WaitingRoom:
    """Answers on `listener` until `close`, which leaves the socket to its next user."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.now = "Starting."  # what is being done, for people
        self._stop, self._stopper = os.pipe()
        self._thread = threading.Thread(target=self._serve, name="waiting", daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.write(self._stopper, b"x")
        self._thread.join()
        os.close(self._stop)
        os.close(self._stopper)

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener.fileno(), self._stop], [], [])
            if self._stop in ready:
                return
            with contextlib.suppress(OSError):
                connection, _ = self._listener.accept()
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        request, until = b"", time.monotonic() + PATIENCE
        while b"\r\n\r\n" not in request and len(request) < MOST:
            connection.settimeout(max(0.01, until - time.monotonic()))
            data = connection.recv(MOST)
            if not data:
                return
            request += data
        now = self.now
        if any(request.split(b"\r\n")[0].find(path) > 0 for path in (b" /api/", b" /healthz", b" /readyz")):
            error = {
                "code": "missing",
                "message": f"The course is being built: {now}",
                "remedy": "Try again in a moment.",
            }
            kind, body = "application/json", json.dumps({"error": error}).encode()
        else:
            kind, body = "text/html; charset=utf-8", PAGE.format(now=html.escape(now)).encode()
        head = f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        head += "Retry-After: 2\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
        connection.settimeout(PATIENCE)
        connection.sendall(head.encode() + body)
