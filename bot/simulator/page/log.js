// A list of messages that grows at its end and stays where the reader is.

import { h, reconcile } from "./dom.js";
import { icon } from "./icons.js";
import { row } from "./message.js";
import { day } from "./time.js";

const GROUP_SECONDS = 300;
const NEAR = 60; // px from the end that still count as being at the end

export class Log {
  constructor(app, { pane, label, more }) {
    this.app = app;
    app.logs[pane] = this;
    this.pane = pane;
    this.more = more;
    this.place = "";
    this.last = "";
    this.first = "";
    this.list = h("div.list", { role: "log", "aria-live": "polite", "aria-label": label, onkeydown: (event) => this.key(event) });
    this.pill = h("button.pill", { type: "button", hidden: true, onclick: () => this.toEnd() }, icon("down"), "New messages");
    this.view = h("div.view", {}, this.list);
    this.view.addEventListener("scroll", () => this.isAtEnd() && (this.pill.hidden = true), { passive: true });
    this.node = h("div.log", {}, this.view, this.pill);
    this.wasAtEnd = true;
    new ResizeObserver(() => this.wasAtEnd && this.toEnd()).observe(this.view);
    this.view.addEventListener("scroll", () => (this.wasAtEnd = this.isAtEnd()), { passive: true });
  }

  /** `above`: nodes above the first message, as {key, sig, render}. */
  draw(place, order, n_earlier, above = []) {
    const isElsewhere = place !== this.place;
    const wasAtEnd = isElsewhere || this.isAtEnd();
    const messages = order.map((ts) => this.app.messages.get(ts)).filter(Boolean);
    const first = isElsewhere ? null : this.first; // in a thread the question stays above what is added
    const anchor = first && this.list.querySelector(`[data-ts="${CSS.escape(first)}"]`);
    const [offset, scrolled] = [anchor?.offsetTop, this.view.scrollTop];
    reconcile(this.list, [...above, ...this.items(messages, n_earlier)]);
    this.first = messages[this.pane === "thread" ? 1 : 0]?.ts ?? "";
    if (anchor?.isConnected && this.first < first) this.view.scrollTop = scrolled + anchor.offsetTop - offset;
    const last = messages.at(-1);
    this.rove(isElsewhere);
    const isMine = last?.user === this.app.me || last?.is_ephemeral;
    const isNew = last && last.ts > this.last;
    if (wasAtEnd || (isNew && isMine)) this.toEnd();
    else if (isNew) this.pill.hidden = false;
    if (isElsewhere) this.pill.hidden = true;
    this.place = place;
    this.last = last?.ts ?? "";
  }

  items(messages, n_earlier) {
    const items = [];
    if (n_earlier) {
      const show = () => h("button.more", { type: "button", onclick: this.more }, `Show earlier messages (${n_earlier})`);
      items.push({ key: "more", sig: n_earlier, render: show });
    }
    let above = null;
    let today = "";
    for (const message of messages) {
      const when = day(message.ts);
      if (when !== today && this.pane === "channel") {
        const divider = () => h("div.day", { role: "separator", "aria-label": when }, h("span", {}, when));
        items.push({ key: `day-${when}`, sig: when, render: divider });
        above = null;
      }
      today = when;
      const isGrouped = continues(above, message);
      const { app, pane } = this;
      const sig = [app.screen.boot, app.me, message.version, isGrouped, app.touched.get(message.ts)].join();
      items.push({ key: message.ts, sig, render: () => row(message, { pane, isGrouped }, app) });
      if (this.pane === "thread" && message === messages[0] && messages.length > 1) {
        const n = messages.length - 1 + n_earlier;
        const label = n === 1 ? "1 reply" : `${n} replies`;
        items.push({ key: "count", sig: label, render: () => h("div.day.count", {}, h("span", {}, label)) });
        above = null;
      } else above = message;
    }
    return items;
  }

  isAtEnd() {
    return this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < NEAR;
  }

  toEnd() {
    this.view.scrollTop = this.view.scrollHeight;
    this.pill.hidden = true;
    this.wasAtEnd = true;
  }

  /** Tab reaches one row; the arrow keys go from row to row. */
  rove(isElsewhere) {
    const rows = this.rows();
    const current = rows.find((one) => one.tabIndex === 0);
    const isUsed = current && this.list.contains(document.activeElement);
    if (current && !isUsed) current.tabIndex = -1;
    if (rows.length && (isElsewhere || !isUsed)) rows.at(-1).tabIndex = 0;
  }

  rows() {
    return [...this.list.children].filter((child) => child.classList.contains("row"));
  }

  key(event) {
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    if (!event.target.classList.contains("row")) return;
    const rows = this.rows();
    const next = rows[rows.indexOf(event.target) + (event.key === "ArrowUp" ? -1 : 1)];
    if (!next) return;
    event.preventDefault();
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

function continues(above, message) {
  return (
    above !== null &&
    above.user === message.user &&
    above.is_ephemeral === message.is_ephemeral &&
    !above.replies.n &&
    above.subtype !== "tombstone" &&
    message.subtype !== "tombstone" &&
    message.ts - above.ts < GROUP_SECONDS
  );
}
