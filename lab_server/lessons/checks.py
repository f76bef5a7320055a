"""Scripts of tasks → one program for one `run` in a sandbox; what it wrote → how each script ended.

Knows: the program that runs them, in bash, and the frames in which it tells. Doesn't know: sandboxes, descriptors, learners. Pure.

The program comes in by standard input, so no script is ever a file in the sandbox or a word on a command line. Each script has its own
bash, its own time and its own room for output. A script's output is told with its length, behind a word that only this one program
knows: whatever it prints, it can't pass for another frame.

What this is worth: the learner is root of the sandbox and can put anything in the place of bash. Then every answer is theirs. They can
cheat nobody but themselves, and can't make the asker read or wait more than `Program.most` and `Program.seconds` say.
"""

from __future__ import annotations

import re
import secrets
import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from lab_server.lessons.matching import shown
from lab_server.lessons.tasks import Task

SAID = 4096  # bytes of a check's or a hint's output
MARKS = "/run/labs"  # in the sandbox: which tasks were prepared there
MARGIN = 30.0  # seconds for the way to the sandbox and back, which is slow where it is emulated
# cat, not </dev/stdin: opening that again is refused where the pipe was made outside the sandbox (user_namespaces(7))
ARGV = ("/bin/bash", "-c", 'eval "$(cat)"', "labs")
TIMED_OUT = (124, 137)  # timeout(1): it ended on being asked to; it had to be killed

# job KEY SECONDS MOST ERRORS MARK SCRIPT: runs a script and tells how it ended. The bash that reads its output stops when the script is
# over, also where something that it left running still holds the other end.
_RUNNER = r"""
exec 2>/dev/null
LC_ALL=C
job() {
    local out= part= over= got=0 began=$EPOCHREALTIME status child drain
    [[ $5 && -e $5 ]] && return
    if [[ $4 ]]; then
        exec 4< <(exec timeout -k 1 "$2" /bin/bash -c 'eval "$(</dev/fd/3)" 3<&-' "$1" 3<<<"$6" </dev/null 2>&1)
    else
        exec 4< <(exec timeout -k 1 "$2" /bin/bash -c 'eval "$(</dev/fd/3)" 3<&-' "$1" 3<<<"$6" </dev/null)
    fi
    child=$!
    while :; do
        IFS= read -r -u 4 -d '' -N $(($3 - ${#out})) -t 0.5 part
        got=$?
        out+=$part
        ((got > 128)) || break
        [[ $over ]] && break
        kill -0 $child || over=1 # read once more: it may have written since
    done
    if ((got == 0)); then
        cat <&4 >/dev/null &
        drain=$!
    fi
    exec 4<&-
    wait $child
    status=$?
    [[ $drain ]] && kill $drain
    if [[ $5 && $status == 0 ]]; then
        mkdir -p "${5%/*}" && : >"$5"
    fi
    printf '%s %s %d %s %s %d\n%s\n' "$nonce" "$1" $status $began $EPOCHREALTIME ${#out} "$out"
}
"""


@dataclass(frozen=True)
class Job:
    """One script to run. `key` is what its outcome is found under: words of letters, digits, `.`, `/`, `-`, `_`.

    `seconds`: when it is ended; `most`: bytes kept of its output, the rest is let go; `errors`: whether its standard error
    counts as output. `mark`: a path in the sandbox; where it is there, the script isn't run; when the script ends well, it is made.
    """

    key: str
    script: str
    seconds: int
    most: int = SAID
    errors: bool = False
    mark: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a script ended: its exit status, what it printed (a person may be shown it), and seconds it took."""

    code: int
    said: str
    seconds: float

    @property
    def timed_out(self) -> bool:
        return self.code in TIMED_OUT


@dataclass(frozen=True)
class Program:
    """What to run: `argv`, with `text` as standard input. More than `most` bytes, or a longer time than `seconds`, is no answer."""

    text: bytes
    nonce: str
    most: int
    seconds: float
    argv: tuple[str, ...] = ARGV

    def outcomes(self, output: bytes) -> dict[str, Outcome]:
        """Of each script that came to its end, by key. What isn't framed, or is cut off, is none."""
        found: dict[str, Outcome] = {}
        head = re.compile(rb"%s (\S+) (\d+) (\d+)\.(\d+) (\d+)\.(\d+) (\d+)\n" % self.nonce.encode())
        at = 0
        while frame := head.search(output, at):
            key, code, size = frame[1].decode("ascii", "replace"), int(frame[2]), int(frame[7])
            at = frame.end() + size
            if at + 1 > len(output):
                break
            began, ended = (float(f"{int(a)}.{b.decode()}") for a, b in ((frame[3], frame[4]), (frame[5], frame[6])))
            found.setdefault(key, Outcome(code, clean(output[frame.end() : at]), max(0.0, ended - began)))
        return found


def program(jobs: Sequence[Job]) -> Program:
    """All of these, one after the other."""
    nonce = secrets.token_hex(16)
    lines = [_RUNNER, f"nonce={nonce}"]
    for job in jobs:
        assert re.fullmatch(r"[\w./-]+", job.key), job.key
        words = ["job", job.key, str(job.seconds), str(job.most), "1" if job.errors else "", job.mark, job.script]
        lines.append(shlex.join(words))
    text = "\n".join([*lines, ""]).encode()
    most = sum(job.most + len(job.key) + 160 for job in jobs) + 1024
    return Program(text, nonce, most, sum(job.seconds + 2 for job in jobs) + MARGIN)


def preparing(lesson: str, task: Task, errors: bool = False) -> list[Job]:
    """The job that prepares a task where that was not done yet; none where there is nothing to prepare."""
    if "init" not in task.scripts:
        return []
    mark = f"{MARKS}/{lesson}/{task.name}"
    return [Job(f"init/{task.name}", task.scripts["init"], task.timeout, errors=errors, mark=mark)]


def asking(kind: str, task: Task) -> Job:
    """The job that runs a task's check or hint."""
    return Job(f"{kind}/{task.name}", task.scripts[kind], task.timeout)


def clean(output: bytes) -> str:
    """Output as text that can be shown anywhere: no escapes, no control or formatting characters, no blanks at the ends."""
    text = "\n".join(shown(output.decode("utf-8", "replace"))).expandtabs()
    return "".join(char for char in text if char == "\n" or not unicodedata.category(char).startswith("C")).strip()
