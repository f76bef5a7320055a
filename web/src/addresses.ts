/* Addresses in plain text that people write: http and https become links, everything else stays the text that it is. */

import { h } from "./dom";
import { safeLink } from "./links";

const ADDRESS = /https?:\/\/[^\s<>"'`\u00a0\u2028\u2029]+/gi;
const AFTER = /[.,;:!?…’”»]+$/; // ends the sentence, not the address

/** `text` cut into words and addresses, in order; pure. */
export function cut(text: string): { text: string; href: string | null }[] {
  const found: { text: string; href: string | null }[] = [];
  let from = 0;
  for (const match of text.matchAll(ADDRESS)) {
    let address = match[0].replace(AFTER, "");
    // a bracket that the sentence opened
    while (address.endsWith(")") && address.split(")").length > address.split("(").length) address = address.slice(0, -1).replace(AFTER, "");
    const url = safeLink(address);
    if (!url) continue;
    if (match.index > from) found.push({ text: text.slice(from, match.index), href: null });
    found.push({ text: address, href: url.href });
    from = match.index + address.length;
  }
  if (from < text.length) found.push({ text: text.slice(from), href: null });
  return found;
}

export const withLinks = (text: string): Node[] =>
  cut(text).map((piece) => (piece.href ? h("a", { href: piece.href, target: "_blank", rel: "noopener noreferrer nofollow" }, piece.text) : document.createTextNode(piece.text)));
