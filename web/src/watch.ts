/* For authors (`labs serve --watch`): reloads the page when a new build of the site is there, and says what keeps one from
   being built. Knows GET /api/site. Only pages built while watching load this. */

interface Site {
  version: string;
  watching: boolean;
  problem: string;
}

const EVERY = 700; // ms
let shown = "";
const note = document.createElement("div");
note.className = "lab-author-note";
note.setAttribute("role", "alert");
note.hidden = true;

async function look(): Promise<void> {
  const answer = await fetch("/api/site", { headers: { accept: "application/json" } }).catch(() => null);
  if (!answer?.ok) return; // web is being started anew
  const site = (await answer.json()) as Site;
  note.hidden = !site.problem;
  if (note.textContent !== site.problem) note.textContent = site.problem;
  if (shown && site.version && site.version !== shown) location.reload();
  shown ||= site.version;
}

document.body.append(note);
setInterval(() => {
  if (!document.hidden) void look();
}, EVERY);
void look();
