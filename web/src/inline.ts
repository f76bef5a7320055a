/* One line of Markdown as the server sends it in reasons: code and emphasis become elements, a link keeps its words, and
   everything else, markup above all, stays the text that it is. */

export interface Piece {
  kind: "text" | "code" | "strong" | "em";
  text: string;
}

// code first: what is in it is left alone. Emphasis is around whole words, so that names_like_this and /globs/* stay.
const MARKS =
  /(`+)(?<code>.+?)\1(?!`)|\*\*(?<strong>\S(?:.*?\S)?)\*\*|(?<![\w/*])\*(?<em>[^\s*](?:[^*]*[^\s*])?)\*(?![\w/*])|(?<![\w`])_(?<low>[^\s_](?:[^_]*[^\s_])?)_(?!\w)|\[(?<link>[^\]]+)\]\([^()\s]+(?:\([^()\s]*\)[^()\s]*)*\)/;

/** The pieces of `text`, in order; pure. */
export function pieces(text: string): Piece[] {
  const found: Piece[] = [];
  let rest = text;
  for (let match = MARKS.exec(rest); match; match = MARKS.exec(rest)) {
    const { code, strong, em, low, link } = match.groups as Record<string, string | undefined>;
    if (match.index) found.push({ kind: "text", text: rest.slice(0, match.index) });
    if (code !== undefined) found.push({ kind: "code", text: code.trim() || code });
    else if (strong !== undefined) found.push({ kind: "strong", text: strong });
    else if (link !== undefined) found.push(...pieces(link));
    else found.push({ kind: "em", text: em ?? low ?? "" });
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest) found.push({ kind: "text", text: rest });
  return found;
}

/** The same as nodes. Emphasis may hold code. */
export function inline(text: string): Node[] {
  return pieces(text).map(({ kind, text: words }) => {
    if (kind === "text") return document.createTextNode(words);
    const element = document.createElement(kind);
    element.append(...(kind === "code" ? [words] : inline(words)));
    return element;
  });
}

/** The words alone, for a screen reader. */
export const plain = (text: string): string => pieces(text).map((piece) => (piece.kind === "strong" || piece.kind === "em" ? plain(piece.text) : piece.text)).join("");
