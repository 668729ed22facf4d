// Light and dark: as the system has it, until the person chooses.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { recall, remember } from "./memory.js";

const DARK = matchMedia("(prefers-color-scheme: dark)");

export function themeButton() {
  let chosen = recall("theme", null);
  const button = h("button.tool", {
    type: "button",
    onclick: () => {
      chosen = isDark() ? "light" : "dark";
      remember("theme", chosen);
      apply();
    },
  });
  DARK.addEventListener("change", apply);
  apply();
  return button;

  function isDark() {
    return chosen ? chosen === "dark" : DARK.matches;
  }

  function apply() {
    document.documentElement.dataset.theme = isDark() ? "dark" : "light";
    const label = isDark() ? "Light colours" : "Dark colours";
    button.title = label;
    button.setAttribute("aria-label", label);
    button.replaceChildren(icon(isDark() ? "sun" : "moon"));
  }
}
