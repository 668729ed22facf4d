// What the app is doing, step by step: task cards and plans.

import { h, listOf } from "./dom.js";
import { icon } from "./icons.js";
import { link } from "./links.js";
import { markdown } from "./markdown.js";
import { richText } from "./richtext.js";

const STATUSES = {
  pending: ["face", "Not started"],
  in_progress: ["face", "In progress"],
  complete: ["check", "Done"],
  error: ["cross", "Failed"],
};

/** The tasks of a stream, as a plan where it has a title. */
export function streamTasks(stream, context) {
  const isLive = stream.state === "in_progress";
  if (!stream.tasks.length && !stream.plan_title) return null;
  if (stream.plan_title || stream.display_mode === "plan") {
    return plan({ title: stream.plan_title || "Plan", tasks: stream.tasks }, context, isLive);
  }
  return h("div.tasks", { role: "list", "aria-label": "Steps" }, stream.tasks.map((task) => taskCard(task, context, isLive)));
}

export function plan(block, context, isLive = false) {
  const tasks = listOf(block.tasks);
  const n_done = tasks.filter((task) => task.status === "complete").length;
  const isOpen = isLive || n_done < tasks.length;
  const title = plainOf(block.title) || "Plan";
  const summary = h("summary", {}, h("span.plan-title", {}, title), h("span.count", {}, `${n_done} of ${tasks.length}`));
  const list = h("div.tasks", { role: "list", "aria-label": title }, tasks.map((task) => taskCard(task, context, isLive)));
  return h("details.plan", { open: isOpen, "data-open": String(isOpen) }, summary, list);
}

/** `isLive` is false once the stream has ended: a step that was in progress then is not any more. */
export function taskCard(task, context, isLive = true) {
  const status = Object.hasOwn(STATUSES, task.status) ? task.status : "pending";
  const [drawing, label] = STATUSES[status];
  const isStuck = status === "in_progress" && !isLive;
  const mark = h(
    `span.task-mark.${isStuck ? "stuck" : status}`,
    { role: "img", "aria-label": isStuck ? "Not finished" : label },
    status === "complete" || status === "error" ? icon(drawing) : null,
  );
  const key = String(task.id ?? task.task_id ?? "");
  const head = [mark, h("span.task-title", {}, plainOf(task.title))];
  const inside = [
    rich(task.details, "details", context),
    rich(task.output, "output", context),
    sources(listOf(task.sources)),
  ].filter(Boolean);
  if (!inside.length) return h("div.task", { role: "listitem", "data-key": key, "data-status": status }, h("div.task-head", {}, head));
  const isOpen = status === "error" || (status === "in_progress" && isLive);
  const details = h("details", { open: isOpen, "data-open": String(isOpen) }, h("summary.task-head", {}, head), inside);
  return h("div.task", { role: "listitem", "data-key": key, "data-status": status }, details);
}

function rich(content, name, context) {
  if (!content) return null;
  const inner = typeof content === "string" ? markdown(content, context) : richText(content, context);
  return h(`div.task-${name}`, {}, inner);
}

function sources(given) {
  if (!given.length) return null;
  const items = given.map((source) => h("li", {}, icon("link"), link(source.url, source.text || source.url)));
  return h("ul.task-sources", { "aria-label": "Sources" }, items);
}

function plainOf(text) {
  return typeof text === "string" ? text : String(text?.text ?? "");
}
