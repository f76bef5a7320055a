/* The wall: a tile a learner, live, with what orders and filters them; where the class is; the heat map of its tasks.
   Joins the channel, the tiles and the miniatures. Doesn't know who may see what: the server sends nothing else. */

import { call } from "./api";
import { button, h } from "./dom";
import type { RoomState, Tile } from "./room-wire";
import { WallChannel } from "./wall-channel";
import { HeatMap } from "./wall-heat";
import { Miniatures } from "./wall-miniature";
import { arranged, counted, ONLY, type Only, ORDERS, type Order, spots, tileAfterKey } from "./wall-order";
import { TileCard } from "./wall-tile";
import { countWords, learnersWords, type Lessons, type LessonOf, newsOf, placeWords } from "./wall-words";

const SETTLE = 1500; // ms between two arrangements: tiles that jump about can't be read
const STILL = 4000; // ms since the pointer moved over the tiles, from which on they may be arranged anew
const AGAIN = 20_000; // ms; times are told anew
const MOST_SPOTS = 4;
const MOST_NEWS = 3; // said aloud at once

/** What the page around the wall is told. */
export interface WallNews {
  /** What holds for the class is this now. */
  room(now: RoomState): void;
  /** Some learner came, went, or got further. */
  learners(): void;
  /** Whether the server is heard. */
  heard(on: boolean): void;
  /** Signed out, or the class is gone. */
  over(): void;
}

export class Wall {
  readonly element = h("div", { class: "lab-wall" });
  readonly heat = new HeatMap();
  private readonly channel: WallChannel;
  private readonly cards = new Map<string, TileCard>();
  private readonly minis = new Miniatures((ids) => this.channel.see(ids));
  private readonly counts = h("p", { class: "lab-wall__counts" });
  private readonly where = h("ol", { class: "lab-wall__spots", "aria-label": "Where the class is" });
  private readonly list = h("ul", { class: "lab-wall__tiles", "aria-label": "Learners" });
  private readonly none = h("p", { class: "lab-room__empty" });
  private readonly news = h("p", { class: "lab-sr", role: "status" });
  private readonly order = choice("Sort by", ORDERS, () => this.arrange(true));
  private readonly only = choice("Show", ONLY, () => this.arrange(true));
  private readonly text = h("input", { type: "search", class: "lab-room__input", placeholder: "Name, lesson or step", "aria-label": "Find learners" });
  private lessons: Lessons = new Map();
  private shown: Tile[] = [];
  private current = ""; // whose tile is in the tab order
  private timers: ReturnType<typeof setTimeout>[] = [];
  private settling: ReturnType<typeof setTimeout> | undefined;
  private moved = -STILL;
  private begun = false;

  constructor(
    private readonly classId: string,
    private readonly around: WallNews,
  ) {
    this.channel = new WallChannel(classId, {
      room: (now) => around.room(now),
      tiles: (changed, gone) => this.has(changed, gone),
      heat: () => this.changed(),
      miniature: (part) => this.minis.write(part),
      heard: (on) => around.heard(on),
      over: () => around.over(),
    });
    const controls = h("div", { class: "lab-wall__controls" }, this.text, this.order.element, this.only.element);
    this.element.append(this.counts, this.where, controls, this.none, this.list, this.news);
    this.text.addEventListener("input", () => this.arrange(true));
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.list.addEventListener("pointermove", () => {
      this.moved = performance.now();
    }, { passive: true });
    this.list.addEventListener("focusin", (event) => this.focused(event.target));
  }

  start(): void {
    this.channel.start();
    this.timers.push(setInterval(() => this.retell(), AGAIN));
    void call<LessonOf[]>("GET", "/api/lessons").then((all) => {
      this.lessons = new Map(all.map((one) => [one.id, one]));
      this.retell();
    }, () => {}); // then places have the names that the server has
  }

  stop(): void {
    this.channel.stop();
    this.minis.stop();
    for (const timer of this.timers) clearInterval(timer);
    clearTimeout(this.settling);
  }

  // --- what is told ---

  private has(changed: readonly Tile[], gone: readonly string[]): void {
    const news: string[] = [];
    for (const tile of changed) {
      const there = this.cards.get(tile.id);
      if (this.begun) news.push(there ? newsOf(there.tile, tile) : `${tile.name} joined.`);
      (there ?? this.card(tile)).show(tile, placeWords(this.lessons, tile), Date.now());
    }
    for (const id of gone) this.drop(id);
    this.begun = true;
    const said = news.filter(Boolean);
    if (said.length) this.news.textContent = said.length > MOST_NEWS ? `${said.slice(0, MOST_NEWS).join(" ")} And more.` : said.join(" ");
    this.changed();
  }

  private changed(): void {
    this.soon();
    this.around.learners();
  }

  private card(tile: Tile): TileCard {
    const made = new TileCard(this.classId);
    made.begin(this.minis.add(tile.id, made.frame));
    this.cards.set(tile.id, made);
    return made;
  }

  private drop(id: string): void {
    const card = this.cards.get(id);
    if (!card) return;
    this.cards.delete(id);
    this.minis.remove(id, card.frame);
    card.element.remove();
  }

  private retell(): void {
    for (const card of this.cards.values()) card.show(card.tile, placeWords(this.lessons, card.tile), Date.now());
    this.arrange(false);
  }

  // --- what is shown ---

  /** Soon, and where nobody is about to use a tile: else when they are done. */
  private soon(): void {
    this.settling ??= setTimeout(() => {
      this.settling = undefined;
      this.arrange(false);
    }, this.shown.length ? SETTLE : 0);
  }

  private get held(): boolean {
    return this.list.contains(document.activeElement) || performance.now() - this.moved < STILL;
  }

  private arrange(asked: boolean): void {
    const tiles = [...this.channel.tiles.values()];
    const words = (tile: Tile): string => placeWords(this.lessons, tile).join(" ");
    const wanted = arranged(tiles, this.order.value as Order, this.only.value as Only, this.text.value, words);
    const same = wanted.length === this.shown.length && wanted.every((tile, n) => tile.id === this.shown[n]?.id);
    const more = wanted.length !== this.shown.length; // who came is shown also while tiles are held
    if (!same && (asked || more || !this.held)) {
      this.shown = wanted;
      const had = this.list.contains(document.activeElement) ? (document.activeElement as HTMLElement) : null;
      this.list.replaceChildren(...wanted.flatMap((tile) => this.cards.get(tile.id)?.element ?? []));
      had?.focus();
    } else if (!same) this.soon();
    this.tabOrder();
    this.summary(tiles, wanted.length);
    this.heat.show(this.channel.tasks, arranged(tiles, "name", "all", "", () => ""), this.channel.passed, this.lessons);
  }

  private summary(tiles: readonly Tile[], shown: number): void {
    say(this.counts, tiles.length ? countWords(counted(tiles)) : "");
    say(this.none, tiles.length ? (shown ? "" : "No learner is like that now.") : this.begun ? "Nobody is here yet. Learners appear as they join." : "");
    const all = spots(tiles);
    const most = all.slice(0, MOST_SPOTS);
    const online = all.reduce((sum, spot) => sum + spot.learners, 0);
    const said = JSON.stringify([most, all.length, this.lessons.size]);
    if (this.where.dataset.said === said) return;
    this.where.dataset.said = said;
    const had = this.where.contains(document.activeElement) ? (document.activeElement as HTMLElement).textContent : null;
    const rows = most.map((spot) => {
      const [lesson, place] = placeWords(this.lessons, spot);
      const at = button("", () => this.find(place || lesson), { class: "lab-wall__spot", title: "Show who is there" });
      at.append(h("span", { class: "lab-wall__bar", "aria-hidden": "true" }), h("b", {}, learnersWords(spot.learners)), " ", h("span", {}, [lesson, place].filter(Boolean).join(" · ")));
      at.style.setProperty("--lab-part", `${Math.round((100 * spot.learners) / online)}%`);
      return h("li", {}, at);
    });
    const rest = all.slice(MOST_SPOTS).reduce((sum, spot) => sum + spot.learners, 0);
    this.where.replaceChildren(...rows, ...(rest ? [h("li", { class: "lab-wall__rest" }, `${learnersWords(rest)} elsewhere`)] : []));
    if (had) [...this.where.querySelectorAll("button")].find((one) => one.textContent === had)?.focus();
  }

  private find(words: string): void {
    this.text.value = this.text.value === words ? "" : words;
    this.arrange(true);
  }

  // --- keys ---

  private tabOrder(): void {
    const all = this.shown.map((tile) => this.cards.get(tile.id)?.focusable ?? null);
    const at = Math.max(0, this.shown.findIndex((tile) => tile.id === this.current));
    all.forEach((open, n) => {
      if (open) open.tabIndex = n === at ? 0 : -1;
    });
  }

  private focused(target: EventTarget | null): void {
    const id = target instanceof HTMLElement ? target.closest<HTMLElement>(".lab-tile")?.dataset.learner : undefined;
    if (!id || id === this.current) return;
    this.current = id;
    this.tabOrder();
  }

  private key(event: KeyboardEvent): void {
    if (!(event.target instanceof HTMLElement) || !event.target.matches(".lab-tile__open")) return;
    const at = this.shown.findIndex((tile) => this.cards.get(tile.id)?.focusable === event.target);
    const tops = this.shown.map((tile) => this.cards.get(tile.id)?.element.offsetTop ?? 0);
    const columns = Math.max(1, tops.filter((top) => top === tops[0]).length);
    const next = at < 0 ? null : tileAfterKey(at, this.shown.length, columns, event.key);
    const tile = next === null ? undefined : this.shown[next];
    if (!tile) return;
    event.preventDefault();
    this.cards.get(tile.id)?.focusable?.focus();
  }
}

function say(where: HTMLElement, words: string): void {
  if (where.textContent !== words) where.textContent = words;
  where.hidden = !words;
}

/** A labelled list to choose from. */
function choice(label: string, options: Record<string, string>, changed: () => void): { element: HTMLElement; readonly value: string } {
  const select = h("select", { class: "lab-room__input" }, ...Object.entries(options).map(([value, words]) => h("option", { value }, words)));
  select.addEventListener("change", changed);
  return {
    element: h("label", { class: "lab-wall__choice" }, h("span", {}, label), select),
    get value() {
      return select.value;
    },
  };
}
