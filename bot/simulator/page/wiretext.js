// Between what a person types and Slack's wire text: `@Docent a < b` is `<@U…> a &lt; b`.

import { decoded, nameOf } from "./links.js";

export function toWire(typed, app) {
  let text = typed.trim().replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const people = [...app.users.values()].flatMap((user) => [
    [`@${nameOf(user)}`, `<@${user.id}>`],
    [`@${user.name}`, `<@${user.id}>`],
  ]);
  const places = [...app.channels.values()]
    .filter((place) => place.kind !== "im")
    .map((place) => [`#${place.name}`, `<#${place.id}|${place.name}>`]);
  const names = [...people, ...places].sort((a, b) => b[0].length - a[0].length);
  const pattern = names.map(([name]) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
  const wire = new Map(names.map(([name, token]) => [name.toLowerCase(), token]));
  text = text.replace(new RegExp(`(?<=^|[\\s(,;])(${pattern})(?![\\p{L}\\p{N}])`, "giu"), (name) => wire.get(name.toLowerCase()));
  return text;
}

export function fromWire(text, app) {
  const named = text
    .replace(/<@([UW][A-Z0-9]+)>/g, (_, id) => `@${app.users.has(id) ? nameOf(app.users.get(id)) : id}`)
    .replace(/<#C[A-Z0-9]+\|([^>]*)>/g, "#$1");
  return decoded(named);
}
