// The app's Home tab: what it has published for this person, with everything that can be clicked in it.

import { drawBlock } from "./blocks.js";
import { element, html, listOf, nothing, render } from "./dom.js";

/** @typedef {"home" | "messages"} Tab */

const EMPTY = "The app has published nothing here yet.";

export class HomePane {
  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.view = element("div", "view home", { tabIndex: 0, role: "tabpanel", ariaLabel: "Home" });
  }

  draw() {
    const { home } = this.app.screen;
    const blocks = listOf(home?.blocks).map((block) => drawBlock(block, home, this.app));
    const shown = blocks.length ? blocks : html`<p class="detail">${EMPTY}</p>`;
    render(html`<div class="home-blocks">${shown}</div>`, this.view);
    return this.view;
  }
}

/** Draws the tabs of the app's own place. @param {App} app */
export function drawTabs(app) {
  if (!app.isDirect) return nothing;
  const drawTab = (/** @type {Tab} */ tab, /** @type {string} */ label) => html`<button role="tab"
    aria-selected=${tab === app.tab} @click=${() => app.showTab(tab)}>${label}</button>`;
  return html`<div class="tabs app-tabs" role="tablist">
    ${drawTab("home", "Home")} ${drawTab("messages", "Messages")}</div>`;
}
