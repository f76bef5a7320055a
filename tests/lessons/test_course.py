"""The course itself: it loads, and the lesson keeps every part of the text it was made from."""

from __future__ import annotations

import re

import pytest

from lab_server.lessons.catalog import load
from lab_server.lessons.fences import scan
from tests.lessons.helpers import ROOT

LESSON = ROOT / "docs/concepts/02-how-containers-work.md"
SEED = (ROOT / "tests/lessons/seed.md").read_text()
TEXT = LESSON.read_text()

UP = "[Course Overview](../course_overview.md)"

# What the lesson says otherwise than its seed, because a live kernel does ("What changed here" in the lesson).
CHANGED = {
    "| **I/O** | blkio | 100MB/s read |": "| **I/O** | io (v1: blkio) | 100MB/s read |",
    "| **Network** | net_cls, net_prio | Bandwidth limits |": (
        "| **Network** | none: eBPF and tc (v1: net_cls, net_prio) | Bandwidth limits |"
    ),
    "| **Memory** | Container killed (OOM) |": "| **Memory** | A process in the container is killed (OOM) |",
    "   - [x] The container is killed (OOM)": (
        "   - [x] A process in it is killed (OOM), and the container with it when that is its main process"
    ),
    "> **Module:** concepts | **Level:** Foundation | **Time:** 30 minutes": (  # it has tasks and predictions now
        "> **Module:** concepts | **Level:** Foundation | **Time:** 40 minutes"
    ),
}


def outside_fences(text: str) -> list[str]:
    lines = text.splitlines()
    for fence in scan(re.sub(r"^(```bash|```console) \{.*\}$", r"\1", text, flags=re.M)):
        for i in range(fence.line - 1, fence.line + len(fence.lines) + 1):
            lines[i] = ""
    return [line for line in lines if line.strip()]


def test_every_line_of_the_seed_is_there_in_order():
    rest = iter(outside_fences(TEXT))
    for line in outside_fences(SEED):
        wanted = CHANGED.get(line, line)
        assert any(found == wanted for found in rest), f"missing, or out of order: {wanted}"


def test_each_change_is_one_of_the_seed_and_is_explained():
    assert CHANGED.keys() <= set(SEED.splitlines())
    notes = "\n".join(re.findall(r"(?:^> .*\n?)+", TEXT, re.M))
    for word in ("eighth", "readlink", "blkio", "cpu.stat", "memory.max", "a *process*", "cgroup driver"):
        assert word in notes


@pytest.mark.parametrize("language", ["mermaid", ""])
def test_diagrams_and_drawings_are_those_of_the_seed(language):
    def content(text: str) -> list[str]:
        fences = [fence for fence in scan(text) if fence.language == language]
        return ["\n".join(re.sub(r"[ ─]+", "", line) for line in fence.lines) for fence in fences]

    assert len(content(TEXT)) == {"mermaid": 3, "": 5}[language]
    assert content(TEXT) == content(SEED)


def test_every_demonstration_is_live():
    lesson = load(ROOT).lesson("concepts/02-how-containers-work")
    assert not [fence.line for fence in scan(TEXT) if fence.language in ("bash", "console") and fence.header is None]
    assert len(lesson.blocks) >= 4
    steps = [step for block in lesson.blocks for step in block.steps]
    commands = "\n".join(step.command for step in steps)
    for kept in (
        "ls -la /proc/self/ns/", "readlink /proc/1/ns/pid", "--memory=256m", "--cpus=0.5", "nginx", "memory.max", "cpu.max",
        "--memory=10m alpine dd if=/dev/zero of=/dev/null bs=100M", "--cpus=0.1", "alpine hostname", "cat /etc/hosts", "ps aux",
        "--memory=32m alpine free -m", "mount | grep overlay",
    ):  # fmt: skip
        assert kept in commands
    for step in steps:
        assert (step.caption or step.predict) and step.expect and not step.edit
        assert "nested_engine" in step.needs or "docker" not in step.command
        assert "limits" in step.needs or not re.search(r"--memory|--cpus|sys/fs/cgroup", step.command)


def test_links_go_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", "\n".join(outside_fences(TEXT))):
        assert (LESSON.parent / target).is_file(), target
