"""What a learner does in the course: judged by the catalogue, kept in the store, told as docs/develop/protocol.md says.

Knows lessons and records, and what counts as done. Knows neither HTTP nor SQL. Every method raises StoreFailed while the
database can't be used, and NotFound for what the catalogue doesn't have.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lab_server.errors import BadInput, NotFound
from lab_server.lessons import predictions
from lab_server.lessons.blocks import Step
from lab_server.lessons.catalog import Catalog, Lesson
from lab_server.lessons.matching import matches
from lab_server.lessons.predictions import Prediction
from lab_server.lessons.quizzes import Question, grade
from lab_server.store import codes, learners, leases, members, recordings
from lab_server.store import progress as kept
from lab_server.store.classes import Class
from lab_server.store.engine import Store
from lab_server.store.members import Member
from lab_server.store.progress import Outcome, Record
from lab_server.store.recordings import Recording
from lab_server.web.tally import PREDICTION, QUESTION, STEP, TASK, Tally, kept_under

MAX_OUTPUT = 32 * 1024  # characters of a step's output that are read
JUDGES = 2  # outputs compared at once, in threads: a long one takes a while, and terminals must not wait for it

Json = dict[str, Any]


class Progress:
    """One for the whole server. `clock`: seconds since the epoch. `did` is told a learner who has more progress now, `gone` one who
    is no more, or is another from here on."""

    def __init__(self, catalog: Catalog, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._catalog, self._store, self._clock = catalog, store, clock
        self._judges = asyncio.Semaphore(JUDGES)
        self.did: Callable[[str], None] = lambda learner: None
        self.gone: Callable[[str], None] = lambda learner: None

    # --- what happens in a lesson ---

    async def passed(self, learner_id: str, lesson_id: str, task_name: str) -> None:
        """Keep that a task's check passed."""
        lesson = self._catalog.lesson(lesson_id)
        lesson.task(task_name)
        await self._keep(learner_id, (lesson.id, TASK, task_name), Outcome.RIGHT, {})

    async def step(self, learner: str, lesson: str, block: str, n: int, exit: int | None, output: str) -> Json:
        """A step ended. {"matches": bool or None, "prediction": graded prediction or None}"""
        step, item = self._step(lesson, block, n)
        output = output[:MAX_OUTPUT]
        matched = await self._judge(matches, step.expect, output) if step.expect else None
        key = (lesson, STEP, item)
        await self._keep(learner, key, Outcome.RIGHT if matched else Outcome.DONE, {"matches": matched, "exit": exit})
        graded = None
        if step.predict:
            key = (lesson, PREDICTION, kept_under(item, step.predict))
            graded = await self._grade(learner, key, step.predict, output)
        return {"matches": matched, "prediction": graded}

    async def predict(self, learner: str, lesson: str, block: str, n: int, answer: str) -> Json:
        """Keep what a learner predicts of a step. {"answer", "right", "holds", "why"}: a right one that is there already stays."""
        step, item = self._step(lesson, block, n)
        if step.predict is None:
            raise NotFound(f"Step {n} of {block!r} asks for no prediction.")
        if step.predict.options and answer not in {option.id for option in step.predict.options}:
            raise BadInput("The field 'answer' is no option of this prediction.", "GET /api/lessons lists them.")
        key, detail = (lesson, PREDICTION, kept_under(item, step.predict)), {"answer": answer, "right": None}
        record = await self._keep(learner, key, Outcome.BEGUN, detail)
        return _prediction(step.predict, record)

    async def answer(self, learner: str, lesson: str, question: str, picked: Sequence[str]) -> Json:
        """Judge what was picked. {"right", "options", "why", "tries"}; tells nothing of options that were not picked."""
        asked = _question(self._catalog.lesson(lesson), question)
        chosen = list(dict.fromkeys(picked))
        if not chosen or not set(chosen) <= {option.id for option in asked.options}:
            raise BadInput("The field 'picked' has to name options of this question.", "GET /api/lessons lists them.")
        if len(chosen) > 1 and not asked.multiple:  # all of them at once would tell which is right
            raise BadInput("This question has one answer.", "Pick one.")
        verdict = grade(asked, chosen)
        outcome = Outcome.RIGHT if verdict.right else Outcome.DONE
        record = await self._keep(learner, (lesson, QUESTION, question), outcome, {"picked": chosen})
        return _verdict(asked, chosen, record.tries)

    async def _keep(
        self, learner: str, key: tuple[str, str, str], outcome: Outcome, detail: Mapping[str, Any]
    ) -> Record:
        now = self._clock()
        async with self._store.write() as at:
            await learners.touch(at, learner, now)
            record = await kept.keep(at, learner, key, outcome, detail, now)
        self.did(learner)
        return record

    async def _grade(self, learner: str, key: tuple[str, str, str], prediction: Prediction, output: str) -> Json | None:
        async with self._store.read() as at:
            record = await kept.one(at, learner, key)
        if record is None:
            return None
        if record.outcome is Outcome.RIGHT:
            return _prediction(prediction, record)
        answer = record.detail["answer"]
        graded = await self._judge(predictions.grade, prediction, answer, output)
        if graded.right is None:
            return None
        now = self._clock()
        async with self._store.write() as at:
            await learners.touch(at, learner, now)
            record = await kept.one(at, learner, key)
            if record is None or record.detail["answer"] != answer:
                return None  # another answer was given meanwhile: it waits for the next run
            outcome = Outcome.RIGHT if graded.right else Outcome.DONE
            detail = {"answer": answer, "right": graded.right, "holds": graded.holds}
            record = await kept.keep(at, learner, key, outcome, detail, now, tried=False)
        self.did(learner)
        return _prediction(prediction, record)

    async def _judge(self, judge: Callable[..., Any], *given: Any) -> Any:
        async with self._judges:
            return await asyncio.to_thread(judge, *given)

    def _step(self, lesson: str, block: str, n: int) -> tuple[Step, str]:
        """The step, and the name it has in the progress."""
        for step in self._catalog.lesson(lesson).block(block).steps:
            if step.n == n:
                return step, f"{block}/{n}"
        raise NotFound(f"The block {block!r} of {lesson} has no step {n}.")

    # --- everything at once ---

    async def all(self, learner: str) -> Json:
        """The JSON of `GET /api/progress`."""
        async with self._store.read() as at:
            records = await kept.every(at, learner)
            joined = await members.of_learner(at, learner)
        now = self._clock()
        there = [{"id": of.id, "title": of.title, "state": of.state(now)} for _, of in joined if not of.archived]
        return {"lessons": {lesson.id: summary(lesson, records) for lesson in self._catalog.lessons}, "classes": there}

    async def export(self, learner: str) -> Json:
        """Everything kept about a learner: {"learner", "made", "seen", "code", "progress", "leases", "classes"}."""
        async with self._store.read() as at:
            found = await learners.find(at, learner)
            code = await codes.kept(at, learner)
            records = await kept.every(at, learner)
            held = await leases.of(at, learner)
            joined = await members.of_learner(at, learner)
            recorded = await recordings.of_learner(at, learner)
        return {
            "learner": learner,
            "made": found.made if found else None,
            "seen": found.seen if found else None,
            "code": asdict(code) if code else None,
            "progress": [asdict(record) | {"outcome": record.outcome.name.lower()} for record in records],
            "leases": [asdict(lease) for lease in held],
            "classes": [_joined(member, of, recorded) for member, of in joined],
        }

    async def forget(self, learner: str) -> None:
        """Nothing kept about the learner is left."""
        async with self._store.write() as at:
            await learners.forget(at, learner)
        self.gone(learner)

    async def code(self, learner: str) -> codes.Code:
        """A new resume code; an earlier one is void."""
        now = self._clock()
        async with self._store.write() as at:
            await learners.touch(at, learner, now)
            return await codes.make(at, learner, now)

    async def resume(self, learner: str, code: str) -> tuple[str, int]:
        """Whose code it is, and how many records of `learner`, who is gone then, were merged into theirs."""
        now = self._clock()
        async with self._store.write() as at:
            owner = await codes.owner(at, code, now)
            if owner is None:
                raise NotFound(
                    "Nobody has this code.", "Make a new one where your progress is; it is good for 30 days."
                )
            merged = await learners.merge(at, learner, owner, now) if owner != learner else 0
        if owner != learner:
            self.gone(learner)
            self.did(owner)
        return owner, merged


def _joined(member: Member, of: Class, recorded: Iterable[Recording]) -> Json:
    mine = [
        {"id": one.id, "session": one.session, "begun": one.begun, "ended": one.ended, "bytes": one.bytes}
        for one in recorded
        if one.of == of.id
    ]
    about = {"title": of.title, "member": member.id, "name": member.name, "joined": member.joined}
    return about | {"consented": member.consented, "recordings": mine}


def summary(lesson: Lesson, records: Iterable[Record]) -> Json:
    """One lesson's part of `GET /api/progress`. Records of what the lesson doesn't have count nothing."""
    mine = {(record.kind, record.item): record for record in records if record.lesson == lesson.id}
    steps = {f"{block.id}/{step.n}": step for block in lesson.blocks for step in block.steps}
    questions = {question.id: question for quiz in lesson.quizzes for question in quiz.questions}
    asked = {item: step.predict for item, step in steps.items() if step.predict}
    tally = Tally(lesson)
    ran = {item: mine[STEP, item].detail for item in steps if (STEP, item) in mine}
    passed: Json = {name: {"passed": True} for name in tally.tasks if (TASK, name) in mine}
    answered = {item: mine[QUESTION, item] for item in questions if (QUESTION, item) in mine}
    predicted = {item: mine[PREDICTION, name] for item, name in tally.predictions.items() if (PREDICTION, name) in mine}
    done, complete = tally.count({key: record.outcome for key, record in mine.items()})
    return {
        "steps": ran,
        "tasks": passed,
        "predictions": {item: _prediction(asked[item], record) for item, record in predicted.items()},
        "questions": {item: _kept_verdict(questions[item], record) for item, record in answered.items()},
        "done": done,
        "complete": complete,
        "at": max((record.last for record in mine.values()), default=None),
    }


def _question(lesson: Lesson, id: str) -> Question:
    for quiz in lesson.quizzes:
        for question in quiz.questions:
            if question.id == id:
                return question
    raise NotFound(f"The lesson {lesson.id} has no question {id!r}.")


def _prediction(prediction: Prediction, record: Record) -> Json:
    answer, right = record.detail["answer"], record.detail["right"]
    holds = record.detail.get("holds") or (answer if right and prediction.options else "")
    return {"answer": answer, "right": right, "holds": holds, "why": "" if right is None else prediction.why}


def _verdict(question: Question, picked: Sequence[str], tries: int) -> Json:
    verdict = grade(question, picked)
    options = {id: {"right": right, "why": why} for id, (right, why) in verdict.options.items()}
    return {"right": verdict.right, "options": options, "why": verdict.why, "tries": tries}


def _kept_verdict(question: Question, record: Record) -> Json:
    picked = record.detail["picked"]
    told = _verdict(question, picked, record.tries) | {"picked": picked}
    if record.outcome is Outcome.RIGHT:  # it stays right, also where the author has changed the options since
        told |= {"right": True, "why": question.why}
    return told
