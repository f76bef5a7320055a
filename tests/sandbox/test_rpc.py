"""The spawner's messages: what is let in, what is refused, and that descriptors never leak."""

import contextlib
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_server.errors import BadInput, HostFull, LabError, NotFound, SpawnerGone
from lab_server.sandbox import rpc

GOOD = {"verb": "open", "sandbox": "abcdefgh", "session": "host", "columns": 80, "rows": 24}


def test_a_good_request_passes_unchanged():
    assert rpc.check(dict(GOOD)) == GOOD


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"verb": "exec"}, "exec"),
        ({"sandbox": "../../etc"}, "sandbox"),
        ({"sandbox": "SHOUTING"}, "sandbox"),
        ({"session": ""}, "session"),
        ({"session": "a" * 17}, "session"),
        ({"columns": 0}, "columns"),
        ({"columns": True}, "columns"),
        ({"rows": 501}, "rows"),
        ({"image": "alpine"}, "image"),
        ({"mounts": ["/"]}, "mounts"),
    ],
)
def test_what_is_not_closed_is_refused_by_name(change, named):
    with pytest.raises(BadInput, match=named):
        rpc.check(GOOD | change)


@pytest.mark.parametrize("template", ["../secrets", "a b", "x" * 129, 5, None])
def test_templates_are_names(template):
    with pytest.raises(BadInput, match="template"):
        rpc.check({"verb": "create", "sandbox": "abcdefgh", "template": template, "labels": {}})


@pytest.mark.parametrize("argv", [[], "ls", ["a\0b"], [1], ["x"] * 257])
def test_argv_is_words(argv):
    with pytest.raises(BadInput, match="argv"):
        rpc.check({"verb": "run", "sandbox": "abcdefgh", "argv": argv})


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_no_json_gets_past_check_but_by_the_table(value):
    try:
        request = rpc.check(value)
    except BadInput:
        return
    assert set(request) == {"verb", *rpc.VERBS[request["verb"]]}


@given(st.binary(max_size=200))
def test_decode_takes_objects_only(data):
    with contextlib.suppress(BadInput):
        assert isinstance(rpc.decode(data), dict)


def pair():
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def open_descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_travel_and_are_close_on_exec():
    here, there = pair()
    with here, there:
        read, write = os.pipe()
        rpc.send(here, {"ok": {}}, (read, write))
        message, (r, w) = rpc.receive(there)
        assert message == {"ok": {}}
        assert not os.get_inheritable(r)
        os.write(w, b"through")
        assert os.read(r, 7) == b"through"
        rpc.close_all([read, write, r, w])


def test_too_many_descriptors_are_refused_and_closed():
    here, there = pair()
    with here, there:
        before = open_descriptors()
        mine = [os.dup(0) for _ in range(6)]
        rpc.send(here, {"ok": {}}, tuple(mine))
        rpc.close_all(mine)
        with pytest.raises(BadInput):
            rpc.receive(there)
        assert open_descriptors() == before


def test_an_oversize_message_is_refused_at_both_ends():
    here, there = pair()
    with here, there:
        with pytest.raises(BadInput, match="over"):
            rpc.send(here, {"ok": "x" * rpc.MAX_MESSAGE})
        here.send(b"[" * (rpc.MAX_MESSAGE + 10))
        with pytest.raises(BadInput):
            rpc.receive(there)


def test_end_of_file_is_the_spawner_gone():
    here, there = pair()
    here.close()
    with there, pytest.raises(SpawnerGone):
        rpc.receive(there)


@pytest.mark.parametrize("kind", [BadInput, NotFound, HostFull])
def test_errors_keep_type_and_remedy_across_the_socket(kind):
    with pytest.raises(kind) as caught:
        rpc.result(rpc.failure(kind("what happened", "what to do")))
    assert (caught.value.message, caught.value.remedy) == ("what happened", "what to do")


def test_an_unknown_code_is_still_an_error_with_words():
    with pytest.raises(LabError, match="odd"):
        rpc.result({"error": {"code": "from-the-future", "message": "odd"}})
