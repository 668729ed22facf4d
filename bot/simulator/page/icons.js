// The page's small drawings: line icons, and a person's initials on a colour that is always the same for them.

import { html } from "./dom.js";

const N_COLOURS = 8;
const PATHS = {
  bin: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5",
  book: "M12 6c-2-1.5-4.5-2-8-2v14c3.5 0 6 .5 8 2 2-1.5 4.5-2 8-2V4c-3.5 0-6 .5-8 2Zm0 0v14",
  check: "m5 12.5 4.5 4.5L19 7",
  chevron: "m10 7 5 5-5 5",
  close: "M6 6l12 12M18 6 6 18",
  ask: "M9 9a3 3 0 1 1 4.5 2.6c-1 .6-1.5 1.1-1.5 2.4m0 3v.5M4 12a8 8 0 1 0 16 0 8 8 0 1 0-16 0",
  dots: "M6 12h.01M12 12h.01M18 12h.01",
  down: "M12 5v14m-6-6 6 6 6-6",
  edit: "M5 19l1-4L16 5l3 3L9 18l-4 1ZM14 7l3 3",
  file: "M6 3h8l4 4v14H6zM14 3v4h4",
  hash: "M9 4 7 20M17 4l-2 16M4.5 9h16M3.5 15h16",
  inspect: "M4 5h16v14H4zM14.5 5v14M17 9h.8M17 12h.8",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  menu: "M4 7h16M4 12h16M4 17h16",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  reply: "M4 6h16v10h-8l-5 4v-4H4z",
  send: "M4 12 20 4l-5 16-3.5-6.5L4 12Zm7.5 1.5L20 4",
  stop: "M7 7h10v10H7z",
  story: "M5 4h14v16H5zM8.5 9h7M8.5 13h7M8.5 17h4",
  sun: "M8 12a4 4 0 1 0 8 0 4 4 0 1 0-8 0ZM12 3v2m0 14v2M3 12h2m14 0h2M6 6l1 1m10 10 1 1M18 6l-1 1M7 17l-1 1",
  thumb: "M7 11v9H3v-9h4l4-8a2.6 2.6 0 0 1 2.6 2.6V9h5a2 2 0 0 1 2 2.3l-1.2 7a2 2 0 0 1-2 1.7H7",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]}></path></svg>`;
}

/** @param {string | null} id @param {App} app @param {"normal" | "small"} size */
export function avatar(id, app, size = "normal") {
  if (id === app.screen.app)
    return html`<span class="avatar bot ${size}" aria-hidden="true">${icon("book")}</span>`;
  const colour = Math.max(0, [...app.users.keys()].indexOf(id ?? "")) % N_COLOURS;
  const words = app.nameOf(id).split(/\s+/).slice(0, 2);
  const initials = words
    .map((word) => word[0])
    .join("")
    .toUpperCase();
  return html`<span class="avatar ${size} colour-${colour}" aria-hidden="true">${initials}</span>`;
}

/** @param {Slack.Channel} channel @param {App} app */
export function channelIcon(channel, app) {
  if (channel.kind === "im") return avatar(app.screen.app, app, "small");
  return icon(channel.kind === "private" ? "lock" : "hash");
}
