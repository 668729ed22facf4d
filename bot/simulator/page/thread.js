// The thread pane: a question, its answers, what the app is doing, and the button that stops it.

import { prompts } from "./channel.js";
import { Composer } from "./composer.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { Log } from "./log.js";

const TURN = 2000; // ms, of each loading message

export class Thread {
  constructor(app, { showInspector }) {
    this.app = app;
    this.title = h("div.title");
    const close = h("button.tool", { type: "button", "aria-label": "Close thread", title: "Close (Esc)", onclick: () => this.close() }, icon("close"));
    const inspect = h(
      "button.tool.thread-inspect",
      { type: "button", "aria-label": "Show the story of this thread", title: "Story", onclick: showInspector },
      icon("inspect"),
    );
    this.log = new Log(app, { pane: "thread", label: "Thread", more: () => app.showEarlier("thread") });
    this.status = h("div.status", { role: "status" });
    this.prompts = h("div.prompts", { role: "group", "aria-label": "Suggested questions" });
    this.composer = new Composer(app, { label: "Reply", send: (typed) => app.say(typed, app.place.thread) });
    this.node = h(
      "aside.thread",
      { "aria-label": "Thread", tabindex: -1, hidden: true },
      h("header", {}, this.title, inspect, close),
      this.log.node,
      this.status,
      this.prompts,
      this.composer.node,
    );
    this.node.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    setInterval(() => this.app.screen && this.drawStatus(), TURN);
  }

  draw() {
    const { app } = this;
    const { thread } = app.screen;
    const isOpen = Boolean(thread) && thread.ts === app.place.thread;
    this.node.hidden = !app.place.thread;
    if (!isOpen) return;
    const name = app.isDirect ? app.botName : `#${app.channel.name}`;
    fill(this.title, h("h2", {}, "Thread"), h("span.detail", {}, thread.title || name));
    this.log.draw(thread.ts, thread.order, thread.n_earlier);
    this.drawStatus();
    fill(this.prompts, prompts(thread.prompts, app, thread.ts));
    this.composer.at(`${app.me}/${thread.ts}`, "Reply…");
    if (app.focusThread) this.composer.field.focus();
    app.focusThread = false;
  }

  drawStatus() {
    const { app } = this;
    const { thread } = app.screen;
    if (!thread || thread.ts !== app.place.thread) return;
    const lines = thread.loading.length ? thread.loading : [thread.status].filter(Boolean);
    const line = lines[Math.floor(Date.now() / TURN) % Math.max(1, lines.length)];
    const said = line && (thread.loading.length ? line : `${app.botName} ${line}`);
    if (!thread.is_running && app.stopping === thread.ts) app.stopping = "";
    const isStopping = app.stopping === thread.ts;
    const stop = h(
      "button.stop",
      { type: "button", "data-key": "stop", disabled: isStopping, onclick: () => app.stop() },
      icon("stop"),
      isStopping ? "Stopping…" : "Stop",
    );
    const shown = said || (thread.is_running ? `${app.botName} is answering…` : "");
    this.status.classList.toggle("busy", Boolean(shown));
    fill(this.status, shown ? h("span.pulse", { "data-key": "said" }, shown) : null, thread.is_running ? stop : null);
  }

  close() {
    const { thread } = this.app.place;
    this.app.closeThread();
    const opener = document.querySelector(`.channel [data-ts="${CSS.escape(thread)}"] .replies`);
    (opener ?? this.app.composer.field).focus();
  }
}
