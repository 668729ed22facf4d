// A small menu beside a button, with arrow keys.

import { h } from "./dom.js";

const GAP = 4; // px between the button and its menu

/** `items`: {label, detail, node, isChecked, choose}. Closes by itself; focus returns to the button. */
export function openMenu(button, label, items) {
  document.querySelector(".menu")?.close();
  const isChoice = items.some((item) => item.isChecked !== undefined);
  const entries = items.map((item) =>
    h(
      "button.menu-item",
      {
        type: "button",
        role: isChoice ? "menuitemradio" : "menuitem",
        "aria-checked": isChoice ? String(Boolean(item.isChecked)) : null,
        tabindex: -1,
        onclick: () => {
          menu.close();
          item.choose();
        },
      },
      item.node,
      h("span", {}, item.label),
      item.detail ? h("span.detail", {}, item.detail) : null,
    ),
  );
  const menu = h("div.menu", { role: "menu", "aria-label": label, onkeydown: move }, entries);
  menu.close = close;
  button.setAttribute("aria-expanded", "true");
  document.body.append(menu);
  place(menu, button);
  document.addEventListener("pointerdown", away, true);
  (entries.find((entry) => entry.ariaChecked === "true") ?? entries[0])?.focus();

  function close() {
    document.removeEventListener("pointerdown", away, true);
    button.setAttribute("aria-expanded", "false");
    if (menu.contains(document.activeElement)) button.focus();
    menu.remove();
  }

  function away(event) {
    if (!menu.contains(event.target)) close();
  }

  function move(event) {
    const at = entries.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (event.key === "Escape" || event.key === "Tab") close();
    else if (to === undefined) return;
    else entries.at(to % entries.length)?.focus();
    if (event.key !== "Tab") event.preventDefault();
    event.stopPropagation();
  }
}

function place(menu, button) {
  const around = button.getBoundingClientRect();
  const { width, height } = menu.getBoundingClientRect();
  const isBelow = around.bottom + GAP + height <= innerHeight;
  menu.style.left = `${Math.max(GAP, Math.min(around.left, innerWidth - width - GAP))}px`;
  menu.style.top = `${Math.max(GAP, isBelow ? around.bottom + GAP : around.top - height - GAP)}px`;
}
