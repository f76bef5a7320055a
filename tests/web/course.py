"""A lesson with everything that can be answered in it, and one with steps only; what the right answers are."""

from __future__ import annotations

from pathlib import Path

from lab_server.lessons.catalog import Catalog, load
from lab_server.lessons.predictions import Prediction
from lab_server.lessons.quizzes import Question
from tests.conftest import LESSON
from tests.lessons.helpers import FACTS, course, task

STEPS_ONLY = "concepts/02-steps-only"
TASK = "01-a-task"
SECRETS = (
    "it-is-uts",
    "not-the-pid",
    "asked-and-answered",
    "both-of-them",
    "meminfo-knows-nothing",
    "Mem: 31",
    "s0lve",
)

PAGE = f"""# A Lesson

{FACTS}

```bash {{.lab #one}}
# No promise
true

# A promise
echo "total 4"
# total ...

# predict: How much memory? 32 MB => Mem: 31... | all of it => Mem: ...
# why: Because meminfo-knows-nothing of cgroups.
free -m
# Mem: ...

# predict: Which word is printed?
# why: Because it was asked-and-answered.
echo container
# container
```

<!-- task: {TASK} -->
> Do something.

1. Which namespace gives a container its own hostname?
   - [ ] PID
     > That is not-the-pid you look for.
   - [x] UTS
     > Yes, it-is-uts.
   > See uts_namespaces(7): it-is-uts.

2. Which two are there?
   - [x] mount
   - [x] net
   - [ ] disk
   > It is both-of-them.
"""

OTHER = f"""# Steps Only

{FACTS}

```bash {{.lab #only}}
true
```
"""


def make(root: Path) -> Catalog:
    """The course, read from files below `root`."""
    course(root, PAGE, f"tasks:\n  {TASK}:\n    title: Something\n", LESSON)
    task(root, TASK, LESSON, solve="#!/bin/bash\necho s0lve\n")
    course(root, OTHER, id_=STEPS_ONLY)
    return load(root)


def question(catalog: Catalog, n: int) -> Question:
    return catalog.lesson(LESSON).quizzes[0].questions[n]


def options(catalog: Catalog, n: int, right: bool = True) -> list[str]:
    return [option.id for option in question(catalog, n).options if option.right is right]


def prediction(catalog: Catalog, step: int) -> Prediction:
    found = catalog.lesson(LESSON).block("one").steps[step - 1].predict
    assert found
    return found
