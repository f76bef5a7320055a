/* What an account has for itself in the room: where it is signed in, its passkeys, and another password. Dialogs; knows the server's calls. */

import { ago, browser } from "./class-words";
import { rooms } from "./classes-api";
import { button, h } from "./dom";
import { makePasskey, passkeysPossible } from "./passkeys";
import { field, form, Line, openDialog, submit } from "./room-parts";

const SHORTEST = 12; // characters of a password

/** `name`: so that a password manager knows whose it is. */
export function openPassword(name: string): void {
  const line = new Line();
  const old = h("input", { type: "password", autocomplete: "current-password", required: true, maxlength: "256" });
  const next = h("input", { type: "password", autocomplete: "new-password", required: true, minlength: String(SHORTEST), maxlength: "256" });
  const whose = h("input", { type: "text", autocomplete: "username", value: name, hidden: true, readonly: true });
  const change = async (): Promise<void> => {
    if ((await line.attempt(async () => (await rooms.changePassword(old.value, next.value), true))) === null) {
      old.focus();
      return;
    }
    asked.replaceChildren();
    line.say("It is changed. Wherever else you were signed in, that has ended.");
    close.focus();
  };
  const asked = form(
    change,
    whose,
    field("Password now", old),
    field("New password", next, `At least ${SHORTEST} characters. Four words that don’t go together are a good one.`),
    h("div", { class: "lab-dialog__buttons" }, button("Cancel", () => dialog.close(), { class: "lab-button" }), submit("Change it")),
  );
  const { dialog, close } = openDialog(
    "lab-password-title",
    "Change your password",
    asked,
    line.element,
  );
  old.focus();
}

/** The browsers in which this account is signed in, each to be ended. */
export function openSignins(): void {
  const line = new Line();
  const list = h("ul", { class: "lab-room__signins" });
  const { close } = openDialog(
    "lab-signins-title",
    "Where you are signed in",
    h("p", {}, "A sign-in ends by itself after 12 hours without use, and after a week."),
    list,
    line.element,
  );
  const show = async (): Promise<void> => {
    const there = await line.attempt(() => rooms.signins());
    if (!there) return;
    list.replaceChildren(
      ...there.map((one) => {
        const words = one.here ? "this browser" : `last used ${ago(one.seen, Date.now())}`;
        const end = one.here ? "" : button("End", () => void finish(one.id), { class: "lab-button", "aria-label": `End the sign-in in ${browser(one.agent)}` });
        return h("li", {}, h("span", {}, h("b", {}, browser(one.agent)), `, ${words}`), end);
      }),
    );
  };
  const finish = async (id: string): Promise<void> => {
    if ((await line.attempt(async () => (await rooms.endSignin(id), true))) === null) return;
    await show();
    line.say("It is ended.");
    close.focus();
  };
  void show();
}

/** What this account signs in with beside its password. */
export function openPasskeys(): void {
  const line = new Line();
  const list = h("ul", { class: "lab-room__signins" });
  const name = h("input", { type: "text", required: true, maxlength: "40", value: browser(navigator.userAgent) });
  const show = async (): Promise<void> => {
    const there = await line.attempt(() => rooms.passkeys());
    if (!there) return;
    list.replaceChildren(
      ...there.map((one) => {
        const words = `made ${ago(one.made, Date.now())}, ${one.used === null ? "not used yet" : `last used ${ago(one.used, Date.now())}`}`;
        const remove = button("Remove", () => void finish(one.id), { class: "lab-button", "aria-label": `Remove the passkey ${one.name}` });
        return h("li", {}, h("span", {}, h("b", {}, h("bdi", {}, one.name)), `, ${words}`), remove);
      }),
    );
  };
  const finish = async (id: string): Promise<void> => {
    if ((await line.attempt(async () => (await rooms.removePasskey(id), true))) === null) return;
    await show();
    line.say("It is removed: nobody signs in with it any more. Who is signed in stays so; end that under “Where I am signed in”.");
    close.focus();
  };
  const add = async (): Promise<void> => {
    const made = await line.attempt(() => makePasskey(name.value));
    if (!made) return;
    await show();
    line.say("It is added: you can sign in with it from now on.");
  };
  const adding = passkeysPossible()
    ? form(add, field("Name", name, "So that you know it in this list."), h("div", { class: "lab-room__row" }, submit("Add a passkey")))
    : h("p", { class: "lab-room__hint" }, "None can be made here: that takes a browser that knows passkeys, and https with a name for an address (or localhost on the machine itself).");
  const { close } = openDialog(
    "lab-passkeys-title",
    "Your passkeys",
    h("p", {}, "With a passkey you sign in by your finger, face or PIN, or a security key. Your password goes on working."),
    list,
    adding,
    line.element,
  );
  void show();
}
