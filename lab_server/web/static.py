"""The built site: files with their precompressed twins, validators, and how long each may be kept.

Knows a folder. Doesn't know what is in it, nor the API. `name.br` and `name.gz` beside a file are sent to who accepts them.
"""

from __future__ import annotations

import mimetypes
import re
import stat
from email.utils import formatdate
from pathlib import Path

import anyio
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

_HASHED = re.compile(r"\.[0-9a-f]{8,}\.|-[A-Z0-9]{8}\.")  # a name that changes with its content: MkDocs', esbuild's
_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".woff2": "font/woff2"}
_TYPES |= {".json": "application/json", ".svg": "image/svg+xml", ".map": "application/json", ".css": "text/css"}
_HOST = re.compile(r"[A-Za-z0-9.\[\]:-]+")
_LOCATION = re.compile(r"(<loc>\s*)https?://[^/<\s]+")
_FAMILY = re.compile(r"/(join|room)/[^/]+/?")  # one page for every code and every class: its script reads the address
_NOT_BUILT = "The site is not built. Run scripts/serve, or: labs build\n"


class Site:
    """An ASGI application. The folder may be replaced while it is served."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            response = Response("Method not allowed.\n", 405, {"Allow": "GET, HEAD"}, "text/plain")
        else:
            response = await anyio.to_thread.run_sync(self._find, scope)
        await response(scope, receive, send)

    def _find(self, scope: Scope) -> Response:
        path: str = scope["path"]
        if family := _FAMILY.fullmatch(path):
            if path.endswith("/"):  # what the page refers to is found from the address without
                raw = scope.get("raw_path", path.encode()).decode("latin-1")
                return RedirectResponse("/" + raw.strip("/"), 301)
            if self._file(path) is None:
                path = f"/{family[1]}/"
        file = self._file(path)
        if file is None:
            directory = self._file(path + "/")
            if directory and not path.endswith("/"):
                raw = scope.get("raw_path", path.encode()).decode("latin-1")
                return RedirectResponse("/" + raw.strip("/") + "/", 301)
            missing = self._file("/404.html")
            if missing is None:
                known = (self._root / "index.html").exists()
                return Response("Not found.\n" if known else _NOT_BUILT, 404 if known else 503, media_type="text/plain")
            return self._answer(missing, scope, 404)
        if path == "/sitemap.xml":
            return _sitemap(file, scope)
        return self._answer(file, scope, 200)

    def _file(self, path: str) -> Path | None:
        """The regular file for a path of the site, never outside it."""
        if "\0" in path or "\\" in path:
            return None
        parts = [part for part in path.split("/") if part]
        if any(part.startswith(".") for part in parts):
            return None
        file = self._root.joinpath(*parts)
        if path.endswith("/"):
            file = file / "index.html"
        try:
            if stat.S_ISREG(file.stat().st_mode) and file.resolve().is_relative_to(self._root.resolve()):
                return file
        except OSError:
            pass
        return None

    def _answer(self, file: Path, scope: Scope, status: int) -> Response:
        wanted = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        chosen, encoding = file, ""
        accepted = wanted.get("accept-encoding", "")
        for name, suffix in _ENCODINGS:
            twin = file.with_name(file.name + suffix)
            if re.search(rf"\b{name}\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", accepted) and twin.exists():
                chosen, encoding = twin, name
                break
        found = chosen.stat()
        tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}{"-" + encoding if encoding else ""}"'
        kind = _TYPES.get(file.suffix) or mimetypes.guess_type(file.name)[0] or "application/octet-stream"
        if kind.startswith("text/") or kind in ("application/json", "image/svg+xml"):
            kind += "; charset=utf-8"
        headers = {
            "ETag": tag,
            "Last-Modified": formatdate(found.st_mtime, usegmt=True),
            "Accept-Ranges": "none",
            "Vary": "Accept-Encoding",
            "Cache-Control": "public, max-age=31536000, immutable" if _HASHED.search(file.name) else "no-cache",
        }
        if encoding:
            headers["Content-Encoding"] = encoding
        if status == 200 and tag in [
            part.strip().removeprefix("W/") for part in wanted.get("if-none-match", "").split(",")
        ]:
            return Response(status_code=304, headers=headers)
        return _File(chosen, status, headers, kind, stat_result=found)


def _sitemap(file: Path, scope: Scope) -> Response:
    """The sitemap with the address that was asked for: instant navigation compares it with where the page is."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    text = file.read_text(encoding="utf-8")
    if _HOST.fullmatch(host):
        text = _LOCATION.sub(rf"\g<1>{scope['scheme']}://{host}", text)
    return Response(text, 200, {"Cache-Control": "no-cache"}, "application/xml; charset=utf-8")


class _File(FileResponse):
    """Whole, always: a range of an encoded twin would be one of other bytes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        kept = [(name, value) for name, value in scope["headers"] if name.lower() not in (b"range", b"if-range")]
        await super().__call__({**scope, "headers": kept}, receive, send)
