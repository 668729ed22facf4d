// The app's modals: opened by it, filled in and submitted by the person.

import { act, Refusal } from "./api.js";
import { blocks } from "./blocks.js";
import { fill, h, listOf } from "./dom.js";
import { textOf } from "./elements.js";
import { icon } from "./icons.js";
import { input, valueOf } from "./inputs.js";

const MISSING = "Please fill this in.";

export class Modals {
  constructor(app) {
    this.app = app;
    this.shown = new Map();
    this.closed = new Set(); // by the person, while the workspace does not know yet
  }

  draw() {
    const open = new Map((this.app.screen?.modals ?? []).filter((v) => !this.closed.has(v.id)).map((v) => [v.id, v]));
    for (const [id, modal] of this.shown) {
      if (open.has(id)) continue;
      modal.end();
      this.shown.delete(id);
    }
    for (const [id, view] of open) {
      const modal = this.shown.get(id) ?? new Modal(this, this.app.me);
      modal.take(view);
      this.shown.set(id, modal);
    }
  }

  async close(view, user) {
    this.closed.add(view.id);
    this.draw();
    await this.app.try(() => act(user, "close", { view_id: view.id }));
  }
}

class Modal {
  constructor(modals, user) {
    this.modals = modals;
    this.app = modals.app;
    this.user = user;
    this.view = null;
    this.errors = {};
    this.problem = "";
    this.isBusy = false;
    this.form = h("form", { novalidate: true, onsubmit: (event) => this.submit(event) });
    this.node = h("dialog.modal", { "aria-labelledby": "modal-title" }, this.form);
    this.node.addEventListener("cancel", (event) => {
      event.preventDefault();
      this.close();
    });
  }

  take(view) {
    if (JSON.stringify(view) === this.told) return;
    this.told = JSON.stringify(view);
    this.view = view;
    this.errors = {};
    this.draw();
    if (this.node.open) return;
    document.body.append(this.node);
    this.node.showModal();
    (this.node.querySelector("[autofocus]") ?? this.fields()[0])?.focus();
  }

  draw() {
    const { view } = this;
    const drawn = listOf(view.blocks).map((block) => this.part(block));
    const submit = textOf(view.submit);
    fill(
      this.form,
      h(
        "header",
        {},
        h("h2", { id: "modal-title" }, textOf(view.title)),
        h("button.tool", { type: "button", "aria-label": "Close", onclick: () => this.close() }, icon("close")),
      ),
      h("div.dialog-body", {}, drawn, this.problem ? h("p.problem", { role: "alert" }, this.problem) : null),
      h(
        "div.dialog-buttons",
        {},
        h("button", { type: "button", onclick: () => this.close() }, textOf(view.close) || "Cancel"),
        submit ? h("button.primary", { type: "submit", disabled: this.isBusy }, this.isBusy ? "Sending…" : submit) : null,
      ),
    );
  }

  part(block) {
    try {
      return block.type === "input" ? input(block, this.errors[block.block_id], this.app) : blocks([block], null, this.app);
    } catch (error) {
      console.info("a part of a modal cannot be shown:", error);
      return h("p.detail", {}, "This part cannot be shown.");
    }
  }

  async submit(event) {
    event.preventDefault();
    if (this.isBusy) return;
    const values = {};
    this.errors = {};
    this.problem = "";
    for (const block of this.view.blocks.filter((one) => one.type === "input")) {
      const { value, isEmpty } = valueOf(block, this.form);
      if (isEmpty && !block.optional) this.errors[block.block_id] = MISSING;
      values[block.block_id] = { [block.element.action_id]: value };
    }
    if (!Object.keys(this.errors).length) await this.send(values);
    this.draw();
    this.form.querySelector("[aria-invalid]")?.focus();
  }

  async send(values) {
    this.isBusy = true;
    this.draw();
    try {
      const ack = await act(this.user, "submit", { view_id: this.view.id, values });
      if (ack.body?.response_action === "errors") this.errors = ack.body.errors ?? {};
      else if (ack.error) this.problem = `The app did not take this (${ack.error}). Try again.`;
    } catch (error) {
      this.problem = error instanceof Refusal ? error.message : "The workspace cannot be reached. Try again.";
    }
    this.isBusy = false;
  }

  close() {
    this.modals.close(this.view, this.user);
  }

  end() {
    this.node.close();
    this.node.remove();
  }

  fields() {
    return [...this.form.querySelectorAll("input, textarea, select")];
  }
}
