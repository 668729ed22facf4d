// Dialogs of the page itself: asking before something is done.

import { h } from "./dom.js";

/** Resolves to whether the person agreed. */
export function ask({ title, text, confirm = "OK", deny = "Cancel", isDanger = false }) {
  return new Promise((resolve) => {
    const end = (answer) => {
      dialog.close();
      dialog.remove();
      resolve(answer);
    };
    const dialog = h(
      "dialog.small",
      { "aria-labelledby": "ask-title" },
      h("h2", { id: "ask-title" }, title),
      text ? h("div.dialog-body", {}, text) : null,
      h(
        "div.dialog-buttons",
        {},
        h("button", { type: "button", onclick: () => end(false) }, deny),
        h(isDanger ? "button.danger" : "button.primary", { type: "button", onclick: () => end(true), autofocus: true }, confirm),
      ),
    );
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      end(false);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}
