// Puts the page together: what lies beside what, what covers what, and where the focus goes.

import { App } from "./app.js";
import { ChannelPane } from "./channel.js";
import { attempt, html, render } from "./dom.js";
import { icon } from "./icons.js";
import { Inspector, WIDE } from "./inspector.js";
import { drawTool } from "./message.js";
import { Modal } from "./modal.js";
import { follow } from "./server.js";
import { drawSidebar } from "./sidebar.js";
import { drawTheme } from "./theme.js";
import { ThreadPane } from "./thread.js";

const NARROW = matchMedia("(max-width: 740px)");
const ENTRANCES = {
  thread: ".thread textarea",
  inspector: "[role=tab][aria-selected=true]",
  sidebar: "[aria-current]",
};

const app = new App();
const modal = new Modal(app);
const inspector = new Inspector(app);
const thread = new ThreadPane(app);
const channel = new ChannelPane(app);
/** @type {Map<string, HTMLElement | null>} the open layers, with what had the focus before */
const openers = new Map();
const page = document.createElement("div");
let isSidebarOpen = false;
let place = ""; // of the last drawing: whoever switches goes on by writing

app.showStory = () => inspector.show("story");
app.draw = () => {
  const focused = /** @type {HTMLElement | null} */ (document.activeElement);
  const stopped = app.isAway ? "The workspace has stopped. Start it with make demo." : "";
  if (app.screen.boot) attempt(() => render(drawPage(stopped), page));
  else render(html`<p class="loading" role="alert">${stopped || "Opening the workspace…"}</p>`, page);
  attempt(() => modal.draw());
  moveFocus(focused);
};

/** @param {string} stopped */
function drawPage(stopped) {
  const top = findTop();
  const open = (/** @type {boolean} */ isOpen) => (isOpen ? "open" : "closed");
  const menu = drawTool("Channels", icon("menu"), () => showSidebar(true));
  const tools = html`${drawTheme(app.draw)} <button class="tool labelled" aria-pressed=${inspector.isOpen}
    @click=${() => inspector.toggle()}>${icon("inspect")} Inspector</button>`;
  // What lies under something else can be neither clicked nor focused.
  const skip = () => channel.composer.field.focus();
  return html`<button class="skip" ?inert=${top !== "channel"} @click=${skip}>Skip to writing</button>
    <div class="notice" role="alert">${stopped || app.notice}</div>
    <div class="layout" data-sidebar=${open(isSidebarOpen)} data-thread=${open(Boolean(app.place.thread))}
      data-inspector=${open(inspector.isOpen)}>
      ${drawSidebar(app, NARROW.matches && top !== "sidebar", () => showSidebar(false))}
      ${channel.draw(top === "sidebar" || (NARROW.matches && top !== "channel"), menu, tools)}
      ${thread.draw(top === "sidebar" || top === "inspector")}
      ${inspector.draw(top === "sidebar")} <div class="veil" @click=${() => showSidebar(false)}></div></div>`;
}

/** Returns the pane that covers others: each covers those before it in the page, where room is scarce. */
function findTop() {
  if (NARROW.matches && isSidebarOpen) return "sidebar";
  if (!WIDE.matches && inspector.isOpen) return "inspector";
  return NARROW.matches && app.place.thread ? "thread" : "channel";
}

/** Moves the focus into what opens on top, and back when it closes. @param {HTMLElement | null} focused */
function moveFocus(focused) {
  const isElsewhere = place !== `${app.screen.me}/${app.screen.channel}`;
  place = `${app.screen.me}/${app.screen.channel}`;
  if (isElsewhere && !NARROW.matches && findTop() === "channel") channel.composer.field.focus();
  const isOpen = { thread: Boolean(app.place.thread), inspector: inspector.isOpen, sidebar: isSidebarOpen };
  for (const layer of /** @type {(keyof typeof isOpen)[]} */ (Object.keys(isOpen))) {
    if (isOpen[layer] === openers.has(layer)) continue;
    const opener = canFocus(openers.get(layer)) ? openers.get(layer) : null;
    if (isOpen[layer]) openers.set(layer, focused);
    else openers.delete(layer);
    const entrance = /** @type {HTMLElement | null} */ (page.querySelector(ENTRANCES[layer]));
    if (isOpen[layer] && (layer === "thread" || layer === findTop()) && canFocus(entrance)) entrance?.focus();
    if (!isOpen[layer] && !canFocus(document.activeElement)) (opener ?? channel.composer.field).focus();
  }
}

/** @param {Element | null | undefined} node */
function canFocus(node) {
  return node && node !== document.body && node.isConnected && !node.closest("[inert], [hidden]");
}

/** @param {boolean} isOpen */
function showSidebar(isOpen) {
  isSidebarOpen = isOpen;
  app.draw();
}

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || modal.node.open) return;
  const top = findTop();
  if (top === "sidebar") showSidebar(false);
  else if (top === "inspector") inspector.toggle(false);
  else if (app.place.thread) app.go({ thread: "" });
});
for (const width of [NARROW, WIDE]) width.addEventListener("change", () => app.draw());

page.className = "page";
document.body.replaceChildren(page, modal.node);
app.draw();
follow(app);
