/* Small things the page remembers (layout, which terminals were open). Knows the browser's storage and that it may be
   forbidden or full; then nothing is remembered and nothing breaks. */

const PREFIX = "labs.";

function area(kind: "local" | "session"): Storage | null {
  try {
    return kind === "local" ? window.localStorage : window.sessionStorage;
  } catch {
    return null;
  }
}

/** The stored value, or `fallback` where there is none, or it isn't of the fallback's type. */
export function recall<T>(key: string, fallback: T, kind: "local" | "session" = "local"): T {
  try {
    const text = area(kind)?.getItem(PREFIX + key);
    if (text === null || text === undefined) return fallback;
    const value: unknown = JSON.parse(text);
    return typeof value === typeof fallback && Array.isArray(value) === Array.isArray(fallback) ? (value as T) : fallback;
  } catch {
    return fallback;
  }
}

export function remember(key: string, value: unknown, kind: "local" | "session" = "local"): void {
  try {
    area(kind)?.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // private mode or full: the next page starts from the defaults
  }
}
