/* The learner's sandbox as the page sees it: asked for once, watched while it starts, reset, given up.
   Knows: api.ts. Doesn't know terminals, blocks or the DOM; who wants to know subscribes. */

import { api, ApiError, NO_SERVER, type Sandbox } from "./api";
import { pause, words } from "./line";

export type SandboxView =
  | { name: "none" }
  | { name: "starting"; detail: string; since: number } // since: of performance.now
  | { name: "ready"; id: string }
  | { name: "failed"; words: string; id: string | null }
  | { name: "ended"; words: string }; // stays until a new one is wanted

export interface Calls {
  start(lesson: string): Promise<Sandbox>;
  sandbox(id: string): Promise<Sandbox>;
  reset(id: string): Promise<Sandbox>;
}

const POLL_MOST = 2000; // ms
const PATIENCE = 10; // looks that may fail in a row

export class SandboxWatch {
  view: SandboxView = { name: "none" };
  private listeners = new Set<(view: SandboxView) => void>();
  private underWay: Promise<string> | null = null;
  private lesson = "";
  private began = 0;
  private turn = 0; // a reset makes what an earlier wait finds out worthless

  constructor(
    private readonly calls: Calls = api,
    private readonly pause: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {}

  subscribe(listener: (view: SandboxView) => void): () => void {
    this.listeners.add(listener);
    listener(this.view);
    return () => this.listeners.delete(listener);
  }

  /** The id of a ready sandbox; starts one, or waits for the one that is starting. Throws ApiError. */
  ensure(lesson: string): Promise<string> {
    this.lesson = lesson || this.lesson;
    if (this.view.name === "ready") return Promise.resolve(this.view.id);
    const failed = this.view.name === "failed" ? this.view.id : null;
    return this.follow(() => (failed ? this.again(failed) : this.calls.start(this.lesson)));
  }

  /** Throws away everything in the sandbox and waits for the new one under the same id. Throws ApiError. */
  reset(): Promise<string> {
    const id = this.view.name === "ready" || this.view.name === "failed" ? this.view.id : null;
    if (!id) return this.ensure(this.lesson);
    this.underWay = null;
    this.began = performance.now();
    this.show({ name: "starting", detail: "Removing the old one.", since: this.began });
    return this.follow(() => this.again(id));
  }

  /** It has ended, and why: said until a new one is wanted. */
  ended(words: string): void {
    if (this.view.name === "ready" || this.view.name === "none") this.show({ name: "ended", words });
  }

  /** The same in the server's own words, where it still has some. */
  async explain(id: string): Promise<void> {
    const sandbox = await this.calls.sandbox(id).catch(() => null);
    if (sandbox && over(sandbox) && this.view.name === "ended") this.show({ name: "ended", words: sandbox.detail });
  }

  /** A terminal was told that the sandbox is not what the page thinks: ask again before the next use. */
  doubt(): void {
    if (this.view.name === "ready") this.show({ name: "none" });
  }

  /** True where the server says that this sandbox is not there; false where it is, or nobody answers. */
  async gone(id: string): Promise<boolean> {
    return this.calls.sandbox(id).then(
      over,
      (error: unknown) => error instanceof ApiError && error.status === 404 && error.code !== NO_SERVER,
    );
  }

  private async again(id: string): Promise<Sandbox> {
    try {
      return await this.calls.reset(id);
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return this.calls.start(this.lesson);
      throw error;
    }
  }

  private follow(begin: () => Promise<Sandbox>): Promise<string> {
    if (this.underWay) return this.underWay;
    const run = this.poll(begin).finally(() => {
      if (this.underWay === run) this.underWay = null;
    });
    this.underWay = run;
    return run;
  }

  private async poll(begin: () => Promise<Sandbox>): Promise<string> {
    const turn = ++this.turn;
    const show = (view: SandboxView): void => {
      if (turn === this.turn) this.show(view);
    };
    if (this.view.name !== "starting") this.began = performance.now();
    const starting = (detail: string): void => show({ name: "starting", detail, since: this.began });
    starting("Asking for it.");
    let id: string | null = null;
    try {
      let sandbox = await begin();
      for (let ms = 0; sandbox.state !== "ready"; ) {
        id = sandbox.id;
        if (over(sandbox)) throw new ApiError(200, "sandbox-failed", sandbox.detail, "");
        starting(words(sandbox));
        ms = pause(sandbox, ms);
        await this.pause(ms);
        sandbox = await this.look(sandbox.id);
      }
      show({ name: "ready", id: sandbox.id });
      return sandbox.id;
    } catch (error) {
      const why = error instanceof ApiError && error.words;
      show({ name: "failed", words: why || "The sandbox could not be started. Try again.", id });
      throw error;
    }
  }

  /** One look at a sandbox; a server that is restarting gets a few more chances. */
  private async look(id: string): Promise<Sandbox> {
    for (let left = PATIENCE; ; left--) {
      try {
        return await this.calls.sandbox(id);
      } catch (error) {
        const passing = error instanceof ApiError && (error.status === 0 || error.status >= 500);
        if (!passing || left === 0) throw error;
        await this.pause(POLL_MOST);
      }
    }
  }

  private show(view: SandboxView): void {
    this.view = view;
    for (const listener of [...this.listeners]) listener(view);
  }
}

/** It is no more, and `detail` says why. */
export const over = (sandbox: Sandbox): boolean => sandbox.state === "failed" || sandbox.state === "ended";
