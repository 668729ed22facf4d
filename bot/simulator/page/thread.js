// The thread beside the channel: a question, its answers, what the app is doing, and the button that stops it.

import { Composer } from "./composer.js";
import { html, nothing } from "./dom.js";
import { icon } from "./icons.js";
import { Log } from "./log.js";
import { drawTool } from "./message.js";

export class ThreadPane {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.log = new Log(app, "thread", "Thread");
    this.composer = new Composer(app, (typed) => app.say(typed, app.place.thread));
  }

  /** @param {boolean} isInert */
  draw(isInert) {
    const { app } = this;
    const { thread } = app;
    const place = `${app.me}/${app.place.thread}`;
    const isHidden = !app.place.thread;
    return html`<aside class="thread" aria-label="Thread" tabindex="-1" ?inert=${isInert} ?hidden=${isHidden}>
      <header>
        <div class="title"><h2>Thread</h2> <span class="detail">${thread?.title || app.channel.name}</span></div>
        ${drawTool("Show the story of this thread", icon("inspect"), () => app.showStory())}
        ${drawTool("Close thread", icon("close"), () => app.go({ thread: "" }))}</header>
      ${thread ? this.log.draw(place, thread.order, thread.n_earlier) : nothing}
      ${thread ? this.#drawStatus(thread) : nothing}
      ${this.composer.draw(place, "Reply…")}</aside>`;
  }

  /** @param {Slack.Thread} thread */
  #drawStatus({ status, is_running }) {
    const { app } = this;
    const said = status || is_running ? `${app.botName} ${status || "is answering…"}` : "";
    const stop = html`<button class="stop" @click=${() => app.stop()}>${icon("stop")} Stop</button>`;
    return html`<div class="status" role="status">
      ${said ? html`<span class="pulse">${said}</span>` : nothing} ${is_running ? stop : nothing}</div>`;
  }
}
