/* Keeps what one step printed, for events that others may listen to. Knows bytes and offsets; at most MOST of them. */

const MOST = 65_536; // bytes

export class Capture {
  private pieces: { at: number; bytes: Uint8Array }[] = [];
  private size = 0;

  add(bytes: Uint8Array, at: number): void {
    if (this.size >= MOST) return;
    this.pieces.push({ at, bytes });
    this.size += bytes.length;
  }

  /** The bytes of from…to as text, without the mark that ends there. */
  text(from: number, to: number): string {
    const decoder = new TextDecoder();
    let text = "";
    for (const { at, bytes } of this.pieces) {
      const begin = Math.max(0, from - at);
      const end = Math.min(bytes.length, to - at);
      if (end > begin) text += decoder.decode(bytes.subarray(begin, end), { stream: true });
    }
    return text.replace(/\x1b\]133;D[^\x07\x1b]*(\x07|\x1b\\)$/, "").slice(0, MOST);
  }
}
