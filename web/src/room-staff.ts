/* Who runs a class: the accounts with a role in it, given and taken by its instructors. */

import { type ClassOut, rooms } from "./classes-api";
import { confirmDialog } from "./dialog";
import { button, h } from "./dom";
import { field, form, type Line, submit } from "./room-parts";

export class Staff {
  readonly element = h("section", { class: "lab-room__staff" });
  private shown = "";

  /** `changed` gets the class as it is then; `left` is called when the account has no role in it any more. */
  constructor(
    private readonly line: Line,
    private readonly changed: (of: ClassOut) => void,
    private readonly left: () => void,
  ) {}

  show(of: ClassOut): void {
    const now = JSON.stringify([of.role, of.staff]);
    if (now === this.shown) return; // who is typing in the form keeps it when a learner joins
    this.shown = now;
    const may = of.role !== "assistant";
    const rows = of.staff.map((one) => {
      const out = button("Take away", () => void this.remove(of, one.account, one.name), { class: "lab-room__quiet", "data-act": `staff-${one.account}`, "aria-label": `Take away the role of ${one.name}` });
      return h("li", {}, h("bdi", {}, one.name), ` (${one.role})`, may && of.staff.length > 1 ? out : "");
    });
    const open = this.element.querySelector("details")?.open === true;
    const add = may ? [this.form(of)] : [];
    if (open && add[0]) add[0].open = true;
    this.element.replaceChildren(h("h2", {}, "Who runs this class"), h("ul", {}, ...rows), ...add);
  }

  private form(of: ClassOut): HTMLDetailsElement {
    const name = h("input", { type: "text", required: true, maxlength: "40", autocapitalize: "none", spellcheck: "false", autocomplete: "off" });
    const role = h("select", { class: "lab-room__input", "aria-label": "Role" }, h("option", { value: "assistant" }, "assistant"), h("option", { value: "instructor" }, "instructor"));
    return h(
      "details",
      {},
      h("summary", {}, "Add somebody"),
      h("p", { class: "lab-room__hint" }, "An assistant sees the class; an instructor changes it too. Both need an account: ", h("code", {}, "labs admin create NAME --instructor"), "."),
      form(
        async () => {
          const changed = await this.line.attempt(() => rooms.putStaff(of.id, name.value, role.value));
          if (!changed) return;
          this.changed(changed);
          this.line.say(`${name.value} is ${role.value} now.`);
        },
        h("div", { class: "lab-room__two" }, field("Name of the account", name), h("div", { class: "lab-room__field" }, h("span", { "aria-hidden": "true" }, "Role"), role)),
        h("div", { class: "lab-room__row" }, submit("Add")),
      ),
    );
  }

  private async remove(of: ClassOut, account: string, name: string): Promise<void> {
    if (!(await confirmDialog(`Take away ${name}’s role?`, "They no longer see this class. The account stays.", "Take away", true))) return;
    if ((await this.line.attempt(async () => (await rooms.removeStaff(of.id, account), true))) === null) return;
    const now = await rooms.one(of.id).catch(() => null);
    if (now) this.changed(now);
    else this.left();
  }
}
