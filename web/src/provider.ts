/* Signing in with the organisation's provider: going there, and what came of it when the browser is back at `/room/?signin=…`.
   Knows the server's calls and its words for how it ended. */

import { ago } from "./class-words";
import { rooms } from "./classes-api";
import { button, h } from "./dom";
import { Line, openDialog } from "./room-parts";

const ENDS: Record<string, (provider: string) => string> = {
  declined: (provider) => `${provider} signed nobody in. Try again there, or use your password.`,
  late: () => "That sign-in was begun elsewhere, or more than ten minutes ago. Begin again.",
  unknown: (provider) => `${provider} knows you, but no account here is yours. Whoever runs the server can make one for your verified address there; if you have an account, sign in with your password and connect it.`,
  wrong: (provider) => `What ${provider} answered can’t be trusted, so nobody was signed in. Whoever runs the server finds the reason in its log.`,
  silent: (provider) => `${provider} does not answer. Try again later, or use your password.`,
  taken: () => "Another account here is connected with that sign-in. Disconnect it there first.",
  many: () => "Too many sign-ins that came to nothing, from your network. Wait a minute.",
};
const CONNECTED = "connected";

/** What the address says of a sign-in that ended, once: a reload doesn't say it again. Null: nothing. */
export function endOf(provider: string): { words: string; wrong: boolean } | null {
  const at = new URL(location.href);
  const key = at.searchParams.get("signin");
  if (key === null) return null;
  at.searchParams.delete("signin");
  history.replaceState(history.state, "", at);
  if (key === CONNECTED) return { words: `Your account is connected: you can sign in with ${provider} from now on.`, wrong: false };
  const words = ENDS[key];
  return words ? { words: words(provider), wrong: true } : null;
}

/** Raises ApiError; else the browser goes there. */
export async function enterWithProvider(): Promise<void> {
  location.assign((await rooms.beginWithProvider()).to);
}

/** What this account is connected with there. */
export function openIdentities(provider: string): void {
  const line = new Line();
  const list = h("ul", { class: "lab-room__signins" });
  const show = async (): Promise<void> => {
    const there = await line.attempt(() => rooms.identities());
    if (!there) return;
    list.replaceChildren(
      ...there.map((one) => {
        const used = one.used === null ? "not used yet" : `last used ${ago(one.used, Date.now())}`;
        const remove = button("Disconnect", () => void finish(one.id), { class: "lab-button", "aria-label": `Disconnect ${one.email}` });
        return h("li", {}, h("span", {}, h("b", {}, h("bdi", {}, one.email || "no address told")), `, ${used}`), remove);
      }),
    );
  };
  const finish = async (id: string): Promise<void> => {
    if ((await line.attempt(async () => (await rooms.disconnect(id), true))) === null) return;
    await show();
    line.say(`It is disconnected: nobody signs in to this account with it any more. Without a password or a passkey of yours, ask whoever runs the server.`);
    close.focus();
  };
  const connect = async (): Promise<void> => {
    const to = await line.attempt(() => rooms.connect());
    if (to) location.assign(to.to);
  };
  const { close } = openDialog(
    "lab-identities-title",
    `Sign-in with ${provider}`,
    h("p", {}, `Once connected, you sign in with ${provider} instead of your password, which goes on working.`),
    list,
    h("div", { class: "lab-room__row" }, button(`Connect with ${provider}…`, () => void connect(), { class: "lab-button lab-button--main" })),
    line.element,
  );
  void show();
}
