// The page's own small drawings.

import { svg } from "./dom.js";

const LINE = { fill: "none", stroke: "currentColor", "stroke-width": "1.8", "stroke-linecap": "round", "stroke-linejoin": "round" };
const THUMB = "M7 11v9H4a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1h3Zm0 0 4-8a2.6 2.6 0 0 1 2.6 2.6V9h5a2 2 0 0 1 2 2.3l-1.2 7a2 2 0 0 1-2 1.7H7";
const DOWN = "M17 13V4h3a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1h-3Zm0 0-4 8a2.6 2.6 0 0 1-2.6-2.6V15h-5a2 2 0 0 1-2-2.3l1.2-7A2 2 0 0 1 6.6 4H17";
const SKIN = { fill: "#ffc83d", stroke: "#8a5a00", "stroke-width": "1.2", "stroke-linejoin": "round" };

const PATHS = {
  book: "M12 6c-2-1.5-4.5-2-8-2v14c3.5 0 6 .5 8 2 2-1.5 4.5-2 8-2V4c-3.5 0-6 .5-8 2Zm0 0v14",
  check: "m5 12.5 4.5 4.5L19 7",
  chevron: "m7 10 5 5 5-5",
  close: "M6 6l12 12M18 6 6 18",
  cross: "M7 7l10 10M17 7 7 17",
  down: "M12 5v14m-6-6 6 6 6-6",
  edit: "M4 20l1-4L16 5l3 3L8 19l-4 1Zm10-13 3 3",
  face: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18Zm-3.5 11c1.5 2.4 5.5 2.4 7 0M9 9.5v.5m6-.5v.5",
  hash: "M9 4 7 20M17 4l-2 16M4.5 9h16M3.5 15h16",
  image: "M4 5h16v14H4zM4 16l5-5 4 4 3-3 4 4M15 9h.01",
  inspect: "M4 5h16v14H4zM14.5 5v14M17 9h.8M17 12h.8",
  link: "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7l-1 1M14 10a4 4 0 0 0-6-.4l-3 3a4 4 0 0 0 5.7 5.7l1-1",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  menu: "M4 7h16M4 12h16M4 17h16",
  moon: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  reply: "M4 6h16v10h-8l-5 4v-4H4z",
  search: "M11 4.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Zm4.7 11.2L20 20",
  send: "M4 12 20 4l-5 16-3.5-6.5L4 12Zm7.5 1.5L20 4",
  share: "M5 5h9v9H5zM10 18h9V9",
  stop: "M7 7h10v10H7z",
  story: "M5 4h14v16H5zM8.5 9h7M8.5 13h7M8.5 17h4",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8Zm0-5v2m0 14v2M3 12h2m14 0h2M5.6 5.6 7 7m10 10 1.4 1.4M18.4 5.6 17 7M7 17l-1.4 1.4",
  thumbDown: DOWN,
  thumbUp: THUMB,
  trash: "M5 7h14M10 7V4.5h4V7m-7.5 0 .8 13h9.4l.8-13M10 11v5m4-5v5",
};

export function icon(name) {
  const drawn = svg("0 0 24 24", ["path", { d: PATHS[name], ...LINE }]);
  drawn.setAttribute("class", "icon");
  return drawn;
}

/** Emoji that the page draws itself, so that they show where no font has them. */
export const DRAWN = {
  "+1": () => svg("0 0 24 24", ["path", { d: THUMB + "V11Z", ...SKIN }]),
  "-1": () => svg("0 0 24 24", ["path", { d: DOWN + "V13Z", ...SKIN }]),
  eyes: () =>
    svg(
      "0 0 24 24",
      ...[6.5, 17.5].flatMap((x) => [
        ["ellipse", { cx: x, cy: 12, rx: 5, ry: 8, fill: "#fff", stroke: "#555", "stroke-width": "1.2" }],
        ["ellipse", { cx: x - 1.6, cy: 13, rx: 2, ry: 3.2, fill: "#222" }],
      ]),
    ),
  white_check_mark: () =>
    svg(
      "0 0 24 24",
      ["rect", { x: 2, y: 2, width: 20, height: 20, rx: 4, fill: "#2e8b57" }],
      ["path", { d: PATHS.check, fill: "none", stroke: "#fff", "stroke-width": "3" }],
    ),
};
