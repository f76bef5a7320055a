/* Sees the end of a sandbox come where no terminal of the page is told of it: rarely while it is far, often once it is near, and never
   while the page is out of sight or has no sandbox. Knows how long to wait; what is asked, and what is done about it, is handed in. */

import { ApiError, NO_SERVER, type Sandbox } from "./api";
import { NEAR } from "./ending";
import { over } from "./sandbox";

export const SELDOM = 600; // seconds: an end comes no sooner than it was told, but for a change of the class's limits
export const OFTEN = 20; // seconds between two looks while it is near: it may be put off on another page
export const SOON = 60; // seconds, where nothing is known yet, or nobody answered

export interface Outlook {
  ask(id: string): Promise<Sandbox>;
  tell(sandbox: Sandbox): void;
  /** A terminal is connected, which is told of the end by itself. */
  told(): boolean;
  visible(): boolean;
  later(ms: number, call: () => void): () => void;
}

export class Lookout {
  /** Of the sandbox that is looked after, or "". */
  id = "";
  private due = false; // it was time while the page was out of sight
  private cancel: (() => void) | null = null;

  constructor(private readonly around: Outlook) {}

  /** The page has this sandbox, as the server says. */
  know(sandbox: Sandbox | null): void {
    if (!sandbox || over(sandbox)) return this.forget();
    this.id = sandbox.id;
    if (!this.around.told()) this.around.tell(sandbox);
    this.next(sandbox.state === "ready" ? pause(sandbox.ends_in) : SOON);
  }

  /** The page has this one, and knows no more of it. */
  follow(id: string): void {
    if (this.id === id) return;
    this.id = id;
    this.next(SOON);
  }

  forget(): void {
    this.id = "";
    this.due = false;
    this.cancel?.();
    this.cancel = null;
  }

  /** The page is in sight again. */
  back(): void {
    if (this.due) void this.look();
  }

  private next(seconds: number): void {
    this.cancel?.();
    this.due = false;
    this.cancel = this.around.later(seconds * 1000, () => void this.look());
  }

  private async look(): Promise<void> {
    const { id } = this;
    if (!id) return;
    if (!this.around.visible()) {
      this.due = true;
      return;
    }
    if (this.around.told()) return this.next(SOON);
    try {
      const sandbox = await this.around.ask(id);
      if (this.id !== id) return;
      if (over(sandbox)) this.around.tell(sandbox);
      this.know(sandbox);
    } catch (error) {
      if (this.id !== id) return;
      if (error instanceof ApiError && error.status === 404 && error.code !== NO_SERVER) this.forget();
      else this.next(SOON);
    }
  }
}

/** Seconds until the next look at a sandbox that ends in so many, null: never. */
export function pause(ends_in: number | null): number {
  if (ends_in === null) return SELDOM;
  return ends_in > NEAR ? Math.min(SELDOM, ends_in - NEAR + 1) : Math.min(OFTEN, ends_in + 1);
}
