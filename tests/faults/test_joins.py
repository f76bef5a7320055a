"""Many join in the same moment: each gets one sandbox, and nobody an error. The whole row's burst is measured, not tested."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.faults import hosting
from tests.faults.conftest import Serve, Tell

JOINS = 40
WITHIN = 120.0  # seconds


def test_many_join_at_once(serve: Serve, lesson: str, figure: Tell) -> None:
    serving = serve("pty")
    together = threading.Barrier(JOINS)
    statuses: list[int] = []
    took: list[float] = []

    def call(client: httpx.Client, method: str, path: str, **given: object) -> httpx.Response:
        asked = time.monotonic()
        answer = client.request(method, path, **given)  # type: ignore[arg-type]
        took.append(time.monotonic() - asked)
        statuses.append(answer.status_code)
        return answer

    def join(_: int) -> tuple[str, float]:
        with httpx.Client(base_url=serving.origin, headers={"Origin": serving.origin}, timeout=WITHIN) as client:
            together.wait()
            asked = time.monotonic()
            call(client, "GET", "/api/me")
            # clicked twice, which makes no second one
            ids = {call(client, "POST", "/api/sandboxes", json={"lesson": lesson}).json()["id"] for _ in range(2)}
            (id,) = ids
            while (found := call(client, "GET", f"/api/sandboxes/{id}").json())["state"] != "ready":
                assert found["state"] == "starting" and found["detail"], found
                assert time.monotonic() < asked + WITHIN
            return str(id), time.monotonic() - asked

    with ThreadPoolExecutor(JOINS) as pool:
        joined = list(pool.map(join, range(JOINS)))
    assert len({id for id, _ in joined}) == JOINS
    assert hosting.sandboxes(serving.data) == {id for id, _ in joined}
    assert max(statuses) < 500, sorted(set(statuses))
    waits = sorted(seconds for _, seconds in joined)
    figure(
        f"{JOINS} at once: {len(statuses)} calls, none answered 5xx, slowest {max(took) * 1000:.0f} ms; "
        f"sandboxes ready in {waits[len(waits) // 2]:.1f} s (median), {waits[-1]:.1f} s (last)"
    )
