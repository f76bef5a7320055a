/* Links in a terminal are another program's words: only http and https, only after a question, never with our window. */

import { confirmDialog } from "./dialog";

/** The address to open, or null where it is none that may be opened. */
export function safeLink(text: string): URL | null {
  try {
    const url = new URL(text);
    return url.protocol === "http:" || url.protocol === "https:" ? url : null;
  } catch {
    return null;
  }
}

export async function openLink(text: string): Promise<void> {
  const url = safeLink(text);
  if (!url) return;
  const go = await confirmDialog(
    "Open this link?",
    `A program in the terminal printed a link to ${url.href.slice(0, 500)}. It leaves the course and opens in a new tab.`,
    "Open in a new tab",
  );
  if (go) window.open(url.href, "_blank", "noopener,noreferrer");
}
