/* The instructor's room: signing in, the list of classes, making one; a class's own page comes from room-class.ts.
   Knows the calls of classes-api.ts. What is at `/room/` is told by the address: nothing, or a class's id. */

import { ApiError } from "./api";
import { behind, seatsWords, STATES, timesWords } from "./class-words";
import { type Account, type ClassOut, rooms, type Signin } from "./classes-api";
import { button, h } from "./dom";
import { enterWithPasskey, passkeysPossible } from "./passkeys";
import { endOf, enterWithProvider, openIdentities } from "./provider";
import { openPasskeys, openPassword, openSignins } from "./room-account";
import { openClassForm } from "./room-form";
import { ClassPage } from "./room-class";
import { chipOf, field, form, Line, submit, wordsOf } from "./room-parts";

export function wake(place: HTMLElement): void {
  void new Room(place).open();
}

class Room {
  private provider: string | null = null; // its name, where one can sign in with it

  constructor(private readonly place: HTMLElement) {}

  /** Whatever the address and the cookie lead to. */
  async open(): Promise<void> {
    let signin: Signin;
    try {
      signin = await rooms.signin();
    } catch (error) {
      this.failed(error);
      return;
    }
    this.provider = signin.provider;
    const end = endOf(this.provider ?? "The provider");
    if (!signin.account) this.signIn(signin.possible, end?.words ?? "");
    else await this.enter(signin.account, end);
  }

  private failed(error: unknown): void {
    const again = button("Try again", () => void this.open(), { class: "lab-button" });
    this.place.replaceChildren(h("p", { class: "lab-room__line", "data-wrong": true, role: "status" }, wordsOf(error)), again);
  }

  private signIn(possible: boolean, why = ""): void {
    const line = new Line();
    const name = h("input", { type: "text", autocomplete: "username", autocapitalize: "none", spellcheck: "false", required: true, maxlength: "40" });
    const password = h("input", { type: "password", autocomplete: "current-password", required: true, maxlength: "256" });
    line.say(why, true);
    const asked = form(
      async () => {
        const done = await line.attempt(() => rooms.signIn(name.value, password.value));
        password.value = "";
        if (done?.account) await this.enter(done.account);
        else password.focus();
      },
      field("Name", name),
      field("Password", password),
      h("div", { class: "lab-room__row" }, submit("Sign in"), ...(passkeysPossible() ? [button("Use a passkey", () => void passkey(), { class: "lab-button" })] : []), ...(this.provider ? [button(`Sign in with ${this.provider}`, () => void line.attempt(enterWithProvider), { class: "lab-button" })] : [])),
    );
    const passkey = async (): Promise<void> => {
      const done = await line.attempt(enterWithPasskey);
      if (done?.account) await this.enter(done.account);
    };
    const none = h("p", {}, "Nobody can sign in yet. Whoever runs the server makes the first account there: ", h("code", {}, "labs admin create NAME"));
    const learners = h("p", { class: "lab-room__hint" }, "Learners need no account: ", h("a", { href: "/join/" }, "join with a class code"), ".");
    this.place.replaceChildren(h("div", { class: "lab-room__card lab-room__signin" }, ...(possible ? [] : [none]), line.element, asked, learners));
    if (possible) name.focus();
  }

  private async enter(account: Account, end: { words: string; wrong: boolean } | null = null): Promise<void> {
    try {
      const id = behind("room", location.pathname);
      if (id) await new ClassPage(this.place, id, () => void this.open()).open();
      else await this.list(account, end);
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) this.signIn(true, error.words);
      else if (error instanceof ApiError && error.status === 404) {
        this.place.replaceChildren(h("p", {}, error.message), h("p", {}, h("a", { href: "/room/" }, "All classes")));
      } else this.failed(error);
    }
  }

  private async list(account: Account, end: { words: string; wrong: boolean } | null): Promise<void> {
    const classes = await rooms.classes();
    const make = button("New class…", () => void openClassForm(null, (made) => location.assign(`/room/${made.id}`)), { class: "lab-button lab-button--main" });
    const current = classes.filter((of) => of.state !== "archived");
    const over = classes.filter((of) => of.state === "archived");
    const old = over.length ? [h("details", { class: "lab-room__archive" }, h("summary", {}, `Archived (${over.length})`), cards(over))] : [];
    const provider = this.provider;
    const line = new Line();
    if (end) line.say(end.words, end.wrong);
    const none = h("p", { class: "lab-room__empty" }, "No class yet. Make one, and its learners join by a code or a link, without an account.");
    this.place.replaceChildren(
      h("div", { class: "lab-room__bar" }, h("span", {}, "Signed in as ", h("b", {}, account.name), account.admin ? " (admin)" : ""), button("Where I am signed in", () => openSignins(), { class: "lab-room__quiet" }), button("Passkeys", () => openPasskeys(), { class: "lab-room__quiet" }), ...(provider ? [button(provider, () => openIdentities(provider), { class: "lab-room__quiet", title: `Sign-in with ${provider}` })] : []), button("Change password…", () => openPassword(account.name), { class: "lab-room__quiet" }), button("Sign out", () => void this.signOut(), { class: "lab-room__quiet" })),
      line.element,
      h("div", { class: "lab-room__head" }, h("h2", {}, "Classes"), make),
      current.length ? cards(current) : none,
      ...old,
    );
  }

  private async signOut(): Promise<void> {
    await rooms.signOut().catch(() => {});
    await this.open();
  }
}

function cards(classes: ClassOut[]): HTMLElement {
  return h(
    "ul",
    { class: "lab-room__cards" },
    ...classes.map((of) => {
      const times = timesWords(of, Date.now());
      const facts = [seatsWords(of.learners, of.seats), times, of.role === "instructor" ? "" : `you are ${of.role}`].filter(Boolean);
      return h("li", { "data-state": of.state }, h("a", { href: `/room/${of.id}` }, of.title), chipOf(of.state, STATES[of.state]), h("p", {}, facts.join(" · ")));
    }),
  );
}
