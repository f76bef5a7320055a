/* The channel into a learner's rooms, on wires that a test speaks for. */

import { describe, expect, it } from "vitest";
import { RoomChannel, type RoomView, type Surroundings, type Wire } from "../src/room-channel";

class FakeWire implements Wire {
  onopen: Wire["onopen"] = null;
  onmessage: Wire["onmessage"] = null;
  onclose: Wire["onclose"] = null;
  said: { type: string; [field: string]: unknown }[] = [];
  closed = false;
  send(text: string): void {
    this.said.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
}

class Around implements Surroundings {
  wires: FakeWire[] = [];
  timers: (() => void)[] = [];
  open(): Wire {
    const wire = new FakeWire();
    this.wires.push(wire);
    return wire;
  }
  later(_ms: number, call: () => void): () => void {
    this.timers.push(call);
    return () => {
      this.timers = this.timers.filter((one) => one !== call);
    };
  }
  random = (): number => 0.5;
  get wire(): FakeWire {
    return this.wires.at(-1) as FakeWire;
  }
}

const view: RoomView = { id: "c1", title: "Monday", state: "open", name: "Ada" };
const room = (...classes: RoomView[]): { data: string } => ({ data: JSON.stringify({ type: "room", classes }) });

function started(): { around: Around; channel: RoomChannel } {
  const around = new Around();
  const channel = new RoomChannel(around);
  channel.start();
  return { around, channel };
}

describe("the channel into the rooms", () => {
  it("shows what it was told last, and tells who subscribed", () => {
    const { around, channel } = started();
    let times = 0;
    channel.subscribe(() => {
      times += 1;
    });
    around.wire.onopen?.();
    around.wire.onmessage?.(room(view));
    around.wire.onmessage?.(room({ ...view, title: "Tuesday" }));
    expect(channel.views.map((one) => one.title)).toEqual(["Tuesday"]);
    expect(times).toBe(2);
  });

  it("leaves what is no message of ours", () => {
    const { around, channel } = started();
    around.wire.onmessage?.(room(view));
    for (const data of ["", "{", "null", "[]", '{"type":"room"}', '{"type":"other","classes":[]}', new ArrayBuffer(2)]) {
      try {
        around.wire.onmessage?.({ data });
      } catch (error) {
        expect.fail(String(error));
      }
    }
    expect(channel.views).toHaveLength(1);
  });

  it("comes back after a cut, says where the learner is, and keeps what it showed meanwhile", () => {
    const { around, channel } = started();
    around.wire.onopen?.();
    around.wire.onmessage?.(room(view));
    channel.at("concepts/01", "one/2");
    channel.at("concepts/01", "one/2");
    expect(around.wire.said).toEqual([{ type: "at", lesson: "concepts/01", step: "one/2" }]);
    around.wire.onclose?.({ code: 1006 });
    expect(channel.views).toHaveLength(1);
    channel.did(true); // while nobody hears it: gone
    around.timers.pop()?.();
    expect(around.wires).toHaveLength(2);
    around.wire.onopen?.();
    expect(around.wire.said).toEqual([{ type: "at", lesson: "concepts/01", step: "one/2" }]);
  });

  it("does not come back where the server doesn't understand it", () => {
    const { around } = started();
    around.wire.onclose?.({ code: 4400 });
    expect(around.timers).toHaveLength(0);
  });

  it("is closed for good when the learner is in no class any more", () => {
    const { around, channel } = started();
    around.wire.onmessage?.(room(view));
    const { wire } = around;
    channel.stop();
    expect(wire.closed).toBe(true);
    expect(channel.views).toEqual([]);
    expect(around.timers).toHaveLength(0);
  });
});
