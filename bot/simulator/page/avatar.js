// A person's picture: their initials on a colour that is always the same for them.

import { h } from "./dom.js";
import { icon } from "./icons.js";
import { nameOf } from "./links.js";

const N_COLOURS = 8;

export function avatar(user, app, size = "") {
  if (!user) return h(`span.avatar.${size || "normal"}.colour-0`, { "aria-hidden": "true" }, "?");
  if (user.id === app.bot) return h(`span.avatar.${size || "normal"}.bot`, { "aria-hidden": "true" }, icon("book"));
  const colour = [...app.users.keys()].indexOf(user.id) % N_COLOURS;
  const initials = nameOf(user).split(/\s+/).map((word) => word[0]).slice(0, 2).join("");
  return h(`span.avatar.${size || "normal"}.colour-${colour}`, { "aria-hidden": "true" }, initials.toUpperCase());
}
