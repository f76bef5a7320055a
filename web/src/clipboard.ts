/* Puts text on the clipboard, also where the page is not a secure context (plain http on a class's network). */

export async function copyText(text: string): Promise<boolean> {
  try {
    if (navigator.clipboard && window.isSecureContext) {
      await navigator.clipboard.writeText(text);
      return true;
    }
  } catch {
    // refused: try the older way
  }
  const box = document.createElement("textarea");
  const before = document.activeElement;
  box.value = text;
  box.className = "lab-offscreen";
  document.body.append(box);
  box.select();
  let done = false;
  try {
    done = document.execCommand("copy");
  } catch {
    done = false;
  }
  box.remove();
  if (before instanceof HTMLElement) before.focus();
  return done;
}
