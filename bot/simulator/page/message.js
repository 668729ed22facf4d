// One message as a row: who, when, what, and the thread below it.

import { drawBlock, drawSteps } from "./blocks.js";
import { html, listOf, nothing, textOf } from "./dom.js";
import { drawEditing } from "./edit.js";
import { clock, count, dateOf, size } from "./format.js";
import { avatar, icon } from "./icons.js";
import { markdown } from "./markdown.js";
import { mrkdwn } from "./mrkdwn.js";

/** @type {Record<string, string>} how a stream can end other than well */
const ENDINGS = {
  stopped_by_user: "Stopped.",
  expired: "This message stopped growing: its stream is too old.",
};

/** @type {Record<string, string>} */
const FACES = { x: "❌" };

/** @param {Slack.Message} message @param {Pane} pane @param {App} app */
export function drawMessage(message, pane, app) {
  const name = message.username || app.nameOf(message.user);
  const when = dateOf(message.ts);
  const isApp = message.is_app || app.users.get(message.user ?? "")?.is_bot;
  const place = `${pane}/${message.ts}`; // a root stands in both panes
  const isMine = message.user === app.me && !message.is_ephemeral && message.subtype !== "tombstone";
  const reply = pane === "channel" && !message.is_ephemeral ? () => app.go({ thread: message.ts }) : null;
  return html`<article class="row ${message.is_ephemeral ? "ephemeral" : ""}" data-ts=${message.ts}
    tabindex="0" aria-label=${`${name}, ${clock(message.ts)}`}>
    ${avatar(message.user, app)}
    <div class="content">
      <div class="head">
        <b class="name">${name}</b> ${isApp ? html`<span class="badge">App</span>` : nothing}
        <time datetime=${when.toISOString()} title=${when.toLocaleString()}>${clock(message.ts)}</time>
        ${message.is_ephemeral ? html`<span class="detail">Only visible to you</span>` : nothing}</div>
      ${app.editing === place ? drawEditing(message, app) : drawBody(message, app)}
      ${drawReactions(message, app)}
      ${pane === "channel" ? drawReplies(message, app) : nothing}</div>
    <div class="toolbar">
      ${message.is_ephemeral ? nothing : drawAsking(message, app)}
      ${isMine || (message.is_app && !message.is_ephemeral) ? drawCross(message, app) : nothing}
      ${isMine ? drawTool("Edit", icon("edit"), () => app.beginEditing(place)) : nothing}
      ${isMine ? drawTool("Delete", icon("bin"), () => app.remove(message)) : nothing}
      ${reply ? drawTool("Reply in thread", icon("reply"), reply) : nothing}
      ${message.is_app ? drawTool("Show the story", icon("story"), () => app.tellStory(message)) : nothing}
    </div></article>`;
}

/** What asks the app about a message: shortcuts, and the emoji. @param {Slack.Message} message @param {App} app */
function drawAsking(message, app) {
  const { shortcuts, emoji } = app.screen;
  return html`${Object.entries(shortcuts).map(([id, name]) =>
    drawTool(name, icon("book"), () => app.useShortcut(message, id)),
  )}${emoji.map((name) => drawTool(`React with :${name}:`, icon("ask"), () => app.react(message, name)))}`;
}

/** The emoji by which an asker stops an answer. @param {Slack.Message} message @param {App} app */
function drawCross(message, app) {
  return drawTool("React with :x:", icon("close"), () => app.react(message, "x"));
}

/** @param {Slack.Message} message @param {App} app */
function drawReactions(message, app) {
  const reactions = Object.entries(message.reactions ?? {});
  if (!reactions.length) return nothing;
  return html`<div class="reactions">${reactions.map(
    ([name, users]) => html`<button class="reaction" title=${users.map((id) => app.nameOf(id)).join(", ")}
      aria-pressed=${users.includes(app.me)} @click=${() => app.react(message, name)}>
      ${app.screen.emoji.includes(name) ? icon("ask") : (FACES[name] ?? `:${name}:`)} ${users.length}</button>`,
  )}</div>`;
}

/** A message that was forwarded into this one. @param {Slack.Block} attachment @param {App} app */
function drawForwarded(attachment, app) {
  return html`<blockquote class="forwarded"><b>${app.nameOf(attachment.author_id)}</b>
    <div class="text">${mrkdwn(textOf(attachment.text), app)}</div></blockquote>`;
}

/** @param {string} label @param {unknown} drawing @param {() => void} work */
export function drawTool(label, drawing, work) {
  return html`<button class="tool" title=${label} aria-label=${label} @click=${work}>${drawing}</button>`;
}

/** A message that cannot be drawn says so, and stops nothing. @param {Slack.Message} message @param {App} app */
function drawBody(message, app) {
  if (message.subtype === "tombstone") return html`<div class="body detail">This message was deleted.</div>`;
  try {
    return html`<div class="body">${drawParts(message, app)}</div>`;
  } catch (error) {
    console.info("message", message.ts, "cannot be shown:", error);
    return html`<div class="body detail">This message cannot be shown.</div>`;
  }
}

/** @param {Slack.Message} message @param {App} app */
function drawParts(message, app) {
  const { stream } = message;
  const isLive = stream?.state === "in_progress";
  const hasMarkdown = message.markdown || isLive;
  const growing = hasMarkdown ? markdown(message.markdown, app) : nothing;
  const blocks = message.is_app || message.is_ephemeral ? listOf(message.blocks) : [];
  const isPlain = !hasMarkdown && !blocks.length && message.text;
  const ending = ENDINGS[stream?.state ?? ""];
  return html`${stream ? drawSteps(stream, app) : nothing}
    ${hasMarkdown ? html`<div class="markdown ${isLive ? "live" : ""}">${growing}</div>` : nothing}
    ${blocks.map((block) => drawBlock(block, message, app))}
    ${isPlain ? html`<div class="text">${mrkdwn(message.text, app)}</div>` : nothing}
    ${message.edited && !message.is_app ? html`<span class="detail">(edited)</span>` : nothing}
    ${listOf(message.attachments)
      .filter((attachment) => attachment.is_msg_unfurl)
      .map((attachment) => drawForwarded(attachment, app))}
    ${message.files.map(drawFile)}
    ${ending ? html`<div class="detail">${ending}</div>` : nothing}`;
}

/** @param {Slack.File} file */
function drawFile(file) {
  const named = file.title === file.name ? "" : `${file.name} · `;
  const address = `/files/${file.id}/${encodeURIComponent(file.name)}`;
  return html`<a class="file" href=${address} download=${file.name}>${icon("file")}
    <span><b>${file.title}</b> <span class="detail">${named}${size(file.size)}</span></span></a>`;
}

/** @param {Slack.Message} message @param {App} app */
function drawReplies(message, app) {
  const { n, users, latest, activity } = message.replies;
  if (!n && !activity) return nothing;
  const status = activity && html`<span class="pulse">${app.botName} ${activity.status || "is answering…"}</span>`;
  return html`<button class="replies" @click=${() => app.go({ thread: message.ts })}>
    ${users.map((id) => avatar(id, app, "small"))} <b>${n ? count(n, "reply", "replies") : "Open thread"}</b>
    ${status ?? html`<span class="detail">Last reply at ${clock(latest)}</span>`} ${icon("chevron")}
  </button>`;
}
