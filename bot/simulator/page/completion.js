// Completes names after @ and commands after / while a person types.

import { element, html, render } from "./dom.js";
import { avatar, icon } from "./icons.js";

/** @typedef {{ text: string, detail: string, drawing: unknown }} Option */

const MOST = 8;

export class Completion {
  /** @type {Option[]} */ #options = [];
  #marked = 0;
  #n_typed = 0;

  /** @param {HTMLTextAreaElement} field @param {App} app */
  constructor(field, app) {
    this.field = field;
    this.app = app;
    this.node = element("ul", "completion", { role: "listbox", ariaLabel: "Suggestions", hidden: true });
    this.node.addEventListener("mousedown", (event) => event.preventDefault()); // the focus stays in the field
    field.addEventListener("blur", () => this.close());
  }

  update() {
    const typed = this.field.value.slice(0, this.field.selectionStart);
    const [, name] = typed.match(/(?:^|[\s(])@([\p{L}\p{N}._-]*(?: [\p{L}\p{N}]*)?)$/u) ?? [];
    const options = name === undefined ? this.#findCommands(typed) : this.#findPeople(name.toLowerCase());
    this.#options = options.slice(0, MOST);
    this.#n_typed = name === undefined ? typed.length : name.length + 1;
    this.#mark(0);
  }

  close() {
    this.#options = [];
    this.node.hidden = true;
  }

  /** Returns whether the key was for the list. @param {KeyboardEvent} event */
  takeKey(event) {
    const n = this.#options.length;
    const option = this.#options[this.#marked];
    if (!option || event.isComposing) return false;
    if (event.key === "ArrowDown") this.#mark((this.#marked + 1) % n);
    else if (event.key === "ArrowUp") this.#mark((this.#marked + n - 1) % n);
    else if (event.key === "Tab" || (event.key === "Enter" && !event.shiftKey)) this.#insert(option);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    return true;
  }

  /** @param {number} marked */
  #mark(marked) {
    this.#marked = marked;
    const items = this.#options.map(
      (option, n) => html`<li role="option" aria-selected=${n === marked}
      @mousedown=${() => this.#insert(option)}>
      ${option.drawing} <b>${option.text.replace("@", "")}</b> <span class="detail">${option.detail}</span></li>`,
    );
    render(items, this.node);
    this.node.hidden = !items.length;
  }

  /** @param {Option} option */
  #insert(option) {
    const end = this.field.selectionStart;
    this.field.setRangeText(`${option.text} `, end - this.#n_typed, end, "end");
    this.field.dispatchEvent(new Event("input"));
    this.close();
  }

  /** @param {string} typed @returns {Option[]} */
  #findPeople(typed) {
    const { app } = this;
    const wordsOf = (/** @type {Slack.User} */ { name, real_name }) => [real_name, name, ...real_name.split(" ")];
    return [...app.users.values()]
      .filter((user) => user.is_shown && app.nameOf(user.id).toLowerCase() !== typed)
      .filter((user) => wordsOf(user).some((word) => word.toLowerCase().startsWith(typed)))
      .sort((a, b) => Number(b.id === app.screen.app) - Number(a.id === app.screen.app))
      .map(({ id, name }) => ({ text: `@${app.nameOf(id)}`, detail: name, drawing: avatar(id, app, "small") }));
  }

  /** @param {string} typed @returns {Option[]} */
  #findCommands(typed) {
    const commands = /^\/\w*$/.test(typed) ? Object.entries(this.app.screen.commands) : [];
    return commands
      .filter(([command]) => command.startsWith(typed))
      .map(([command, detail]) => ({ text: command, detail, drawing: icon("send") }));
  }
}
