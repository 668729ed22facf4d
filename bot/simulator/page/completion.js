// Completing names after @, channels after # and commands after / while a person types.

import { avatar } from "./avatar.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { nameOf } from "./links.js";

const MOST = 8;
let n_made = 0;

export class Completion {
  constructor(field, app, { hasCommands }) {
    this.field = field;
    this.app = app;
    this.hasCommands = hasCommands;
    this.options = [];
    this.at = 0;
    this.id = `completion-${(n_made += 1)}`;
    this.node = h("ul.completion", { role: "listbox", id: this.id, "aria-label": "Suggestions", hidden: true });
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": this.id })) {
      field.setAttribute(name, value);
    }
    this.close();
  }

  get isOpen() {
    return this.options.length > 0;
  }

  update() {
    const before = this.field.value.slice(0, this.field.selectionStart);
    const typed = before.match(/(^|[\s(])([@#])([\p{L}\p{N}._-]*(?: [\p{L}\p{N}]*)?)$/u);
    const command = this.hasCommands && before.match(/^\/(\w*)$/);
    if (command) this.show(this.commands(command[1]), before.length);
    else if (typed) this.show(typed[2] === "@" ? this.people(typed[3]) : this.places(typed[3]), typed[3].length + 1);
    else this.close();
  }

  /** Whether the key was for the list. */
  takes(event) {
    if (!this.isOpen || event.isComposing) return false;
    const n = this.options.length;
    if (event.key === "ArrowDown") this.mark((this.at + 1) % n);
    else if (event.key === "ArrowUp") this.mark((this.at + n - 1) % n);
    else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") this.insert(this.options[this.at]);
    else if (event.key === "Escape") this.close();
    else return false;
    event.preventDefault();
    event.stopPropagation();
    return true;
  }

  close() {
    this.options = [];
    this.node.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
    this.field.removeAttribute("aria-activedescendant");
  }

  show(options, n_typed) {
    this.n_typed = n_typed;
    this.options = options.slice(0, MOST);
    if (!this.options.length) {
      this.close();
      return;
    }
    const items = this.options.map((option, n) =>
      h(
        "li",
        {
          role: "option",
          id: `${this.id}-${n}`,
          onmousedown: (event) => {
            event.preventDefault();
            this.insert(option);
          },
        },
        option.node,
        h("b", {}, option.label),
        h("span.detail", {}, option.detail),
      ),
    );
    this.node.replaceChildren(...items);
    this.node.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    this.mark(0);
  }

  mark(at) {
    this.at = at;
    [...this.node.children].forEach((item, n) => item.setAttribute("aria-selected", String(n === at)));
    this.node.children[at].scrollIntoView({ block: "nearest" });
    this.field.setAttribute("aria-activedescendant", `${this.id}-${at}`);
  }

  insert(option) {
    const end = this.field.selectionStart;
    this.field.setRangeText(`${option.text} `, end - this.n_typed, end, "end");
    this.close();
    this.field.dispatchEvent(new Event("input"));
    this.field.focus();
  }

  people(typed) {
    const wanted = typed.toLowerCase();
    const words = (user) => [user.name, nameOf(user), ...nameOf(user).split(" ")].map((word) => word.toLowerCase());
    return [...this.app.users.values()]
      .filter((user) => user.is_shown && words(user).some((word) => word.startsWith(wanted)))
      .filter((user) => nameOf(user).toLowerCase() !== wanted)
      .sort((a, b) => Number(b.id === this.app.bot) - Number(a.id === this.app.bot))
      .map((user) => ({
        text: `@${nameOf(user)}`,
        label: nameOf(user),
        detail: user.id === this.app.bot ? "App" : user.name,
        node: avatar(user, this.app, "small"),
      }));
  }

  places(typed) {
    return [...this.app.channels.values()]
      .filter((place) => place.kind !== "im" && place.name.startsWith(typed.toLowerCase()))
      .map((place) => ({
        text: `#${place.name}`,
        label: place.name,
        detail: "",
        node: icon(place.kind === "private" ? "lock" : "hash"),
      }));
  }

  commands(typed) {
    return Object.entries(this.app.commands)
      .filter(([command]) => command.startsWith(`/${typed}`))
      .map(([command, detail]) => ({ text: command, label: command, detail, node: icon("send") }));
  }
}
