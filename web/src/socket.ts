/* A browser's websocket as connection.ts wants one. Knows addresses of this origin. Doesn't know what is said. */

import type { SocketLike } from "./connection";

export function openSocket(path: string): SocketLike {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  const like: SocketLike = {
    onmessage: null,
    onclose: null,
    send: (data) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(data as string | Uint8Array<ArrayBuffer>);
    },
    close: () => socket.close(),
  };
  socket.onmessage = ({ data }) => like.onmessage?.(typeof data === "string" ? data : new Uint8Array(data as ArrayBuffer));
  socket.onclose = ({ code, reason }) => like.onclose?.(code, reason);
  return like;
}
