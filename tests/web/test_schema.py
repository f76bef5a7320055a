"""Every route against its own schema, with made-up input (schemathesis)."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from tests.conftest import Make
from tests.web.instructor import instructor
from tests.web.learner import Learner

OPERATIONS = [
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/api/me"),
    ("GET", "/api/lessons"),
    ("POST", "/api/sandboxes"),
    ("GET", "/api/sandboxes/{id}"),
    ("DELETE", "/api/sandboxes/{id}"),
    ("POST", "/api/sandboxes/{id}/reset"),
    ("GET", "/api/progress"),
    ("POST", "/api/progress/steps"),
    ("POST", "/api/progress/predictions"),
    ("POST", "/api/progress/answers"),
    ("GET", "/api/me/export"),
    ("POST", "/api/me/code"),
    ("POST", "/api/me/resume"),
    ("DELETE", "/api/me"),
    ("GET", "/api/signin"),
    ("POST", "/api/signin"),
    ("PUT", "/api/signin/password"),
    ("POST", "/api/signin/passkey/options"),
    ("POST", "/api/signin/passkey"),
    ("GET", "/api/passkeys"),
    ("POST", "/api/passkeys/options"),
    ("POST", "/api/passkeys"),
    ("DELETE", "/api/passkeys/{id}"),
    ("POST", "/api/signin/oidc"),
    ("GET", "/api/identities"),
    ("POST", "/api/identities"),
    ("DELETE", "/api/identities/{id}"),
    ("DELETE", "/api/signin"),
    ("GET", "/api/signins"),
    ("DELETE", "/api/signins/{id}"),
    ("GET", "/api/classes"),
    ("POST", "/api/classes"),
    ("GET", "/api/classes/{id}"),
    ("PATCH", "/api/classes/{id}"),
    ("DELETE", "/api/classes/{id}"),
    ("POST", "/api/classes/{id}/code"),
    ("GET", "/api/classes/{id}/roster"),
    ("DELETE", "/api/classes/{id}/learners/{learner}"),
    ("GET", "/api/classes/{id}/learners/{learner}"),
    ("DELETE", "/api/classes/{id}/learners/{learner}/hand"),
    ("POST", "/api/classes/{id}/learners/{learner}/typing"),
    ("DELETE", "/api/classes/{id}/learners/{learner}/typing"),
    ("PUT", "/api/memberships/{id}/hand"),
    ("DELETE", "/api/memberships/{id}/hand"),
    ("PUT", "/api/memberships/{id}/typing"),
    ("DELETE", "/api/memberships/{id}/typing"),
    ("GET", "/api/classes/{id}/export.csv"),
    ("GET", "/api/classes/{id}/export.json"),
    ("GET", "/api/classes/{id}/export.xapi.json"),
    ("GET", "/api/classes/{id}/recordings"),
    ("GET", "/api/classes/{id}/recordings/{recording}.cast"),
    ("DELETE", "/api/classes/{id}/recordings/{recording}"),
    ("GET", "/api/classes/{id}/audit"),
    ("PUT", "/api/memberships/{id}/recording"),
    ("DELETE", "/api/memberships/{id}/recording"),
    ("DELETE", "/api/memberships/{id}/recordings"),
    ("POST", "/api/classes/{id}/staff"),
    ("DELETE", "/api/classes/{id}/staff/{account}"),
    ("GET", "/api/classes/{id}/room"),
    ("PUT", "/api/classes/{id}/message"),
    ("DELETE", "/api/classes/{id}/message"),
    ("PUT", "/api/classes/{id}/here"),
    ("DELETE", "/api/classes/{id}/here"),
    ("PUT", "/api/classes/{id}/pause"),
    ("DELETE", "/api/classes/{id}/pause"),
    ("GET", "/api/classes/{id}/present"),
    ("PUT", "/api/classes/{id}/present"),
    ("DELETE", "/api/classes/{id}/present"),
    ("POST", "/api/classes/{id}/extend"),
    ("POST", "/api/classes/{id}/learners/{learner}/reset"),
    ("POST", "/api/classes/{id}/end"),
    ("DELETE", "/api/classes/{id}/end"),
    ("GET", "/api/join/{code}"),
    ("GET", "/api/memberships"),
    ("POST", "/api/memberships"),
    ("DELETE", "/api/memberships/{id}"),
    ("GET", "/api/memberships/{id}/recordings"),
]
SIGNED_IN = ("/api/classes", "/api/signins", "/api/passkeys", "/api/identities")  # what these are asked by


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_made_up_input_gets_what_the_schema_promises(make_server: Make, method: str, path: str) -> None:
    learner = Learner(make_server())
    schema = schemathesis.openapi.from_url(f"{learner.server.origin}/api/openapi.json")
    headers = {"Origin": learner.server.origin, "Cookie": learner.cookie}
    if path.startswith(SIGNED_IN):
        headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in instructor(learner.server).http.cookies.items())
    seen: set[int] = set()

    @settings(
        max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck)
    )
    def check(case: schemathesis.Case[Any]) -> None:
        response = case.call(headers=headers)
        seen.add(response.status_code)
        case.validate_response(
            response, checks=[not_a_server_error, status_code_conformance, response_schema_conformance]
        )
        assert "Traceback" not in response.text

    given(case=schema[path][method].as_strategy())(check)()
    assert seen
