/* The terminal's colours for both of the site's palettes, and word of when the learner switches.
   Knows Material's data-md-color-scheme. Colours are our own, each at least 4.5:1 on its background. */

import type { ITheme } from "@xterm/xterm";

export const isDark = (): boolean => document.body.getAttribute("data-md-color-scheme") === "slate";

const LIGHT: ITheme = {
  background: "#f7f8fb",
  foreground: "#22272f",
  cursor: "#3f51b5",
  cursorAccent: "#f7f8fb",
  selectionBackground: "#c3d0f7",
  selectionInactiveBackground: "#dde3f6",
  scrollbarSliderBackground: "#22272f33",
  scrollbarSliderHoverBackground: "#22272f55",
  black: "#22272f",
  red: "#b3232f",
  green: "#1c6b35",
  yellow: "#7a5200",
  blue: "#1d54b4",
  magenta: "#7a3aa6",
  cyan: "#0d6a74",
  white: "#5d6673",
  brightBlack: "#5d6673",
  brightRed: "#9c1c37",
  brightGreen: "#17753a",
  brightYellow: "#6b4a00",
  brightBlue: "#2a5fd0",
  brightMagenta: "#8a44bd",
  brightCyan: "#0f717c",
  brightWhite: "#14181f",
};

const DARK: ITheme = {
  background: "#14171f",
  foreground: "#dbe0ea",
  cursor: "#9fb0ff",
  cursorAccent: "#14171f",
  selectionBackground: "#3b4a78",
  selectionInactiveBackground: "#2c3656",
  scrollbarSliderBackground: "#dbe0ea33",
  scrollbarSliderHoverBackground: "#dbe0ea55",
  black: "#7d8799",
  red: "#ff8389",
  green: "#83d99a",
  yellow: "#e6bd62",
  blue: "#8cb4ff",
  magenta: "#d0a5f5",
  cyan: "#6fd3dc",
  white: "#dbe0ea",
  brightBlack: "#929cae",
  brightRed: "#ffa3a6",
  brightGreen: "#a6e9b7",
  brightYellow: "#f3d38c",
  brightBlue: "#b1cdff",
  brightMagenta: "#e2c6fb",
  brightCyan: "#9ce6ec",
  brightWhite: "#ffffff",
};

export const terminalTheme = (): ITheme => (isDark() ? DARK : LIGHT);

/** Calls now and whenever the site's palette changes. Returns what ends that. */
export function watchPalette(call: () => void): () => void {
  call();
  const observer = new MutationObserver(call);
  observer.observe(document.body, { attributes: true, attributeFilter: ["data-md-color-scheme"] });
  return () => observer.disconnect();
}
