/* Rows of the bar that the learner has taken off their pages: a newer one of the kind comes back. Knows the page's memory. */

import { iconButton } from "./dom";
import type { RoomChannel } from "./room-channel";
import { recall, remember } from "./store";

const MOST = 40; // kept

/** Whether this one was dismissed; `key` names the row, `at` what it showed. */
export const isDismissed = (key: string, at: number): boolean => recall<Record<string, number>>("dismissed", {})[key] === at;

export function dismissButton(label: string, key: string, at: number, channel: RoomChannel): HTMLButtonElement {
  return iconButton("close", label, () => {
    const kept = Object.entries(recall<Record<string, number>>("dismissed", {})).filter(([one]) => one !== key);
    remember("dismissed", Object.fromEntries([...kept.slice(-MOST), [key, at]]));
    channel.again();
  });
}
