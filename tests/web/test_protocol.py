"""The websocket's messages, and that the page says the same."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lab_server.errors import BadInput
from lab_server.sandbox.contract import MAX_COLUMNS, MAX_ROWS
from lab_server.settings import ROOT
from lab_server.web import protocol
from lab_server.web.protocol import Ack, Ping, Resize

MIRROR = ROOT / "web" / "src" / "protocol.ts"


def test_what_a_client_says() -> None:
    assert protocol.parse('{"type":"resize","cols":100,"rows":30}') == Resize(100, 30)
    assert protocol.parse('{"type":"resize","cols":1e400,"rows":-1e400}') == Resize(MAX_COLUMNS, 1)
    assert protocol.parse('{"type":"resize","cols":NaN,"rows":0}') == Resize(1, 1)
    assert protocol.parse('{"type":"ack","output":7}') == Ack(7)
    assert protocol.parse('{"type":"ping"}') == Ping()


@pytest.mark.parametrize("field", ["cols", "rows"])
def test_the_field_that_is_wrong_is_named(field: str) -> None:
    with pytest.raises(BadInput, match=field):
        protocol.parse(json.dumps({"type": "resize", "cols": 1, "rows": 1} | {field: "80"}))


@given(some.text() | some.recursive(some.none() | some.floats() | some.text(), some.lists).map(json.dumps))
def test_anything_else_is_bad_input_and_nothing_worse(text: str) -> None:
    with pytest.raises(BadInput):
        protocol.parse(text)


@given(
    some.fixed_dictionaries(
        {"type": some.sampled_from(protocol.CLIENT_MESSAGES)},
        optional={name: some.integers() | some.floats() | some.booleans() for name in ("cols", "rows", "output")},
    )
)
def test_numbers_are_in_range_or_refused(message: dict[str, object]) -> None:
    try:
        parsed = protocol.parse(json.dumps(message))
    except BadInput:
        return
    if isinstance(parsed, Resize):
        assert 1 <= parsed.columns <= MAX_COLUMNS and 1 <= parsed.rows <= MAX_ROWS
    if isinstance(parsed, Ack):
        assert parsed.output >= 0


def test_close_reasons_fit() -> None:
    clipped = protocol.Close(4500, "ü" * 200).clipped()
    assert len(clipped.encode()) <= 123 and set(clipped) == {"ü"}


@pytest.mark.skipif(not MIRROR.exists(), reason="web/src/protocol.ts is not there")
def test_the_page_has_the_same_constants() -> None:
    text = MIRROR.read_text()
    theirs = {name: int(value) for name, value in re.findall(r"export const ([A-Z_]+) = (\d+);", text)}
    ours = {name: getattr(protocol, name) for name in dir(protocol) if name.isupper()}
    shared = set(theirs) & set(ours)
    assert {"ACK_EVERY", "MAX_BEHIND", "MAX_FRAME", "MAX_COLUMNS", "CLOSE_NOT_FOUND", "CLOSE_ENDED"} <= shared
    assert {name: theirs[name] for name in shared} == {name: ours[name] for name in shared}
    closes = {value for name, value in theirs.items() if name.startswith("CLOSE_")}
    assert closes <= {value for name, value in ours.items() if name.startswith("CLOSE_")}


@pytest.mark.skipif(not MIRROR.exists(), reason="web/src/protocol.ts is not there")
def test_the_page_knows_the_same_messages_and_fields() -> None:
    text = MIRROR.read_text()
    for kind in protocol.SERVER_MESSAGES:
        assert f'case "{kind}"' in text or f'type: "{kind}"' in text, kind
    client = text[text.index("ClientMessage =") :].split(";\n\n")[0]
    assert set(re.findall(r'type: "(\w+)"', client)) == set(protocol.CLIENT_MESSAGES)


def test_the_documentation_names_every_message_and_code() -> None:
    text = (ROOT / "docs" / "develop" / "protocol.md").read_text()
    for kind in (*protocol.SERVER_MESSAGES, *protocol.CLIENT_MESSAGES):
        assert f'"type": "{kind}"' in text, kind
    for name in dir(protocol):
        if name.startswith("CLOSE_"):
            assert str(getattr(protocol, name)) in text, name
