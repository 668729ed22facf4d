// The middle of the page: one channel, or the direct messages with the app.

import { Composer } from "./composer.js";
import { html, nothing } from "./dom.js";
import { count } from "./format.js";
import { drawTabs, HomePane } from "./home.js";
import { channelIcon } from "./icons.js";
import { Log } from "./log.js";

export class ChannelPane {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.log = new Log(app, "channel", "Messages");
    this.composer = new Composer(app, (typed) => app.say(typed));
    this.home = new HomePane(app);
  }

  /** @param {boolean} isInert @param {unknown} menu @param {unknown} tools */
  draw(isInert, menu, tools) {
    const { app } = this;
    const { channel } = app;
    const isHome = app.isDirect && app.tab === "home";
    const name = app.isDirect ? app.botName : channel.name;
    const members =
      count(channel.n_members, "member", "members") + (channel.is_shared ? ", shared with a partner" : "");
    const place = `${app.me}/${channel.id}`;
    document.title = `${name}, stand-in workspace`;
    return html`<main class="channel" ?inert=${isInert}>
      <header>${menu}
        <div class="title">${channelIcon(channel, app)} <h1>${name}</h1>
          ${app.isDirect ? drawTabs(app) : html`<span class="detail">${members}</span>`}</div>
        ${tools}</header>
      ${isHome ? html`<div class="log">${this.home.draw()}</div>` : this.#drawMessages(place, name)}</main>`;
  }

  /** @param {string} place @param {string} name */
  #drawMessages(place, name) {
    const { app } = this;
    const { screen } = app;
    return html`${this.log.draw(place, screen.order, screen.n_earlier, this.#drawWelcome(name))}
      ${app.isDirect ? drawPrompts(screen.prompts, app) : nothing}
      ${this.composer.draw(place, `Message ${app.isDirect ? "" : "#"}${name}`)}`;
  }

  /** @param {string} name */
  #drawWelcome(name) {
    const { app } = this;
    const { screen } = app;
    const isAppIn = app.isDirect || app.channel.has_app;
    const how = app.isDirect
      ? "Only you two can read this. Ask anything; no mention needed."
      : `Ask by mentioning @${app.botName}. The answer comes in a thread. With /ask only you see it.`;
    const out = `${app.botName} is not here, so it sees nothing. To bring it in: /invite @${app.botName}`;
    const isFirst = isAppIn && !screen.order.length && !(app.isDirect && screen.prompts.length);
    const examples = isFirst ? screen.examples : [];
    const ask = (/** @type {string} */ text) =>
      app.try(() => app.say(app.isDirect ? text : `@${app.botName} ${text}`));
    return html`<section class="welcome">
      <h2>${app.isDirect ? `You and ${name}` : `Welcome to #${name}`}</h2>
      <p>${isAppIn ? how : out}</p>
      ${examples.length ? html`<p class="detail">Some questions to start with:</p>` : nothing}
      ${examples.map((text) => html`<button class="example" @click=${() => ask(text)}>${text}</button>`)}
    </section>`;
  }
}

/** Draws suggested prompts: a click sends one. @param {Slack.Prompt[]} prompts @param {App} app */
function drawPrompts(prompts, app) {
  if (!prompts.length) return nothing;
  const send = (/** @type {string} */ message) => app.try(() => app.say(message));
  return html`<div class="prompts" role="group" aria-label="Suggested questions">
    ${prompts.map(
      ({ title, message }) => html`<button class="example" title=${message}
      @click=${() => send(message)}>${title}</button>`,
    )}
  </div>`;
}
