/* Where on the page the learner is: the step or task that was last used, or else the last one above the middle of the window.
   Knows the DOM of lessons. Doesn't know who wants to know. */

const PARTS = ".lab-step, .lab-task, form.lab-quiz fieldset[data-question]";
const STILL = 400; // ms without scrolling

/** The name of a part as progress has it: "block/2" of a step, the task's or question's own. */
export function nameOf(part: HTMLElement): string {
  if (part.dataset.task) return part.dataset.task;
  if (part.dataset.question) return part.dataset.question;
  const block = part.closest<HTMLElement>(".lab-block")?.dataset.block;
  return block && part.dataset.step ? `${block}/${part.dataset.step}` : "";
}

const lesson = (): string => document.querySelector<HTMLElement>("article [data-lesson]")?.dataset.lesson ?? "";

function inView(): string {
  let found = "";
  for (const part of document.querySelectorAll<HTMLElement>(PARTS)) {
    if (part.getBoundingClientRect().top > innerHeight / 2) break;
    found = nameOf(part);
  }
  return found;
}

/** Calls `tell` with the lesson and the part whenever that may have changed; call the result after each navigation. */
export function watchPlace(tell: (lesson: string, part: string) => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const look = (): void => tell(lesson(), inView());
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(look, STILL);
  }, { passive: true });
  document.addEventListener("click", (event) => {
    const part = event.target instanceof Element ? event.target.closest<HTMLElement>(PARTS) : null;
    if (part) tell(lesson(), nameOf(part));
  });
  look();
  return look;
}
