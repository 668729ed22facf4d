// Light and dark: as the system has it, until the person chooses.

import { icon } from "./icons.js";
import { recall, remember } from "./memory.js";
import { drawTool } from "./message.js";

const DARK = matchMedia("(prefers-color-scheme: dark)");
/** @type {string | null} */
let chosen = recall("theme", null);

/** Draws the button that switches, and gives the page its colours. @param {() => void} draw */
export function drawTheme(draw) {
  const isDark = chosen ? chosen === "dark" : DARK.matches;
  document.documentElement.dataset.theme = isDark ? "dark" : "light";
  DARK.onchange = draw;
  return drawTool(isDark ? "Light colours" : "Dark colours", icon(isDark ? "sun" : "moon"), () => {
    chosen = isDark ? "light" : "dark";
    remember("theme", chosen);
    draw();
  });
}
