/* What this host can do, asked once and again while it is still starting. Knows GET /api/me; doesn't know who asks. */

import { api, type Host, type Me } from "./api";

const AGAIN = 2000; // ms

export class HostWatch {
  private asked: Promise<Me> | null = null;

  constructor(
    private readonly me: () => Promise<Me> = api.me,
    private readonly pause: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
  ) {}

  /** The host once it is ready (what it can do is not known before), or null where no server answers or `wanted` ends. */
  async ready(wanted: () => boolean): Promise<Host | null> {
    while (wanted()) {
      this.asked ??= this.me();
      const me = await this.asked.catch(() => null);
      if (me?.host.ready) return me.host;
      this.asked = null;
      if (!me) return null;
      await this.pause(AGAIN);
    }
    return null;
  }
}
