// A list of messages that grows at its end and stays where the reader is.

import { element, guard, html, keyed, nothing, render } from "./dom.js";
import { count, day } from "./format.js";
import { icon } from "./icons.js";
import { drawMessage } from "./message.js";

const STOPS = "a, button, summary, [tabindex]"; // inside a message: reached by arrow keys
const NEAR = 60; // px from the end that still count as being at the end

export class Log {
  #place = "";
  #first = ""; // ts of the first message, which is not the root of a thread
  #last = "";
  #isAtEnd = true;
  #hasNews = false;

  /** @param {App} app @param {Pane} pane @param {string} label */
  constructor(app, pane, label) {
    this.app = app;
    this.pane = pane;
    this.view = element("div", "view", { tabIndex: 0, role: "log", ariaLabel: label });
    this.view.addEventListener("scroll", () => this.#noteScroll(), { passive: true });
    this.view.addEventListener("keydown", (event) => this.#takeKey(event));
    new ResizeObserver(() => this.#isAtEnd && this.#scrollToEnd()).observe(this.view);
  }

  /** @param {string} place @param {string[]} order @param {number} n_earlier @param {unknown} above */
  draw(place, order, n_earlier, above = nothing) {
    const messages = order.flatMap((ts) => this.app.messages.get(ts) ?? []);
    const first = messages[this.pane === "thread" ? 1 : 0]?.ts ?? "";
    const last = messages.at(-1);
    const isElsewhere = place !== this.#place;
    const isLonger = !isElsewhere && first < this.#first;
    const isNew = last !== undefined && last.ts > this.#last;
    const isMine = last?.user === this.app.me || last?.is_ephemeral;
    const fromEnd = this.view.scrollHeight - this.view.scrollTop;
    render(this.#drawList(messages, n_earlier, above), this.view);
    for (const stop of this.#listStops("article")) stop.tabIndex = -1;
    if (isElsewhere || this.#isAtEnd || (isNew && isMine)) this.#scrollToEnd();
    else if (isLonger) this.view.scrollTop = this.view.scrollHeight - fromEnd;
    else if (isNew) this.#hasNews = true;
    this.#place = place;
    this.#first = first;
    this.#last = last?.ts ?? "";
    const toEnd = () => this.#scrollToEnd();
    const pill = html`<button class="pill" @click=${toEnd}>${icon("down")} New messages</button>`;
    return html`<div class="log">${this.view} ${this.#hasNews ? pill : nothing}</div>`;
  }

  /** @param {Slack.Message[]} messages @param {number} n_earlier @param {unknown} above */
  #drawList(messages, n_earlier, above) {
    const { app, pane } = this;
    const show = () => app.showEarlier(pane);
    const more = html`<button class="more" @click=${show}>Show earlier messages (${n_earlier})</button>`;
    const n_replies = messages.length - 1 + n_earlier;
    const replies =
      n_replies > 0 ? html`<div class="divider">${count(n_replies, "reply", "replies")}</div>` : nothing;
    let today = "";
    const rows = keyed(messages, "ts", (message, n) => {
      const isNewDay = pane === "channel" && today !== day(message.ts);
      today = day(message.ts);
      const look = [app.screen.boot, app.me, message.version, app.n_changes];
      return html`${isNewDay ? html`<div class="divider">${today}</div>` : nothing}
        ${guard(look, () => drawMessage(message, pane, app))} ${pane === "thread" && n === 0 ? replies : nothing}`;
    });
    return html`<div class="list">${n_earlier ? more : above} ${rows}</div>`;
  }

  /** Returns what can be used inside a message. @param {string} row @returns {NodeListOf<HTMLElement>} */
  #listStops(row) {
    return this.view.querySelectorAll(`${row} :is(${STOPS})`);
  }

  /** Moves the focus inside a message, which is one stop of Tab. @param {KeyboardEvent} event */
  #takeKey(event) {
    const row = /** @type {HTMLElement} */ (event.target).closest("article");
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!row || !step) return;
    const inside = [...this.#listStops(`[data-ts="${row.dataset.ts}"]`)].filter((stop) => stop.checkVisibility());
    const stops = [row, ...inside];
    const at = stops.indexOf(/** @type {HTMLElement} */ (document.activeElement));
    event.preventDefault();
    stops[(at + step + stops.length) % stops.length]?.focus();
  }

  #noteScroll() {
    this.#isAtEnd = this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < NEAR;
    if (!this.#isAtEnd || !this.#hasNews) return;
    this.#hasNews = false;
    this.app.draw();
  }

  #scrollToEnd() {
    this.view.scrollTop = this.view.scrollHeight;
    this.#isAtEnd = true;
  }
}
