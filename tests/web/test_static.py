"""How the site is served."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import brotli  # type: ignore[import-untyped]
import httpx
import pytest

from tests.conftest import Server


@pytest.fixture
def site(server: Server) -> Path:
    root = server.settings.site
    (root / "a").mkdir()
    (root / "a" / "index.html").write_text("page a")
    (root / "404.html").write_text("lost?")
    (root / "app.0123abcd.min.js").write_text("let x;")
    (root / "app.0123abcd.min.js.br").write_bytes(brotli.compress(b"let x;"))
    (root / "app.0123abcd.min.js.gz").write_bytes(gzip.compress(b"let x;"))
    (root / "sitemap.xml").write_text("<loc>http://127.0.0.1:8000/a/</loc>")
    (root.parent / "secret").write_text("secret")
    (root / "link").symlink_to(root.parent / "secret")
    (root / ".hidden").write_text("hidden")
    return root


def test_pages_and_their_folders(server: Server, site: Path) -> None:
    assert httpx.get(f"{server.origin}/a/").text == "page a"
    moved = httpx.get(f"{server.origin}/a")
    assert moved.status_code == 301 and moved.headers["location"] == "/a/"
    assert httpx.get(f"{server.origin}//a").headers["location"] == "/a/"  # never //host
    lost = httpx.get(f"{server.origin}/b/")
    assert lost.status_code == 404 and lost.text == "lost?"
    assert httpx.head(f"{server.origin}/a/").status_code == 200
    assert httpx.post(f"{server.origin}/a/").status_code == 405


def test_every_code_and_every_class_has_the_page_of_its_kind(server: Server, site: Path) -> None:
    for name in ("join", "room"):
        (site / name).mkdir()
        (site / name / "index.html").write_text(f"page {name}")
        (site / name / "own.txt").write_text("own")
        for path in ("", "123-456-789", "abcdef", "%E2%80%AE", "a.b"):
            assert httpx.get(f"{server.origin}/{name}/{path}").text == f"page {name}"
        assert httpx.get(f"{server.origin}/{name}/own.txt").text == "own"
        moved = httpx.get(f"{server.origin}/{name}/123/")  # what the page refers to is beside `/join/`
        assert moved.status_code == 301 and moved.headers["location"] == f"/{name}/123"
        assert httpx.get(f"{server.origin}/{name}/a/b").status_code == 404
    assert httpx.get(f"{server.origin}/joins/1").status_code == 404


@pytest.mark.parametrize(
    "path", ["/../secret", "/%2e%2e/secret", "/..%2fsecret", "/link", "/.hidden", "/a/../../secret", "/%00"]
)
def test_nothing_outside_the_site(server: Server, site: Path, path: str) -> None:
    with httpx.Client() as http:
        request = httpx.Request("GET", f"{server.origin}/")
        request.url = request.url.copy_with(raw_path=path.encode())
        answer = http.send(request)
    assert answer.status_code == 404 and "secret" not in answer.text and "hidden" not in answer.text


@pytest.mark.parametrize(
    ("accept", "encoding"), [("br, gzip", "br"), ("gzip", "gzip"), ("identity", None), ("br;q=0, gzip", "gzip")]
)
def test_twins_are_sent_to_who_accepts_them(server: Server, site: Path, accept: str, encoding: str | None) -> None:
    answer = httpx.get(f"{server.origin}/app.0123abcd.min.js", headers={"Accept-Encoding": accept})
    assert answer.headers.get("content-encoding") == encoding and answer.text == "let x;"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert "immutable" in answer.headers["cache-control"] and answer.headers["vary"] == "Accept-Encoding"


def test_a_validator_saves_the_body_until_the_file_changes(server: Server, site: Path) -> None:
    first = httpx.get(f"{server.origin}/a/")
    assert first.headers["cache-control"] == "no-cache"
    tag = {"If-None-Match": first.headers["etag"]}
    same = httpx.get(f"{server.origin}/a/", headers=tag)
    assert same.status_code == 304 and same.content == b""
    (site / "a" / "index.html").write_text("page A")
    os.utime(site / "a" / "index.html", (1, 1))
    assert httpx.get(f"{server.origin}/a/", headers=tag).text == "page A"


def test_the_sitemap_has_the_address_that_was_asked_for(server: Server, site: Path) -> None:
    assert httpx.get(f"{server.origin}/sitemap.xml").text == f"<loc>{server.origin}/a/</loc>"


def test_without_a_site_it_says_what_to_do(server: Server) -> None:
    (server.settings.site / "index.html").unlink()
    answer = httpx.get(f"{server.origin}/")
    assert answer.status_code == 503 and "labs build" in answer.text
