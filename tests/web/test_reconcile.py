"""What follows from what the spawner has: pure, look by look."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from lab_server.web.reconcile import LOST_AFTER, UNCLAIMED_AFTER, Adopt, Destroy, Found, Known, Lose, Reconciler


def found(id: str, owner: str = "", state: str = "ready", since: int = 1, **labels: str) -> Found:
    mine = {"owner": owner, "lesson": "a/01-b", "since": str(since)} if owner else {}
    return Found(id, state, mine | labels)


def lease(id: str, owner: str = "ann", ready: bool = True, live: bool = True) -> Known:
    return Known(id, owner, ready, live)


def after_first() -> Reconciler:
    made = Reconciler()
    assert made.look([], [], 0) == []
    return made


def test_the_first_look_adopts_one_sandbox_a_learner() -> None:
    old, new, others = found("s1", "ann", since=5), found("s2", "ann", since=9), found("s3", "bob")
    reconciler = Reconciler()
    there = [old, new, others, found("s4", "cat", state="failed")]
    assert reconciler.look(there, [], 0) == [Adopt(new), Adopt(others)]
    leases = [lease("s2"), lease("s3", "bob")]
    assert reconciler.look(there, leases, 10) == []
    assert reconciler.look(there, leases, UNCLAIMED_AFTER) == [Destroy("s1", False), Destroy("s4", False)]


def test_a_missing_sandbox_is_lost_after_two_looks_and_a_grace() -> None:
    reconciler = after_first()
    assert reconciler.look([], [lease("s1")], 0) == []
    assert reconciler.look([], [lease("s1")], LOST_AFTER - 0.1) == []
    assert reconciler.look([], [lease("s1")], LOST_AFTER) == [Lose("s1")]


def test_a_sandbox_that_was_seen_to_have_ended_is_lost_at_once() -> None:
    reconciler = after_first()
    gone = found("s1", "ann", state="gone")
    assert reconciler.look([gone], [lease("s1")], 0) == [Lose("s1", seen=True)]
    assert reconciler.look([gone], [lease("s1", ready=False)], 1) == [], "it is being made anew"
    assert reconciler.look([gone], [lease("s1", ready=False, live=False)], 2) == [Destroy("s1", True)]


def test_the_first_look_adopts_none_that_is_gone() -> None:
    assert Reconciler().look([found("s1", "ann", state="gone")], [], 0) == []


def test_one_look_is_not_enough_however_long_ago() -> None:
    reconciler = after_first()
    reconciler.look([], [lease("s1")], 0)
    reconciler.look([found("s1", "ann")], [lease("s1")], 50)
    assert reconciler.look([], [lease("s1")], 100) == []


def test_a_spawner_that_could_not_be_asked_changes_nothing() -> None:
    reconciler = after_first()
    reconciler.look([], [lease("s1")], 0)
    reconciler.unknown()
    assert reconciler.look([], [lease("s1")], 100) == []
    assert reconciler.look([], [lease("s1")], 100 + LOST_AFTER) == [Lose("s1")]


def test_what_is_starting_or_over_is_not_missed() -> None:
    reconciler = after_first()
    leases = [lease("s1", ready=False), lease("s2", "bob", ready=False, live=False)]
    for now in (0, 100, 200):
        assert reconciler.look([], leases, now) == []


def test_what_nobody_claims_is_destroyed_after_two_looks_and_a_grace() -> None:
    reconciler = after_first()
    there = [found("s1"), found("s2", "ann"), found("mine", "ann")]
    for now in (0, UNCLAIMED_AFTER - 1):
        assert reconciler.look(there, [lease("mine")], now) == []
    assert reconciler.look(there, [lease("mine")], UNCLAIMED_AFTER) == [Destroy("s1", False), Destroy("s2", False)]


def test_a_lease_that_comes_in_time_claims_its_sandbox() -> None:
    reconciler = after_first()
    reconciler.look([found("s1", "ann")], [], 0)
    assert reconciler.look([found("s1", "ann")], [lease("s1", ready=False)], 100) == []
    assert reconciler.look([found("s1", "ann")], [], 200) == []


def test_the_sandbox_of_a_lease_that_is_over_goes_at_once() -> None:
    reconciler = after_first()
    over = lease("s1", ready=False, live=False)
    assert reconciler.look([found("s1", "ann")], [over], 0) == [Destroy("s1", True)]
    assert reconciler.look([found("s1", "ann")], [over], 3) == [Destroy("s1", True)]


def test_what_is_somebody_elses_is_left_alone() -> None:
    reconciler = after_first()
    there = [Found("s1", "ready", {"for": "labs"}), Found("s2", "warm", {}), Found("s3", "ready", {"x": "y"})]
    for now in (0, 100, 200):
        assert reconciler.look(there, [], now) == []


def test_labels_that_make_no_sense_are_nobodys() -> None:
    odd = Found("s1", "ready", {"owner": "ann", "lesson": "x", "since": "yesterday"})
    reconciler = Reconciler()
    assert reconciler.look([odd], [], 0) == []
    assert reconciler.look([odd], [], UNCLAIMED_AFTER) == [Destroy("s1", False)]


IDS = some.sampled_from(["s1", "s2", "s3"])


@given(
    some.lists(
        some.tuples(some.lists(IDS, unique=True), some.lists(IDS, unique=True), some.floats(0, 60), some.booleans()),
        max_size=12,
    )
)
def test_nothing_is_lost_or_destroyed_that_was_in_order_at_the_last_look(
    looks: list[tuple[list[str], list[str], float, bool]],
) -> None:
    reconciler, now = after_first(), 0.0
    before: tuple[set[str], set[str]] = (set(), set())
    for there, leased, seconds, asked in looks:
        now += seconds
        if not asked:
            reconciler.unknown()
            before = (set(), set())
            continue
        actions = reconciler.look([found(id) for id in there], [lease(id, id) for id in leased], now)
        missing, unclaimed = set(leased) - set(there), set(there) - set(leased)
        assert {one.id for one in actions if isinstance(one, Lose)} <= missing & before[0]
        assert {one.id for one in actions if isinstance(one, Destroy)} <= unclaimed & before[1]
        before = (missing, unclaimed)
