import { describe, expect, it } from "vitest";
import { type Mark, MarkScanner } from "../src/marks";
import { bytes } from "./fakes";

const scan = (...pieces: string[]): Mark[] => {
  const scanner = new MarkScanner();
  let at = 0;
  return pieces.flatMap((piece) => {
    const data = bytes(piece);
    const found = scanner.push(data, at);
    at += data.length;
    return found;
  });
};

const STREAM = "x\x1b]133;A\x07$ \x1b]133;B\x07ls\r\n\x1b]133;C\x1b\\out\r\n\x1b]133;D;137\x07";
const KINDS = ["A", "B", "C", "D"];

describe("marks", () => {
  it("finds each kind, with the offset behind it", () => {
    const found = scan(STREAM);
    expect(found.map((mark) => mark.kind)).toEqual(KINDS);
    expect(found[0]?.at).toBe(9);
    expect(found[3]).toEqual({ kind: "D", at: bytes(STREAM).length, exit: 137 });
  });

  it("finds the same wherever the stream is cut", () => {
    const whole = scan(STREAM);
    for (let cut = 1; cut < STREAM.length; cut++) expect(scan(STREAM.slice(0, cut), STREAM.slice(cut))).toEqual(whole);
    expect(scan(...STREAM)).toEqual(whole);
  });

  it("reads what follows the kind, and refuses what is no status", () => {
    expect(scan("\x1b]133;A;cl=m\x07")).toEqual([{ kind: "A", at: 13 }]);
    for (const status of ["", ";", ";-1", ";9999", ";x"]) expect(scan(`\x1b]133;D${status}\x07`)[0]).toMatchObject({ exit: null });
  });

  it("leaves other sequences alone, and recovers from broken ones", () => {
    expect(scan("\x1b]0;title 133;A\x07\x1b[1;32m\x1b]13;A\x07\x1b]133;Z\x07")).toEqual([]);
    expect(scan("\x1b]133;\x1b]133;A\x07").map((mark) => mark.kind)).toEqual(["A"]);
    expect(scan("\x1b]133;A\x18\x1b]133;B\x07").map((mark) => mark.kind)).toEqual(["B"]);
    expect(scan("\x1b\x1b]133;C\x07").map((mark) => mark.kind)).toEqual(["C"]);
  });

  it("lets an endless sequence go", () => {
    expect(scan(`\x1b]133;A${"x".repeat(100_000)}`, "\x07\x1b]133;B\x07").map((mark) => mark.kind)).toEqual(["B"]);
  });
});
