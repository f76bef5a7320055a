/* Makes elements. Text always goes in as text, never as markup. */

type Attributes = Record<string, string | boolean | undefined>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (typeof value === "string") element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export function button(label: string, press: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const made = h("button", { type: "button", ...attributes }, label);
  made.addEventListener("click", press);
  return made;
}

/** A button that shows only a drawing (`lab-icon--name` in CSS); its label is for assistive tools and the tooltip. */
export function iconButton(icon: string, label: string, press: () => void): HTMLButtonElement {
  const made = button("", press, { class: "lab-tool", "aria-label": label, title: label });
  made.append(h("span", { class: `lab-icon lab-icon--${icon}`, "aria-hidden": "true" }));
  return made;
}

/** Name an icon button anew. */
export function relabel(target: HTMLElement, label: string): void {
  target.setAttribute("aria-label", label);
  target.title = label;
}
