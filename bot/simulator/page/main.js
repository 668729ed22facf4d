// Puts the page together.

import { App } from "./app.js";
import { Channel } from "./channel.js";
import { guarded, h } from "./dom.js";
import { follow } from "./feed.js";
import { Inspector, WIDE } from "./inspector.js";
import { Modals } from "./modal.js";
import { Sidebar } from "./sidebar.js";
import { openSwitcher } from "./switcher.js";
import { themeButton } from "./theme.js";
import { Thread } from "./thread.js";

const app = new App();
const layout = h("div.layout", { "data-sidebar": "closed" });
const away = h("div.away", { role: "alert", hidden: true }, "The workspace has stopped. Start it with ", h("code", {}, "make demo"), ".");

const NARROW = matchMedia("(max-width: 740px)");

const modals = new Modals(app);
const inspector = new Inspector(app, arrange);
const thread = new Thread(app, { showInspector: () => inspector.show("story") });
const sidebar = new Sidebar(app, { jump: () => jump(), chosen: () => showSidebar(false) });
const channel = new Channel(app, {
  showSidebar: () => showSidebar(layout.dataset.sidebar !== "open"),
  showInspector: () => inspector.toggle(),
  tools: themeButton(),
});
const veil = h("div.veil", { onclick: () => showSidebar(false) });
layout.append(sidebar.node, channel.node, thread.node, inspector.node, veil);
document.body.replaceChildren(away, layout);
for (const width of [NARROW, WIDE]) width.addEventListener("change", arrange);

function showSidebar(isShown) {
  layout.dataset.sidebar = isShown ? "open" : "closed";
  arrange();
}

function jump() {
  showSidebar(false);
  openSwitcher(app);
}

function arrange() {
  drawLayout();
  moveFocus();
}

/** What lies under something else can be neither clicked nor focused. */
function drawLayout() {
  channel.inspect.setAttribute("aria-pressed", String(inspector.isOpen));
  layout.dataset.inspector = inspector.isOpen ? "open" : "closed";
  layout.dataset.thread = app.place.thread ? "open" : "closed";
  const top = onTop();
  sidebar.node.inert = NARROW.matches && top !== sidebar;
  inspector.node.inert = top === sidebar;
  thread.node.inert = top === sidebar || top === inspector;
  channel.node.inert = top === sidebar || (NARROW.matches && top !== null);
}

function onTop() {
  if (NARROW.matches && layout.dataset.sidebar === "open") return sidebar;
  if (!WIDE.matches && inspector.isOpen) return inspector;
  return NARROW.matches && app.place.thread ? thread : null;
}

const LAYERS = [null, thread, inspector, sidebar];
let covering = null; // where the focus was moved to
let opener = null; // what the inspector was opened with

/** The focus goes into what comes to lie on top, and back when that goes. */
function moveFocus() {
  const top = onTop();
  const before = covering;
  if (top === before) return;
  covering = top;
  const focused = document.activeElement ?? document.body;
  const isRising = LAYERS.indexOf(top) > LAYERS.indexOf(before);
  if (isRising) {
    if (top === inspector) opener = focused;
    if (!top.node.contains(focused)) into(top).focus();
  } else if (focused === document.body || focused.closest("[inert], [hidden]") || !focused.isConnected) {
    const back = before === sidebar ? channel.menu : before === inspector ? (opener ?? channel.inspect) : null;
    if (back?.isConnected && !back.closest("[inert], [hidden]")) back.focus();
    else (top ? into(top) : channel.node).focus();
  }
}

function into(pane) {
  if (pane === sidebar) return sidebar.node.querySelector("[aria-current]") ?? sidebar.node.querySelector("button");
  return pane === inspector ? inspector.tabs[inspector.tab] : thread.node;
}

let isGreeted = false;
app.showInspector = (tab) => inspector.show(tab);
app.draw = () => {
  away.hidden = !app.isAway;
  drawLayout();
  if (!app.screen || !app.channel) return;
  for (const part of [sidebar, channel, thread, modals, inspector]) guarded(() => part.draw());
  moveFocus();
  if (app.isDirect && !isGreeted) app.greet();
  isGreeted = true;
};

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openSwitcher(app);
  } else if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) {
    const top = onTop();
    if (top === sidebar) showSidebar(false);
    else if (top === inspector) inspector.toggle(false);
    else if (app.place.thread) thread.close();
  }
});
addEventListener("hashchange", () => {
  const [user, place, ts] = location.hash.slice(1).split("/");
  if (user) app.go({ user, channel: place ?? "", thread: ts ?? "" });
});

follow(app);
