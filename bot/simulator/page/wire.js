// The inspector's wire: deliveries to the app and its calls, in the order in which they began.

import { element, html, keyed, nothing, render } from "./dom.js";
import { duration, seconds } from "./format.js";
import { drawJson } from "./json.js";
import { read } from "./server.js";

/** @typedef {{ path: string, name: string, outcome: string, isOk: boolean, notes: string[] }} Summary */
/** @typedef {Summary & { n: number, key: string, at: number, numbers: string, words: string, whole?: {} }} Row */

const SHOWN = 200; // rows; the filter looks through all
const NEAR = 40; // px from the end that still count as being at the end

export class WirePanel {
  /** @type {Row[]} */ #rows = [];
  #known = { n_calls: 0, n_deliveries: 0 };
  #boot = "";
  #filter = "";
  #reading = Promise.resolve();

  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.node = element("div", "panel wire", { role: "tabpanel", ariaLabel: "Wire" });
    this.list = element("div", "wire-rows", { tabIndex: 0 });
  }

  /** Reads what is new, once the reading before has ended. */
  refresh() {
    this.#reading = this.#reading.then(() => this.#readNews()).catch(() => {}); // the next screen asks again
  }

  async #readNews() {
    const { boot } = this.app.screen;
    if (boot !== this.#boot) {
      this.#boot = boot;
      this.#rows = [];
      this.#known = { n_calls: 0, n_deliveries: 0 };
    }
    const since = { since_calls: this.#known.n_calls, since_deliveries: this.#known.n_deliveries };
    const { calls, deliveries, ...known } = /** @type {Wire.Rows} */ (await read("wire", since));
    this.#known = known;
    this.#rows.push(...calls.map((call) => this.#takeCall(call)));
    this.#rows.push(...deliveries.map((delivery) => this.#takeDelivery(delivery)));
    this.#rows.sort((a, b) => a.at - b.at);
    this.#draw();
  }

  #draw() {
    const rows = this.#rows.filter((row) => row.words.includes(this.#filter));
    const n_hidden = Math.max(0, rows.length - SHOWN);
    const isAtEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < NEAR;
    const filter = (/** @type {Event} */ event) => {
      this.#filter = /** @type {HTMLInputElement} */ (event.target).value.trim().toLowerCase();
      this.#draw();
    };
    const none = this.#filter ? "Nothing matches." : "Nothing yet. Ask something.";
    render(
      html`<input type="search" aria-label="Filter the wire" placeholder="Filter: chat.postMessage, error, #help…"
        @input=${filter}> ${this.list}`,
      this.node,
    );
    render(
      html`${n_hidden ? html`<p class="detail">${n_hidden} earlier ones: filter to see them.</p>` : nothing}
        ${keyed(rows.slice(-SHOWN), "key", (row) => this.#drawRow(row))}
        ${rows.length ? nothing : html`<p class="detail">${none}</p>`}`,
      this.list,
    );
    if (isAtEnd) this.list.scrollTop = this.list.scrollHeight;
  }

  /** @param {Row} row */
  #drawRow(row) {
    const open = async () => {
      if (row.whole) return;
      row.whole = await read(row.path, { n: row.n }).catch(() => ({ note: "This could not be read." }));
      this.#draw();
    };
    const arrow = row.path === "call" ? ["←", "the app calls"] : ["→", "the app is told"];
    const inside = Object.entries(row.whole ?? {}).map(([name, value]) => drawJson(name, value));
    return html`<details class="wire-row ${row.path}" @toggle=${open}>
      <summary>
        <span class="arrow" role="img" aria-label=${arrow[1]}>${arrow[0]}</span>
        <span class="name">${row.name}</span> <span class="chip ${row.isOk ? "ok" : "bad"}">${row.outcome}</span>
        <span class="detail">${row.notes.join(", ")}</span> <span class="detail end">${row.numbers}</span>
      </summary> ${inside}</details>`;
  }

  /** @param {Wire.Call} call */
  #takeCall(call) {
    const outcome = call.fault ? `${call.fault} ${call.error}` : call.is_ok ? "ok" : call.error || "failed";
    return this.#takeRow(call, { path: "call", name: call.method, outcome, isOk: call.is_ok, notes: [] });
  }

  /** @param {Wire.Delivery} delivery */
  #takeDelivery(delivery) {
    const { attempt, kind, event_type, subtype, reason } = delivery;
    const notes = [kind, attempt ? `attempt ${attempt + 1}` : ""];
    const name = [event_type, subtype].filter(Boolean).join(".");
    return this.#takeRow(delivery, { path: "delivery", name, outcome: reason || "acked", isOk: !reason, notes });
  }

  /** @param {Wire.Exchange} exchange @param {Summary} summary @returns {Row} */
  #takeRow({ n, at, status, channel, seconds: took }, summary) {
    const place = this.app.channels.get(channel);
    const notes = [...summary.notes, place ? (place.kind === "im" ? "direct" : `#${place.name}`) : ""].filter(
      Boolean,
    );
    const numbers = `${status ?? "no answer"} · ${duration(took * 1000)} · ${seconds(at)}`;
    const words = [summary.path, summary.name, summary.outcome, ...notes, numbers].join(" ").toLowerCase();
    return { ...summary, n, at, notes, numbers, words, key: `${summary.path}-${n}` };
  }
}
