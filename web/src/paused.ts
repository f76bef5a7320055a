/* Whether the learner's sandbox is paused by a class of theirs, and by whom. The channel tells it, terminals and steps ask. Knows no more. */

export class Paused {
  /** Who paused it; null: it isn't. */
  by: string | null = null;
  private listeners = new Set<(by: string | null) => void>();

  become(by: string | null): void {
    if (by === this.by) return;
    this.by = by;
    for (const listener of [...this.listeners]) listener(by);
  }

  /** Called now, and at every change. Returns what ends that. */
  subscribe(listener: (by: string | null) => void): () => void {
    this.listeners.add(listener);
    listener(this.by);
    return () => this.listeners.delete(listener);
  }
}

export const paused = new Paused();
