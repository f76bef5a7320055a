"""The bridge against its peers: all up at once, their order new in each round, ratios taken round by round."""

from __future__ import annotations

import random
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import echo, flood, idle, throughput
from bench.crowd import Crowd
from bench.figures import Figure
from bench.ours import Ours
from bench.peers import Naive, Peer, Terminado, Ttyd, running
from bench.stats import against, percentile, ratios, spread

ROUNDS, TURNS = 5, 15  # of keys and Ctrl-C; of output
NEIGHBOURS, BUSY_ROUNDS = 200, 3
STRONGEST = "ttyd"  # the peer to beat
PART = "Bridge (plain PTY behind the real web server and spawner)"
Tell = Callable[[str], None]
Rounds = dict[str, list[float]]


def measure(tell: Tell) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="labs-bench-") as name:
        place = Path(name)
        with running(place, (Ours, Terminado, Naive, Ttyd)) as (peers, not_here):
            note = "; ".join(f"no {peer}: {why}" for peer, why in not_here.items())
            found = _idle(peers, tell)
            found += _rounds(peers, place, tell)
            found += _busy(peers, tell)
            found += _interrupts(peers, place, tell)
            found += _stalled(peers, place, tell)
    if note:
        found[0] = Figure(**{**found[0].__dict__, "note": f"{found[0].note} ({note})".strip()})
    return found


def _versus(rounds: Rounds) -> str:
    """ "ours/terminado 1.8 (1.6–1.9)" for each peer."""
    said = [
        f"ours/{name} {r['median']:.2f} ({r['low']:.2f}–{r['high']:.2f})" for name, r in against(rounds, "ours").items()
    ]
    return ", ".join(said)


def _figure(name: str, unit: str, rounds: Rounds, sense: str, **given: Any) -> Figure:
    detail = {peer: spread(values) | {"rounds": values} for peer, values in rounds.items()}
    others = ", ".join(f"{peer} {statistics.median(values):.3g}" for peer, values in rounds.items() if peer != "ours")
    return Figure(
        PART,
        name,
        statistics.median(rounds["ours"]),
        unit,
        sense=sense,
        note=f"{others}; {_versus(rounds)}",
        detail=detail,
        **given,
    )


def _beats(name: str, rounds: Rounds, target: float, sense: str) -> list[Figure]:
    """The same as a ratio to the strongest peer, which has a target; nothing where that peer is not here."""
    if STRONGEST not in rounds:
        return []
    each = ratios(rounds["ours"], rounds[STRONGEST])
    got = spread(each)
    note = f"{got['low']:.2f}–{got['high']:.2f} in {len(each)} rounds"
    return [Figure(PART, f"{name}, ours / {STRONGEST}", got["median"], "×", target, sense, note, {"rounds": each})]


def _shuffled(peers: dict[str, Peer]) -> list[tuple[str, Peer]]:
    order = list(peers.items())
    random.shuffle(order)
    return order


def _idle(peers: dict[str, Peer], tell: Tell) -> list[Figure]:
    tell(f"bridge: {idle.TERMINALS} idle terminals")
    found = {name: idle.measure(peer) for name, peer in _shuffled(peers)}
    ours = found.pop("ours")
    processes = list(ours.by_process.values())
    note = f"{processes[1]:.1f} in web, {processes[0]:.1f} in the spawner: a learner, a lease and a sandbox each; "
    note += f"{ours.shared:.1f} more in the ring. "
    note += ", ".join(f"{name} {got.each:.1f}" for name, got in found.items())
    detail = {name: got.__dict__ for name, got in (found | {"ours": ours}).items()}
    return [
        Figure(PART, "Server memory an idle terminal, its ring apart", ours.each, "KiB", 8, note=note, detail=detail)
    ]


def _rounds(peers: dict[str, Peer], place: Path, tell: Tell) -> list[Figure]:
    works = throughput.works(place)
    speed: dict[str, Rounds] = {work.name: defaultdict(list) for work in works}
    cost: dict[str, Rounds] = {work.name: defaultdict(list) for work in works}
    middle: Rounds = defaultdict(list)
    late: Rounds = defaultdict(list)
    for n in range(TURNS):
        tell(f"bridge: output, round {n + 1} of {TURNS}")
        for work in works:
            for name, peer in _shuffled(peers):
                fast, seconds = throughput.measure(peer, work)
                speed[work.name][name].append(fast)
                cost[work.name][name].append(seconds)
    for n in range(ROUNDS):
        tell(f"bridge: echo, round {n + 1} of {ROUNDS}")
        for name, took in echo.race(peers).items():
            middle[name].append(percentile(took, 0.5))
            late[name].append(percentile(took, 0.95))
    figures = [_figure(f"`{w.name}`: output", "MB/s", speed[w.name], "least") for w in works]
    figures += [_figure(f"`{w.name}`: server CPU for 100 MB", "s", cost[w.name], "most") for w in works]
    figures.append(_figure("Echo of a key, median", "µs", middle, "most"))
    figures.append(_figure("Echo of a key, 95th percentile", "µs", late, "most"))
    for work in works:
        figures += _beats(f"`{work.name}`: output", speed[work.name], 1.0, "least")
        figures += _beats(f"`{work.name}`: server CPU a byte", cost[work.name], 0.85, "most")
    return figures + _beats("Echo of a key, median", middle, 1.0, "most")


def _busy(peers: dict[str, Peer], tell: Tell) -> list[Figure]:
    middle: Rounds = defaultdict(list)
    late: Rounds = defaultdict(list)
    for n in range(BUSY_ROUNDS):
        for name, peer in _shuffled(peers):
            tell(f"bridge: echo beside {NEIGHBOURS} busy terminals, round {n + 1} of {BUSY_ROUNDS} ({name})")
            with Crowd(peer, NEIGHBOURS) as crowd:
                crowd.busy()
                took = echo.measure(peer)
            middle[name].append(percentile(took, 0.5))
            late[name].append(percentile(took, 0.95))
    what = f"Echo of a key beside {NEIGHBOURS} busy terminals"
    return [
        _figure(f"{what}, median", "µs", middle, "most"),
        _figure(f"{what}, 95th percentile", "µs", late, "most"),
        *_beats(f"{what}, median", middle, 1.0, "most"),
    ]


def _interrupts(peers: dict[str, Peer], place: Path, tell: Tell) -> list[Figure]:
    tell("bridge: Ctrl-C under `yes`")
    found: dict[str, list[float | None]] = defaultdict(list)
    for _ in range(ROUNDS):
        for name, peer in _shuffled(peers):
            found[name].append(flood.reading(peer, place))
    late = flood.PATIENCE * 1e3
    worst = {name: max(late if ms is None else ms for ms in took) for name, took in found.items()}
    note = f"the slowest of {ROUNDS}, read at full speed; " + ", ".join(
        f"{name} {ms:.0f}" for name, ms in worst.items() if name != "ours"
    )
    return [Figure(PART, "Ctrl-C under `yes`", worst["ours"], "ms", 100, note=note, detail=dict(found))]


def _stalled(peers: dict[str, Peer], place: Path, tell: Tell) -> list[Figure]:
    found: dict[str, flood.Stalled] = {}
    for name, peer in peers.items():
        tell(f"bridge: nobody reads for {flood.STALL:.0f} s ({name})")
        found[name] = flood.stalled(peer, place)
    ours = found["ours"]

    def answered(got: flood.Stalled) -> str:
        return f"not within {flood.PATIENCE:.0f} s" if got.interrupt is None else f"{got.interrupt:.0f}"

    detail = {name: got.__dict__ for name, got in found.items()}
    others = [(name, got) for name, got in found.items() if name != "ours"]
    grown = ", ".join(f"{name} {got.growth:.0f}" for name, got in others)
    keys = ", ".join(f"{name} {answered(got)}" for name, got in others)
    name = f"Nobody reads, `yes` for {flood.STALL:.0f} s"
    interrupt = flood.PATIENCE * 1e3 if ours.interrupt is None else ours.interrupt
    return [
        Figure(
            PART,
            f"{name}: server grows",
            ours.growth,
            "MiB",
            4,
            note=f"{grown}; no more than a ring and buffers",
            detail=detail,
        ),
        Figure(PART, f"{name}: then Ctrl-C", interrupt, "ms", 100, note=keys),
    ]
