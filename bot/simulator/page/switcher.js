// Ctrl+K: jump to a channel by typing a part of its name.

import { h } from "./dom.js";
import { icon } from "./icons.js";

export function openSwitcher(app) {
  if (!app.screen || document.querySelector("dialog[open]")) return;
  const places = [...app.channels.values()].map((place) => ({
    id: place.id,
    name: place.kind === "im" ? app.botName : place.name,
    drawing: place.kind === "im" ? "book" : place.kind === "private" ? "lock" : "hash",
  }));
  let found = places;
  let at = 0;
  const list = h("ul.completion.still", { role: "listbox", id: "switcher-list", "aria-label": "Channels" });
  const field = h("input", {
    type: "text",
    role: "combobox",
    placeholder: "Jump to a channel",
    "aria-label": "Jump to a channel",
    "aria-expanded": "true",
    "aria-controls": "switcher-list",
    oninput: () => {
      found = places.filter((place) => place.name.toLowerCase().includes(field.value.trim().toLowerCase().replace(/^#/, "")));
      at = 0;
      draw();
    },
    onkeydown: (event) => {
      if (event.key === "Enter" && found[at]) choose(found[at]);
      else if (event.key === "ArrowDown") at = (at + 1) % Math.max(1, found.length);
      else if (event.key === "ArrowUp") at = (at + found.length - 1) % Math.max(1, found.length);
      else return;
      event.preventDefault();
      draw();
    },
  });
  const dialog = h("dialog.small.switcher", { "aria-label": "Jump to a channel" }, field, list);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  draw();
  dialog.showModal();

  function draw() {
    const items = found.map((place, n) =>
      h(
        "li",
        { role: "option", id: `switcher-${n}`, "aria-selected": String(n === at), onclick: () => choose(place) },
        icon(place.drawing),
        h("b", {}, place.name),
      ),
    );
    list.replaceChildren(...(items.length ? items : [h("li.detail", {}, "No such channel")]));
    field.setAttribute("aria-activedescendant", `switcher-${at}`);
  }

  function choose(place) {
    dialog.close();
    app.open(place.id);
    app.composer.field.focus();
  }
}
