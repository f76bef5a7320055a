"""The one table of settings: where values come from, what is refused, and that each is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab_server import settings
from lab_server.errors import BadInput
from lab_server.settings import ROOT, Settings


def test_defaults() -> None:
    found = settings.load()
    assert (found.host, found.port, found.driver, found.data) == ("127.0.0.1", 8000, "auto", ROOT / ".labs")


def test_the_environment_counts_and_what_is_given_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABS_PORT", "8123")
    monkeypatch.setenv("LABS_DRIVER", "")  # set to nothing is not set
    monkeypatch.setenv("LABS_ORIGINS", "https://A.example.org/, http://b.example.org:81")
    assert settings.load().port == 8123 and settings.load().driver == "auto"
    assert settings.load(port=9000, driver=None).port == 9000
    assert settings.load().origins == ("https://a.example.org", "http://b.example.org:81")


def test_paths_are_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.load(data=Path("here")).data == tmp_path / "here"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LABS_PORT", "eighty"),
        ("LABS_PORT", "70000"),
        ("LABS_ORIGINS", "course.example.org"),
        ("LABS_ORIGINS", "https://course.example.org/path"),
        ("LABS_LOG", "xml"),
        ("LABS_CPUS", "0"),
        ("LABS_MEMORY", "-1"),
    ],
)
def test_a_wrong_value_names_its_setting(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadInput, match=name):
        settings.load()


def test_every_setting_is_explained() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description and field.description.endswith((".", ")")), name
        assert not field.is_required(), name


def test_what_is_written_for_the_web_process_is_read_back() -> None:
    before = settings.load(port=1, proxies="10.0.0.1,10.0.0.2")
    assert Settings.model_validate_json(before.model_dump_json()) == before
