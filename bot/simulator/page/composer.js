// Where a person writes. Enter sends, Shift+Enter makes a line; what was not sent is kept per place.

import { Refusal } from "./api.js";
import { Completion } from "./completion.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";

const TALLEST = 220; // px

export class Composer {
  /** `send(typed)` may throw a Refusal, whose sentence is shown. */
  constructor(app, { label, hasCommands = false, send }) {
    this.app = app;
    this.send = send;
    this.drafts = new Map();
    this.place = "";
    this.field = h("textarea", { rows: 1, "aria-label": label, oninput: () => this.typed(), onkeydown: (e) => this.key(e) });
    this.completion = new Completion(this.field, app, { hasCommands });
    this.field.addEventListener("blur", () => this.completion.close());
    this.field.addEventListener("click", () => this.completion.update());
    this.problem = h("p.problem", { role: "alert", hidden: true });
    this.button = h("button.send", { type: "submit", "aria-label": "Send", title: "Send (Enter)" }, icon("send"));
    const insert = (text, title) =>
      h("button.tool", { type: "button", title, "aria-label": title, onclick: () => this.insert(text) }, text);
    this.node = h(
      "form.composer",
      {
        onsubmit: (event) => {
          event.preventDefault();
          this.submit();
        },
      },
      this.completion.node,
      h(
        "div.composer-box",
        {},
        this.field,
        h(
          "div.composer-tools",
          {},
          insert("@", "Mention somebody"),
          hasCommands ? insert("/", "Use a command") : null,
          h("span.tip", {}, "Enter to send, Shift+Enter for a line"),
          this.button,
        ),
      ),
      this.problem,
    );
    this.typed();
  }

  /** Shows the draft of another place. */
  at(place, placeholder) {
    this.field.placeholder = placeholder;
    this.field.setAttribute("aria-label", placeholder);
    if (place === this.place) return;
    this.drafts.set(this.place, this.field.value);
    this.place = place;
    this.field.value = this.drafts.get(place) ?? "";
    this.say("");
    this.completion.close();
    this.typed();
  }

  fill(text) {
    this.field.value = text;
    this.field.focus();
    this.field.setSelectionRange(text.length, text.length);
    this.typed();
    this.completion.close();
  }

  insert(text) {
    const { value, selectionStart: start } = this.field;
    const isApart = !start || /\s/.test(value[start - 1]);
    if (text === "/") this.fill(value.startsWith("/") ? value : `/${value}`);
    else this.field.setRangeText(isApart ? text : ` ${text}`, start, this.field.selectionEnd, "end");
    this.field.focus();
    this.typed();
  }

  typed() {
    this.field.style.height = "auto";
    this.field.style.height = `${Math.min(this.field.scrollHeight, TALLEST)}px`;
    this.button.disabled = !this.field.value.trim();
    if (document.activeElement === this.field) this.completion.update();
  }

  key(event) {
    if (this.completion.takes(event)) return;
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.submit();
    }
  }

  async submit() {
    const typed = this.field.value;
    const { place } = this;
    if (!typed.trim()) return;
    this.field.value = "";
    this.say("");
    this.typed();
    try {
      await this.send(typed);
    } catch (error) {
      if (this.place === place && !this.field.value) this.field.value = typed;
      else this.drafts.set(place, typed);
      this.say(error instanceof Refusal ? error.message : "The workspace cannot be reached. Your text is still here.");
      this.typed();
    }
  }

  say(problem) {
    this.problem.textContent = problem;
    this.problem.hidden = !problem;
  }
}
