"""The bridge that one writes in an afternoon, as the baseline: a text frame for each read of 1 KiB, and a queue between.

It has what such bridges have: no flow control, so that a reader that stalls makes the queue grow.
"""

from __future__ import annotations

import asyncio
import os
import pty
import signal
import sys

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/terminal")
async def terminal(socket: WebSocket) -> None:
    await socket.accept()
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp("bash", ["bash", "--norc", "--noprofile"])
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        try:
            queue.put_nowait(os.read(fd, 1024))
        except OSError:
            loop.remove_reader(fd)

    async def send() -> None:
        while True:
            await socket.send_text((await queue.get()).decode(errors="replace"))

    loop.add_reader(fd, read)
    sender = asyncio.create_task(send())
    try:
        while True:
            os.write(fd, (await socket.receive_text()).encode())
    except WebSocketDisconnect:
        pass
    finally:
        sender.cancel()
        loop.remove_reader(fd)
        os.close(fd)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)  # noqa: ASYNC222 - it was killed


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="error")
