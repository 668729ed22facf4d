// The panel beside the workspace: the story of an answer, and what went over the wire.

import { html } from "./dom.js";
import { icon } from "./icons.js";
import { recall, remember } from "./memory.js";
import { drawTool } from "./message.js";
import { StoryPanel } from "./story.js";
import { WirePanel } from "./wire.js";

/** @typedef {"story" | "wire"} Tab */

export const WIDE = matchMedia("(min-width: 1200px)");

export class Inspector {
  isOpen = WIDE.matches && recall("inspector", true);
  tab = /** @type {Tab} */ ("story");

  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.panels = { story: new StoryPanel(app), wire: new WirePanel(app) };
  }

  toggle(isOpen = !this.isOpen) {
    this.isOpen = isOpen;
    if (WIDE.matches) remember("inspector", isOpen);
    this.app.draw();
  }

  /** @param {Tab} tab */
  show(tab) {
    this.tab = tab;
    this.toggle(true);
  }

  /** @param {boolean} isInert */
  draw(isInert) {
    if (this.isOpen) this.panels[this.tab].refresh();
    const drawTab = (/** @type {Tab} */ tab, /** @type {string} */ label) => html`<button role="tab"
      aria-selected=${tab === this.tab} @click=${() => this.show(tab)}>${label}</button>`;
    return html`<aside class="inspector" aria-label="Inspector" ?inert=${isInert} ?hidden=${!this.isOpen}>
      <header>
        <div class="tabs" role="tablist">${drawTab("story", "Story")} ${drawTab("wire", "Wire")}</div>
        ${drawTool("Close inspector", icon("close"), () => this.toggle(false))}
      </header>
      ${this.panels[this.tab].node}
    </aside>`;
  }
}
