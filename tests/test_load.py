"""scripts/load: what it refuses, and how it tells what it saw. One small run is real: a server of its own, learners who join and type."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from bench import load
from bench.learner import Notes
from lab_server.errors import BadInput


def given(**fields: object) -> argparse.Namespace:
    return argparse.Namespace(**{"learners": 4, "within": 2.0, "stay": 1.0, "url": None, "driver": "pty"} | fields)


@pytest.mark.parametrize(
    "url",
    [
        "http://192.0.2.1:8000",
        "http://course.example.org",
        "http://localhost:8000",  # a name: what it leads to is not ours to say
        "https://127.0.0.1:8000",
        "http://127.0.0.1.example.org",
        "http://example.org@192.0.2.1/",
        "http://127.0.0.1:8000/path",
        "http://0.0.0.0:8000",
        "http://127.0.0.1:port",
        "127.0.0.1:8000",
        "",
    ],
)
def test_only_this_machines_loopback_is_loaded(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadInput, match="loopback"):
        load.bounds(given(url=url))
    assert load.main(["--url", url, "--learners", "1"]) == 2
    assert "loopback" in capsys.readouterr().err


def test_loopback_by_number_is_taken() -> None:
    assert load.address("http://127.0.0.1:8000/") == ("127.0.0.1", 8000)
    assert load.address("http://127.9.9.9") == ("127.9.9.9", 80)


@pytest.mark.parametrize(
    "fields", [{"learners": 0}, {"learners": 1001}, {"within": 0.0}, {"within": 1e9}, {"stay": -1.0}]
)
def test_it_is_bounded(fields: dict[str, object]) -> None:
    load.bounds(given())
    with pytest.raises(BadInput):
        load.bounds(given(**fields))


def test_what_it_saw_is_told() -> None:
    notes = Notes(page=[0.01] * 3, start=[0.1, 0.2, 0.9], echo=[0.002], refused=1, commands=7)
    notes.errors["POST sandboxes 500 error"] += 2
    found = load.summary(given(), notes, [0.005], 1.5)
    assert (found["joined"], found["joins_per_second"], found["refused"]) == (3, 2.0, 1)
    assert found["start"] == {"count": 3, "p50": 200.0, "p95": 900.0, "most": 900.0}
    told = load.table(found)
    assert "3 of 4 learners" in told and "1 were refused" in told and "POST sandboxes 500 error × 2" in told
    assert "errors: none" in load.table(load.summary(given(), Notes(), [], 0.0))


def test_learners_join_type_and_leave(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "load.json"
    code = load.main(["--learners", "3", "--within", "0.5", "--stay", "1", "--json", str(out)])
    told = capsys.readouterr()
    assert code == 0, told.out + told.err
    found = json.loads(out.read_text())
    assert found["joined"] == 3 and found["errors"] == {} and found["commands"] >= 3
    assert "3 of 3 learners joined" in told.out
