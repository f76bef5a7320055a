/* Quizzes can be answered on the page; this server doesn't grade them yet, and the page says so instead of guessing. */

import { h } from "./dom";

export function wakeQuizzes(root: ParentNode): void {
  for (const form of root.querySelectorAll<HTMLFormElement>("form.lab-quiz:not([data-awake])")) wake(form);
}

function wake(form: HTMLFormElement): void {
  form.dataset.awake = "";
  const result = h("p", { class: "lab-quiz__result", role: "status" });
  form.append(h("div", { class: "lab-quiz__foot" }, h("button", { type: "submit", class: "lab-button lab-button--main" }, "Check my answers"), result));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const questions = [...form.querySelectorAll("fieldset")];
    const open = questions.filter((question) => !question.querySelector("input:checked"));
    for (const question of questions) question.toggleAttribute("data-open", open.includes(question));
    const first = open[0];
    if (first) {
      result.textContent = open.length === 1 ? "One question has no answer yet." : `${open.length} questions have no answer yet.`;
      first.querySelector("input")?.focus();
      return;
    }
    result.textContent = "Thank you. This server doesn’t grade answers yet: compare yours with the lesson above.";
  });
}
