// The inspector's wire: deliveries to the app and its calls, in the order they began.

import { read } from "./api.js";
import { h, reconcile } from "./dom.js";
import { seconds, took } from "./time.js";
import { tree } from "./tree.js";

const PAGE = 150;
const MOST = 5000; // of each kind, kept here
const NEAR = 40; // px

export class Traffic {
  constructor(app) {
    this.app = app;
    this.rows = [];
    this.known = { calls: 0, deliveries: 0 };
    this.boot = "";
    this.shown = PAGE;
    this.filter = h("input", {
      type: "search",
      placeholder: "Filter: chat.postMessage, error, 429, #help…",
      "aria-label": "Filter the wire",
      oninput: () => this.draw(),
    });
    this.list = h("div.rows");
    this.view = h("div.wire-view", {}, this.list);
    this.node = h("div.wire", { role: "tabpanel", id: "panel-wire", "aria-labelledby": "tab-wire" }, this.filter, this.view);
  }

  async refresh() {
    if (this.isBusy) {
      this.isStale = true;
      return;
    }
    this.isBusy = true;
    const { boot } = this.app.screen;
    if (boot !== this.boot) Object.assign(this, { boot, rows: [], known: { calls: 0, deliveries: 0 } });
    const { calls, deliveries } = this.known;
    const found = await read("wire", { since_calls: calls, since_deliveries: deliveries }).catch(() => null);
    this.isBusy = false;
    if (found && boot === this.boot) this.take(found);
    if (!this.isStale) return;
    this.isStale = false;
    await this.refresh();
  }

  take(found) {
    this.known = { calls: found.n_calls, deliveries: found.n_deliveries };
    const fresh = [...found.calls.map((call) => this.call(call)), ...found.deliveries.map((one) => this.delivery(one))];
    if (fresh.length) this.rows = [...this.rows, ...fresh].sort((a, b) => a.at - b.at).slice(-2 * MOST);
    this.draw();
  }

  draw() {
    const wanted = this.filter.value.trim().toLowerCase().replace(/^#/, "");
    const found = wanted ? this.rows.filter((row) => row.words.includes(wanted)) : this.rows;
    const rows = found.slice(-this.shown);
    const isAtEnd = this.view.scrollHeight - this.view.scrollTop - this.view.clientHeight < NEAR;
    const items = rows.map((row) => ({ key: row.key, sig: 1, render: () => this.row(row) }));
    if (rows.length < found.length) items.unshift({ key: "more", sig: found.length - rows.length, render: () => this.more(found) });
    if (!rows.length) items.push({ key: "none", sig: wanted, render: () => h("p.detail", {}, wanted ? "Nothing matches." : "Nothing yet. Ask something.") });
    reconcile(this.list, items);
    if (isAtEnd) this.view.scrollTop = this.view.scrollHeight;
  }

  more(found) {
    const show = () => {
      this.shown += PAGE;
      this.draw();
    };
    return h("button.more", { type: "button", onclick: show }, `Show earlier (${found.length - this.shown})`);
  }

  call(call) {
    const outcome = call.fault ? `${call.fault}${call.error ? ` ${call.error}` : ""}` : call.is_ok ? "ok" : call.error || "failed";
    return this.entry(call, {
      key: `call-${call.n}`,
      path: "call",
      arrow: "←",
      direction: "the app calls",
      name: call.method,
      outcome,
      isOk: call.is_ok,
      note: this.place(call.channel),
    });
  }

  delivery(delivery) {
    return this.entry(delivery, {
      key: `delivery-${delivery.n}`,
      path: "delivery",
      arrow: "→",
      direction: "the app is told",
      name: [delivery.event_type, delivery.subtype].filter(Boolean).join("."),
      outcome: delivery.reason || "acked",
      isOk: !delivery.reason,
      note: [KINDS[delivery.kind], this.place(delivery.channel), delivery.attempt ? `attempt ${delivery.attempt + 1}` : ""]
        .filter(Boolean)
        .join(", "),
    });
  }

  place(id) {
    const place = this.app.channels.get(id);
    return place ? (place.kind === "im" ? "direct" : `#${place.name}`) : "";
  }

  entry(given, row) {
    const status = given.status ?? "no answer";
    const words = `${row.name} ${row.outcome} ${status} ${row.note} ${row.path}`.toLowerCase().replaceAll("#", "");
    return { ...row, n: given.n, at: given.at, status, took: took(given.seconds * 1000), words };
  }

  row(row) {
    const details = h(
      `details.wire-row.${row.path}`,
      {},
      h(
        "summary",
        {},
        h("span.arrow", { role: "img", "aria-label": row.direction }, row.arrow),
        h("span.name", {}, row.name),
        h(`span.chip.${row.isOk ? "ok" : "bad"}`, {}, row.outcome),
        h("span.detail.note", {}, row.note),
        h("span.detail.numbers", {}, `${row.status} · ${row.took} · ${seconds(row.at)}`),
      ),
    );
    details.addEventListener("toggle", () => details.open && details.children.length === 1 && this.open(details, row));
    return details;
  }

  async open(details, row) {
    const body = h("div.json", {}, "Loading…");
    details.append(body);
    const found = await read(row.path, { n: row.n }).catch(() => ({ note: "This could not be read." }));
    body.replaceChildren(...Object.entries(found).map(([name, value]) => tree(value, name)));
    details.scrollIntoView({ block: "nearest" });
  }
}

const KINDS = { events_api: "event", slash_commands: "command", interactive: "interaction" };
