"""Sandboxes that are ready beforehand: nobody shares one, nobody gets a dead or a used one, and those who come go first."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lab_server.errors import Conflict, HostFull, NotFound
from lab_server.sandbox import pool as pools
from lab_server.sandbox.contract import UNBOUND, Sandbox, SandboxSpec, Survivor
from lab_server.sandbox.pool import Pool
from lab_server.sandbox.registry import Registry, specs
from lab_server.sandbox.room import Room
from tests.fakes import FailingDriver, PtyDriver, PtySandbox, SlowDriver, VanishingDriver
from tests.shell import eventually

ID = "a1b2c3d4{:04}"
SMALL = {"small": {"hostname": "small"}}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No quiet after somebody came: what is tested is the order, not how long it takes."""
    monkeypatch.setattr(pools, "SETTLE", 0.0)
    monkeypatch.setattr(pools, "TICK", 0.01)


Make = Callable[..., Registry]


@pytest.fixture
def keep() -> Iterator[Make]:
    """Registries with a pool that has begun, closed at the end."""
    kept: list[tuple[Registry, PtyDriver]] = []

    def make(driver: PtyDriver, warm: int = 3, most: int = 500, room: Room | None = None) -> Registry:
        registry = Registry(driver, specs(SMALL), most, room, warm)
        registry.pool.start()
        kept.append((registry, driver))
        return registry

    yield make
    for registry, driver in kept:
        if (go := getattr(driver, "go", None)) is not None:
            go.set()
        registry.end_all()
        assert not [one for one in driver.sandboxes.values() if not one.gone], "a sandbox was left"
        driver.close()


def warm(registry: Registry, count: int) -> None:
    eventually(lambda: registry.pool.count() == count, f"{count} are warm")


def come(registry: Registry, count: int, template: str = "default") -> None:
    for _ in range(count):
        registry.pool.came(template)


# --- what is handed out ---


def test_one_is_ready_before_anybody_came_and_is_taken(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver)
    warm(registry, 1)
    (ready,) = driver.created
    assert registry.all() == []  # nobody's: not listed
    made = registry.create(ID.format(1), "default", {"owner": "ann"})
    assert made == {
        "sandbox": ID.format(1),
        "template": "default",
        "labels": {"owner": "ann"},
        "state": "ready",
        "detail": "",
        "frozen": False,
    }
    assert registry.get(ID.format(1))[0] is driver.sandboxes[ready]
    assert [entry["sandbox"] for entry in registry.all()] == [ID.format(1)]


def test_no_two_askers_ever_get_the_same_one(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver, warm=16)
    come(registry, 16)
    warm(registry, 16)
    at_once = threading.Barrier(24)

    def ask(n: int) -> Sandbox:
        at_once.wait()
        registry.create(ID.format(n), "default", {"owner": str(n)})
        return registry.get(ID.format(n))[0]

    with ThreadPoolExecutor(24) as askers:
        got = list(askers.map(ask, range(24)))
    assert len({id(sandbox) for sandbox in got}) == 24
    assert sum(sandbox.id.startswith("warm") for sandbox in got) >= 16


def test_the_same_id_asked_for_at_once_takes_one(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver, warm=4)
    come(registry, 4)
    warm(registry, 4)
    at_once = threading.Barrier(8)

    def ask(n: int) -> object:
        at_once.wait()
        call = registry.bind if n % 2 else registry.create
        return call(ID.format(1), "default", {"owner": "ann"})

    with ThreadPoolExecutor(8) as askers:
        told = list(askers.map(ask, range(8)))
    assert all(one == told[0] for one in told) and told[0]
    assert len(registry.all()) == 1
    registry.end(ID.format(1))
    held = registry.get  # its one sandbox is gone, and no other has its name
    with pytest.raises(NotFound):
        held(ID.format(1))


def test_one_that_died_in_the_pool_is_never_handed_out(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver, warm=2)
    come(registry, 2)
    warm(registry, 2)
    dead = [driver.sandboxes[id] for id in driver.created]
    with driver_paused(registry):
        for one in dead:
            one.gone = True
        assert registry.bind(ID.format(1), "default", {}) is None
        registry.create(ID.format(1), "default", {})
    sandbox = registry.get(ID.format(1))[0]
    assert sandbox.alive() and sandbox not in dead


def driver_paused(registry: Registry) -> contextlib.AbstractContextManager[None]:
    """While it lasts, a learner's sandbox is being made as far as the pool knows: it begins nothing."""
    return registry.pool.way()


def test_those_that_died_are_found_and_others_made(keep: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "LOOK", 0.0)
    driver = PtyDriver()
    registry = keep(driver, warm=1)
    warm(registry, 1)
    (first,) = driver.created
    driver.sandboxes[first].gone = True
    eventually(lambda: len(driver.created) == 2 and registry.pool.count() == 1)
    eventually(lambda: not driver.sandboxes[first].home.exists(), "what died is cleared away")


def test_a_driver_whose_sandboxes_vanish_gives_nobody_one_that_is_gone(keep: Make) -> None:
    driver = VanishingDriver()
    registry = keep(driver)
    warm(registry, 1)
    assert registry.bind(ID.format(1), "default", {}) is None


def test_a_used_one_is_never_handed_out_again(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver, warm=2)
    seen = set()
    for n in range(20):
        eventually(lambda: registry.pool.count())
        registry.create(ID.format(n), "default", {})
        sandbox = registry.get(ID.format(n))[0]
        assert sandbox.id not in seen and sandbox.alive()
        seen.add(sandbox.id)
        registry.end(ID.format(n))
        assert not sandbox.alive()
    assert len(seen) == 20


def test_a_template_gets_its_own_kind(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver)
    warm(registry, 1)  # a default one
    registry.create(ID.format(1), "small", {})
    assert registry.get(ID.format(1))[0].id == ID.format(1)  # made for it
    with pytest.raises(NotFound):
        registry.create(ID.format(2), "nothing", {})


def test_one_that_is_being_made_is_waited_for_by_one(keep: Make) -> None:
    driver = SlowDriver()
    registry = keep(driver)
    pool = registry.pool
    eventually(lambda: pool._making is not None)
    with ThreadPoolExecutor(1) as asker:
        first = asker.submit(registry.bind, ID.format(1), "default", {})
        eventually(lambda: pool._making is not None and pool._making.promised)
        assert registry.bind(ID.format(2), "default", {}) is None  # the next one is not kept waiting
        driver.go.set()
        assert first.result(30)
    assert registry.get(ID.format(1))[0].id.startswith("warm")


def test_a_taken_name_costs_no_sandbox_and_leaves_none(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver)
    registry.create(ID.format(1), "default", {"owner": "ann"})
    for call in (registry.create, registry.bind):
        with pytest.raises(Conflict):
            call(ID.format(1), "default", {"owner": "bob"})


# --- how many ---


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def plan(most: int = 8) -> tuple[Pool, Clock]:
    clock = Clock()
    return Pool(lambda template: PtySandbox("never", {}), lambda ready: 100, most, clock=clock), clock


def test_as_many_as_came_lately_are_wanted_and_one_at_the_least() -> None:
    pool, clock = plan()
    assert pool.wanted(100) == {"default": 1}
    for _ in range(5):
        pool.came("default")
    assert pool.wanted(100) == {"default": 5}
    clock.now = pools.RECENT + 1
    assert pool.wanted(100) == {"default": 1}


def test_templates_share_what_may_be_kept() -> None:
    pool, clock = plan(most=8)
    for template, count in (("small", 20), ("default", 3)):
        for _ in range(count):
            pool.came(template)
    assert pool.wanted(100) == {"small": 8, "default": 0}
    assert pool.wanted(2) == {"small": 2, "default": 0}
    assert pool.wanted(0) == {"small": 0, "default": 0}
    clock.now = pools.RECENT + 1
    assert pool.wanted(100) == {"default": 1}  # what was wanted last


def test_it_shrinks_when_nobody_comes() -> None:
    made: list[PtySandbox] = []
    clock = Clock()

    def make(template: str) -> PtySandbox:
        made.append(PtySandbox("warm", {}))
        return made[-1]

    pool = Pool(make, lambda ready: 100, 4, clock=clock)
    for _ in range(9):
        pool.came("default")
    pool.start()
    try:
        eventually(lambda: pool.count() == 4)
        clock.now += pools.RECENT + 1
        eventually(lambda: pool.count() == 1 and sum(one.gone for one in made) == 3)
    finally:
        pool.close()
    assert all(one.gone for one in made)


def test_none_are_kept_with_nothing_to_keep(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver, warm=0)
    registry.create(ID.format(1), "default", {})
    assert registry.bind(ID.format(2), "default", {}) is None
    assert driver.created == [ID.format(1)]


def test_places_go_to_those_who_come(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver, warm=3, most=4)
    come(registry, 3)
    warm(registry, 3)
    for n in range(4):
        registry.create(ID.format(n), "small", {})
        assert len([one for one in driver.sandboxes.values() if not one.gone]) <= 4
    assert registry.pool.count() == 0
    with pytest.raises(HostFull, match="All 4 sandboxes"):
        registry.create(ID.format(9), "default", {})
    registry.end(ID.format(0))
    eventually(lambda: registry.pool.count() == 1, "the place that is free again is filled")


def test_nothing_is_made_where_the_host_is_nearly_full_and_all_goes_where_it_is(keep: Make, tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    say = lambda mib: meminfo.write_text(f"MemTotal: 9999999 kB\nMemAvailable: {mib << 10} kB\n")  # noqa: E731
    say(1000)
    driver = PtyDriver()
    registry = keep(driver, warm=3, room=Room(proc=tmp_path, cgroup=tmp_path))
    warm(registry, 1)
    say(400)
    come(registry, 3)
    assert registry._room_for(1) == 1
    say(100)
    eventually(lambda: registry.pool.count() == 0, "what is warm makes room")
    eventually(lambda: all(one.gone for one in driver.sandboxes.values()))
    assert "memory" in registry.fullness()["full"]["message"]


# --- who goes first ---


def test_it_begins_nothing_while_somebodys_is_being_made(keep: Make) -> None:
    driver = PtyDriver()
    registry = keep(driver, warm=2)
    warm(registry, 1)
    with registry.pool.way():
        assert registry.bind(ID.format(1), "default", {})
        with registry.pool._changed:
            assert registry.pool._next(100) is None
        with registry.pool.way():
            pass
        with registry.pool._changed:
            assert registry.pool._next(100) is None  # one of two is still being made
    eventually(lambda: registry.pool.count() == 1)


def test_after_somebody_came_it_is_quiet_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "SETTLE", 0.25)
    pool, clock = plan()
    clock.now = 100.0
    assert pool._next(100) is not None
    pool.came("default")
    assert pool._next(100) is None
    clock.now += 0.3
    assert pool._next(100) is not None


def test_it_rests_as_long_as_making_one_took() -> None:
    clock = Clock()

    def make(template: str) -> PtySandbox:
        clock.now += 3.0
        return PtySandbox("warm", {})

    pool = Pool(make, lambda ready: 100, 4, clock=clock)
    pool.came("default")
    pool.came("default")
    making = pool._next(100)
    assert making
    pool._fill(making)
    assert pool._next(100) is None
    clock.now += 3.0
    assert pool._next(100) is not None
    pool.close()


def test_a_driver_that_fails_is_left_in_peace_for_a_while(keep: Make, capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    tried = []

    def make(template: str) -> Sandbox:
        tried.append(clock.now)
        return FailingDriver().create("warm", SandboxSpec(), {})

    pool = Pool(make, lambda ready: 100, 4, clock=clock)
    for seconds in (1.0, 2.0, 4.0):
        making = pool._next(100)
        assert making
        pool._fill(making)
        assert pool._next(100) is None and pool.take("default") is None
        clock.now += seconds
    assert len(tried) == 3
    assert capsys.readouterr().err.count("out of luck") == 1  # said once, not each time


# --- its end, and a spawner that comes after it ---


def test_all_are_destroyed_at_the_end() -> None:
    driver = PtyDriver()
    registry = Registry(driver, specs(SMALL), 500, None, 3)
    registry.pool.start()
    come(registry, 3)
    warm(registry, 3)
    registry.create(ID.format(1), "default", {})
    registry.end_all()
    assert all(one.gone and not one.home.exists() for one in driver.sandboxes.values())
    assert registry.pool.count() == 0


def test_one_that_is_being_made_at_the_end_is_waited_for() -> None:
    driver = SlowDriver()
    registry = Registry(driver, specs(SMALL), 500, None, 3)
    registry.pool.start()
    eventually(lambda: registry.pool._making is not None)
    closing = threading.Thread(target=registry.end_all)
    closing.start()
    driver.go.set()
    closing.join(30)
    assert not closing.is_alive() and all(one.gone for one in driver.sandboxes.values()) and driver.sandboxes


class LastingPty(PtyDriver):
    """Sandboxes that outlive their spawner, and whose driver can't say whose one became."""

    def survivors(self) -> list[Survivor]:
        return []


class BoundPty(LastingPty):
    """Remembers whose one became."""

    def __init__(self) -> None:
        super().__init__()
        self.bound: dict[str, tuple[str, Mapping[str, str]]] = {}
        self.broken = False

    def bind(self, sandbox: Sandbox, id: str, labels: Mapping[str, str]) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.bound[sandbox.id] = (id, labels)

    def survivors(self) -> list[Survivor]:
        found = []
        for one in self.sandboxes.values():
            id, labels = self.bound.get(one.id, ("", one.labels))
            one.labels = labels
            found.append(Survivor(one, "default", (), id))
        return found


def test_no_pool_where_a_sandbox_outlives_us_and_nobody_knows_whose_it_became(keep: Make) -> None:
    registry = keep(LastingPty())
    assert not registry.pool.on
    registry.create(ID.format(1), "default", {})
    assert registry.get(ID.format(1))[0].id == ID.format(1)


def test_a_spawner_that_comes_after_knows_whose_they_are_and_ends_those_of_nobody(keep: Make) -> None:
    driver = BoundPty()
    before = keep(driver)
    warm(before, 1)
    before.create(ID.format(1), "default", {"owner": "ann"})
    warm(before, 1)
    mine = before.get(ID.format(1))[0]
    (nobodys,) = [one for one in driver.sandboxes.values() if one is not mine]
    assert nobodys.labels == UNBOUND
    after = Registry(driver, specs(SMALL), 500, None, 3)
    after.adopt(driver.survivors())
    assert [(one["sandbox"], one["labels"]) for one in after.all()] == [(ID.format(1), {"owner": "ann"})]
    assert after.get(ID.format(1))[0] is mine and nobodys.gone


def test_one_that_could_not_be_bound_is_not_used(keep: Make, capsys: pytest.CaptureFixture[str]) -> None:
    driver = BoundPty()
    registry = keep(driver)
    warm(registry, 1)
    (ready,) = driver.created
    driver.broken = True
    registry.create(ID.format(1), "default", {})
    assert registry.get(ID.format(1))[0].id == ID.format(1)
    eventually(lambda: driver.sandboxes[ready].gone)
    assert "could not be bound" in capsys.readouterr().err
