// The panel beside the workspace: what went over the wire, and the story of an answer.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { recall, remember } from "./memory.js";
import { Story } from "./story.js";
import { Traffic } from "./traffic.js";

export const WIDE = matchMedia("(min-width: 1200px)");

export class Inspector {
  /** `changed` is called when the panel opens or closes. */
  constructor(app, changed) {
    this.app = app;
    this.changed = changed;
    this.traffic = new Traffic(app);
    this.story = new Story(app);
    this.panels = { story: this.story.node, wire: this.traffic.node };
    this.isOpen = WIDE.matches && recall("inspector", true);
    this.tab = recall("tab", "story");
    this.tabs = Object.fromEntries(
      [["story", "Story"], ["wire", "Wire"]].map(([name, label]) => [
        name,
        h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, onclick: () => this.choose(name) }, label),
      ]),
    );
    const close = h("button.tool", { type: "button", "aria-label": "Close inspector", onclick: () => this.toggle(false) }, icon("close"));
    const tabs = h("div.tabs", { role: "tablist", "aria-label": "Inspector", onkeydown: (event) => this.key(event) }, Object.values(this.tabs));
    this.node = h("aside.inspector", { "aria-label": "Inspector" }, h("header", {}, tabs, close), Object.values(this.panels));
    this.node.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      if (!WIDE.matches) this.toggle(false);
    });
  }

  toggle(isOpen = !this.isOpen) {
    this.isOpen = isOpen;
    if (WIDE.matches) remember("inspector", isOpen);
    this.draw();
    this.changed();
  }

  choose(tab) {
    this.tab = this.panels[tab] ? tab : "story";
    remember("tab", this.tab);
    this.draw();
  }

  show(tab) {
    this.choose(tab);
    if (!this.isOpen) this.toggle(true);
  }

  draw() {
    this.node.hidden = !this.isOpen;
    for (const [name, button] of Object.entries(this.tabs)) {
      const isHere = name === this.tab;
      button.setAttribute("aria-selected", String(isHere));
      button.tabIndex = isHere ? 0 : -1;
      this.panels[name].hidden = !isHere;
    }
    if (!this.app.screen) return;
    if (this.isOpen && this.tab === "wire") this.traffic.refresh();
    this.story.refresh(this.isOpen && this.tab === "story");
  }

  key(event) {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    this.choose(this.tab === "wire" ? "story" : "wire");
    this.tabs[this.tab].focus();
  }
}
