// The middle of the page: one channel, or the direct messages with the app.

import { Composer } from "./composer.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { avatar } from "./avatar.js";
import { Log } from "./log.js";

export class Channel {
  constructor(app, { showSidebar, showInspector, tools }) {
    this.app = app;
    this.title = h("div.title");
    this.inspect = h(
      "button.tool.labelled",
      { type: "button", title: "Inspector", "aria-pressed": "false", onclick: showInspector },
      icon("inspect"),
      "Inspector",
    );
    this.menu = h("button.tool.sidebar-button", { type: "button", "aria-label": "Channels", onclick: showSidebar }, icon("menu"));
    const header = h("header", {}, this.menu, this.title, tools, this.inspect);
    this.log = new Log(app, { pane: "channel", label: "Messages", more: () => app.showEarlier("channel") });
    this.prompts = h("div.prompts", { role: "group", "aria-label": "Suggested questions" });
    this.composer = new Composer(app, { label: "Message", hasCommands: true, send: (typed) => app.say(typed) });
    app.composer = this.composer;
    this.node = h("main.channel", { tabindex: -1 }, header, this.log.node, this.prompts, this.composer.node);
  }

  draw() {
    const { app } = this;
    const { screen, channel } = app;
    const name = app.isDirect ? app.botName : `#${channel.name}`;
    const drawing = app.isDirect ? avatar(app.users.get(app.bot), app, "small") : icon(channel.kind === "private" ? "lock" : "hash");
    const about = app.isDirect ? "Direct messages with the app" : `${channel.n_members} members${channel.is_shared ? ", shared with a partner" : ""}`;
    fill(this.title, drawing, h("h1", {}, app.isDirect ? app.botName : channel.name), h("span.detail", {}, about));
    document.title = `${name}, stand-in workspace`;
    const welcome = { key: "welcome", sig: [app.me, channel.id, screen.order.length > 0, screen.prompts.length > 0].join(), render: () => this.welcome() };
    this.log.draw(`${app.me}/${channel.id}`, screen.order, screen.n_earlier, screen.n_earlier ? [] : [welcome]);
    this.composer.at(`${app.me}/${channel.id}`, app.isDirect ? `Message ${app.botName}` : `Message ${name}`);
    this.prompts.classList.toggle("line", screen.order.length > 0);
    fill(this.prompts, app.isDirect ? prompts(screen.prompts, app, "") : null);
  }

  welcome() {
    const { app } = this;
    const { channel, screen } = app;
    const isEmpty = !screen.order.length;
    const title = app.isDirect ? `You and ${app.botName}` : `Welcome to #${channel.name}`;
    const how = app.isDirect
      ? "Only you two can read this. Ask anything; no mention needed."
      : `Ask by mentioning @${app.botName}. The answer comes in a thread. With /ask only you see it.`;
    const isAppIn = app.isDirect || channel.has_app;
    const example = (question) => {
      const text = app.isDirect ? question : `@${app.botName} ${question}`;
      return h("button.example", { type: "button", onclick: () => this.composer.fill(text) }, question);
    };
    const examples = isEmpty && isAppIn && !(app.isDirect && screen.prompts.length) ? screen.examples : [];
    return h(
      `section.welcome.${isEmpty ? "first" : "past"}`,
      { "aria-label": title },
      app.isDirect ? avatar(app.users.get(app.bot), app) : h("span.big", {}, icon(channel.kind === "private" ? "lock" : "hash")),
      h("h2", {}, title),
      h("p", {}, isAppIn ? how : `${app.botName} is not in this channel, so it sees nothing that is written here.`),
      examples.length ? h("p.detail", {}, "Some questions to start with:") : null,
      examples.length ? h("div.examples", {}, examples.map(example)) : null,
    );
  }
}

/** Suggested prompts: a click sends the prompt. */
export function prompts(given, app, thread) {
  return given.map(({ title, message }) =>
    h("button.example", { type: "button", title: message, onclick: () => app.try(() => app.say(message, thread)) }, title),
  );
}
