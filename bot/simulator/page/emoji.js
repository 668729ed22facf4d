// Emoji by their short names, as Slack's text carries them.

import { h } from "./dom.js";
import { DRAWN } from "./icons.js";

export const REACTIONS = ["+1", "eyes"]; // offered at a message

const ALIASES = { thumbsup: "+1", thumbsdown: "-1" };
const CHARACTERS = {
  "+1": "👍", "-1": "👎", eyes: "👀", white_check_mark: "✅", heavy_check_mark: "✔", x: "❌", warning: "⚠",
  tada: "🎉", heart: "❤", smile: "😄", slightly_smiling_face: "🙂", joy: "😂", wave: "👋", pray: "🙏",
  thinking_face: "🤔", rocket: "🚀", fire: "🔥", bulb: "💡", memo: "📝", books: "📚", book: "📖", mag: "🔍",
  calendar: "📅", link: "🔗", hourglass: "⌛", hourglass_flowing_sand: "⏳", question: "❓", exclamation: "❗",
  information_source: "ℹ", robot_face: "🤖", clap: "👏", raised_hands: "🙌", ok_hand: "👌", star: "⭐",
  sparkles: "✨", zap: "⚡", bell: "🔔", lock: "🔒", key: "🔑", speech_balloon: "💬", page_facing_up: "📄",
  file_folder: "📁", arrow_right: "→", point_right: "👉", sob: "😭", cry: "😢", sweat_smile: "😅", wink: "😉",
};

export function isEmoji(name) {
  return Object.hasOwn(CHARACTERS, ALIASES[name] ?? name);
}

export function emoji(name) {
  const known = ALIASES[name] ?? name;
  const label = { class: "emoji", role: "img", "aria-label": known, title: `:${known}:` };
  if (Object.hasOwn(DRAWN, known)) return h("span", label, DRAWN[known]());
  return h("span", label, Object.hasOwn(CHARACTERS, known) ? CHARACTERS[known] : `:${known}:`);
}
