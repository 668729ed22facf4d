// One message as a row: who, when, what, reactions, the thread below it, and what one may do with it.

import { avatar } from "./avatar.js";
import { blocks } from "./blocks.js";
import { h, listOf } from "./dom.js";
import { textOf } from "./elements.js";
import { emoji, REACTIONS } from "./emoji.js";
import { icon } from "./icons.js";
import { nameOf } from "./links.js";
import { markdown } from "./markdown.js";
import { mrkdwn } from "./mrkdwn.js";
import { streamTasks } from "./tasks.js";
import { ago, clock, full } from "./time.js";
import { fromWire } from "./wiretext.js";

const ENDS = {
  stopped_by_user: "Stopped.",
  expired: "This message stopped growing: its stream is too old.",
};

/** `pane`: channel or thread. A grouped row continues the one above it. What cannot be drawn says so, alone. */
export function row(message, place, app) {
  try {
    return drawn(message, place, app);
  } catch (error) {
    console.info("message", message.ts, "cannot be shown:", error);
    const properties = { role: "article", tabindex: -1, "data-ts": message.ts, "data-key": message.ts };
    const said = h("div.content", {}, h("div.body.gone", {}, "This message cannot be shown."));
    return h("div.row.leading.lasting", { ...properties, "aria-label": "A message" }, h("div.gutter"), said);
  }
}

function drawn(message, { pane, isGrouped }, app) {
  const user = app.users.get(message.user);
  const name = message.username || (user ? nameOf(user) : (message.user ?? "Somebody"));
  const isGone = message.subtype === "tombstone";
  const time = h("time", { datetime: new Date(message.ts * 1000).toISOString(), title: full(message.ts) }, clock(message.ts));
  const isLive = message.stream?.state === "in_progress";
  const head = h("div.head", {}, h("b.name", {}, name), isApp(message, user) ? h("span.badge", {}, "App") : null, time);
  return h(
    `div.row.${isGrouped ? "grouped" : "leading"}.${message.is_ephemeral ? "ephemeral" : "lasting"}`,
    {
      role: "article",
      tabindex: -1,
      "aria-label": `${name}, ${clock(message.ts)}`,
      "aria-busy": String(isLive),
      "data-ts": message.ts,
      "data-key": message.ts,
      "data-author": message.is_app ? "app" : "person",
    },
    h("div.gutter", {}, isGrouped ? time : isGone ? avatar(null, app) : avatar(user, app)),
    h(
      "div.content",
      {},
      isGrouped ? null : head,
      pane === "channel" && message.thread_ts ? broadcast(message, app) : null,
      message.is_ephemeral && !isGrouped ? h("div.only-you", {}, icon("face"), "Only visible to you") : null,
      app.editing === `${pane}:${message.ts}` ? editor(message, app) : body(message, isGone, app),
      reactions(message, app),
      problem(message, app),
      pane === "channel" ? replies(message, app) : null,
    ),
    isGone ? null : toolbar(message, pane, app),
  );
}

function broadcast(message, app) {
  return h("button.broadcast", { type: "button", onclick: () => app.openThread(message.thread_ts) }, "Replied to a thread");
}

function isApp(message, user) {
  return message.is_app || (user?.is_bot && user.id !== "USLACKBOT");
}

function body(message, isGone, app) {
  if (isGone) return h("div.body.gone", {}, "This message was deleted.");
  const { stream } = message;
  const isLive = stream?.state === "in_progress";
  const isTyped = !message.is_app && !app.users.get(message.user)?.is_bot; // its blocks say the same as its text
  const parts = [];
  if (stream) parts.push(streamTasks(stream, app));
  if (message.markdown || isLive) {
    parts.push(h(`div.markdown.${isLive ? "live" : "done"}`, { "data-key": "markdown" }, markdown(message.markdown, app)));
  }
  if (message.blocks.length && !isTyped) parts.push(...blocks(message.blocks, message, app));
  parts.push(...message.attachments.map((attachment) => attached(attachment, message, app)));
  if (!parts.some(Boolean)) parts.push(h("div.text", {}, mrkdwn(message.text, app)));
  if (message.edited && isTyped) (parts.at(-1).lastElementChild ?? parts.at(-1)).append(h("span.edited", {}, " (edited)"));
  if (stream && Object.hasOwn(ENDS, stream.state)) parts.push(h("div.ended", {}, ENDS[stream.state]));
  return h("div.body", {}, parts);
}

function attached(attachment, message, app) {
  const inner = listOf(attachment.blocks).length
    ? blocks(attachment.blocks, message, app)
    : mrkdwn(textOf(attachment.text) || textOf(attachment.fallback), app);
  return h("div.attachment", {}, attachment.title ? h("strong", {}, textOf(attachment.title)) : null, inner);
}

function reactions(message, app) {
  const found = Object.entries(message.reactions);
  if (!found.length) return null;
  const one = ([name, users]) => {
    const isMine = users.includes(app.me);
    const who = users.map((id) => (app.users.get(id) ? nameOf(app.users.get(id)) : id)).join(", ");
    const properties = { type: "button", "data-key": name, "aria-pressed": String(isMine), title: `${who}: :${name}:` };
    return h("button.reaction", { ...properties, onclick: () => app.react(message, name, !isMine) }, emoji(name), users.length);
  };
  return h("div.reactions", { role: "group", "aria-label": "Reactions" }, found.map(one));
}

function problem(message, app) {
  const told = app.problems.get(message.ts);
  return told ? h("p.problem", { role: "alert" }, told) : null;
}

function replies(message, app) {
  const { n, users, latest, activity } = message.replies;
  if (!n && !activity) return null;
  const status = activity && (activity.status ? `${app.botName} ${activity.status}` : `${app.botName} is answering…`);
  const label = n === 0 ? "Open thread" : n === 1 ? "1 reply" : `${n} replies`;
  return h(
    "button.replies",
    { type: "button", "data-key": "replies", onclick: () => app.openThread(message.ts) },
    users.map((id) => avatar(app.users.get(id), app, "tiny")),
    h("b", {}, label),
    status ? h("span.pulse", {}, status) : h("span.detail", {}, `Last reply ${ago(latest)}`),
    icon("chevron"),
  );
}

function toolbar(message, pane, app) {
  const tool = (drawing, label, onclick) =>
    h("button.tool", { type: "button", title: label, "aria-label": label, onclick }, drawing);
  const isMine = message.user === app.me && !message.is_ephemeral;
  const reacts = message.is_ephemeral
    ? []
    : REACTIONS.map((name) =>
        tool(emoji(name), `React with ${name}`, () => app.react(message, name, !message.reactions[name]?.includes(app.me))),
      );
  return h(
    "div.toolbar",
    { role: "toolbar", "aria-label": "Message actions" },
    reacts,
    pane === "channel" && !message.is_ephemeral && !message.thread_ts
      ? tool(icon("reply"), "Reply in thread", () => app.openThread(message.ts, { isFocused: true }))
      : null,
    message.is_app ? tool(icon("story"), "Show the story", () => app.showStory(message)) : null,
    isMine ? tool(icon("edit"), "Edit message", () => app.edit(message, pane)) : null,
    isMine ? tool(icon("trash"), "Delete message", () => app.delete(message)) : null,
  );
}

function editor(message, app) {
  const cancel = () => app.edit(null);
  const save = () => app.save(message, field.value);
  const field = h("textarea", {
    "aria-label": "Edit message",
    rows: 2,
    value: fromWire(message.text, app),
    onkeydown: (event) => {
      if (event.key === "Escape") cancel();
      else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) save();
      else return;
      event.preventDefault();
      event.stopPropagation();
    },
  });
  return h(
    "div.editor",
    { "data-key": "editor", "data-keep": "true" },
    field,
    h("button", { type: "button", onclick: cancel }, "Cancel"),
    h("button.primary", { type: "button", onclick: save }, "Save"),
  );
}
