"""How much of a lesson is done: sums over what is kept of it, for one learner or a whole class.

Knows a lesson's things and outcomes. Doesn't know the store, nor whose records they are. Made once a lesson, since a prediction is
kept under a hash of its words.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from lab_server.lessons.catalog import Lesson
from lab_server.lessons.predictions import Prediction
from lab_server.store.progress import Outcome

STEP, TASK, QUESTION, PREDICTION = "step", "task", "question", "prediction"

Done = dict[str, list[int]]  # {"steps": [done, all], "tasks": …, "questions": …, "predictions": …}


class Tally:
    """`predictions`: step → the name under which its prediction is kept."""

    def __init__(self, lesson: Lesson) -> None:
        steps = {f"{block.id}/{step.n}": step for block in lesson.blocks for step in block.steps}
        self.steps = tuple(steps)
        self.tasks = tuple(task.name for task in lesson.tasks)
        self.questions = tuple(question.id for quiz in lesson.quizzes for question in quiz.questions)
        self.predictions = {item: kept_under(item, step.predict) for item, step in steps.items() if step.predict}

    def count(self, got: Mapping[tuple[str, str], Outcome]) -> tuple[Done, bool]:
        """What of the lesson is done, and whether it is complete. `got`: (kind, item) → outcome; what the lesson hasn't counts nothing."""
        ran = sum((STEP, item) in got for item in self.steps)
        passed = sum((TASK, name) in got for name in self.tasks)
        right = sum(got.get((QUESTION, item)) is Outcome.RIGHT for item in self.questions)
        graded = sum(
            got.get((PREDICTION, name), Outcome.BEGUN) is not Outcome.BEGUN for name in self.predictions.values()
        )
        complete = passed == len(self.tasks) and right == len(self.questions)
        if not self.tasks and not self.questions:
            complete = bool(self.steps) and ran == len(self.steps)
        done = {
            "steps": [ran, len(self.steps)],
            "tasks": [passed, len(self.tasks)],
            "questions": [right, len(self.questions)],
            "predictions": [graded, len(self.predictions)],
        }
        return done, complete


def kept_under(item: str, prediction: Prediction) -> str:
    """The name under which answers are kept: a prediction whose words change is a new one."""
    words = "\0".join((prediction.question, *(option.id for option in prediction.options)))
    return f"{item}#{hashlib.sha256(words.encode()).hexdigest()[:8]}"
