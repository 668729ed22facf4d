// Puts the page together.

import { App } from "./app.js";
import { Channel } from "./channel.js";
import { h } from "./dom.js";
import { follow } from "./feed.js";
import { Inspector } from "./inspector.js";
import { Modals } from "./modal.js";
import { Sidebar } from "./sidebar.js";
import { openSwitcher } from "./switcher.js";
import { themeButton } from "./theme.js";
import { Thread } from "./thread.js";

const app = new App();
const layout = h("div.layout", { "data-sidebar": "closed" });
const away = h("div.away", { role: "alert", hidden: true }, "The workspace has stopped. Start it with ", h("code", {}, "make demo"), ".");

const showSidebar = (isShown) => (layout.dataset.sidebar = isShown ? "open" : "closed");
const modals = new Modals(app);
const inspector = new Inspector(app, drawLayout);
const thread = new Thread(app, { showInspector: () => inspector.show("story") });
const sidebar = new Sidebar(app, { jump: () => openSwitcher(app), chosen: () => showSidebar(false) });
const channel = new Channel(app, {
  showSidebar: () => showSidebar(layout.dataset.sidebar !== "open"),
  showInspector: () => inspector.toggle(),
  tools: themeButton(),
});
const veil = h("div.veil", { onclick: () => showSidebar(false) });
layout.append(sidebar.node, channel.node, thread.node, inspector.node, veil);
document.body.replaceChildren(away, layout);

function drawLayout() {
  channel.inspect.setAttribute("aria-pressed", String(inspector.isOpen));
  layout.dataset.inspector = inspector.isOpen ? "open" : "closed";
  layout.dataset.thread = app.place.thread ? "open" : "closed";
}

let isGreeted = false;
app.showInspector = (tab) => inspector.show(tab);
app.draw = () => {
  away.hidden = !app.isAway;
  drawLayout();
  if (!app.screen || !app.channel) return;
  sidebar.draw();
  channel.draw();
  thread.draw();
  modals.draw();
  inspector.draw();
  if (app.isDirect && !isGreeted) app.greet();
  isGreeted = true;
};

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    openSwitcher(app);
  } else if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]")) {
    if (layout.dataset.sidebar === "open") showSidebar(false);
    else if (app.place.thread) thread.close();
  }
});
addEventListener("hashchange", () => {
  const [user, place, ts] = location.hash.slice(1).split("/");
  if (user) app.go({ user, channel: place ?? "", thread: ts ?? "" });
});

follow(app);
