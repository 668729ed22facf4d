// The inspector's story: what the app recorded of each question, step by step.

import { read } from "./api.js";
import { h, morph } from "./dom.js";
import { link } from "./links.js";
import { markdown } from "./markdown.js";
import { took } from "./time.js";
import { tree } from "./tree.js";

const PATIENCE = 500; // ms between a change and reading the story, which asks the app's database
const AGAIN = 800; // ms between two readings while a turn is running
const FEW = 3; // passages that are not cited and shown all the same
const RUNNING = new Set(["queued", "running", "waiting"]);

export class Story {
  constructor(app) {
    this.app = app;
    this.about = "";
    this.turns = h("div.turns");
    this.node = h("div.story", { role: "tabpanel", id: "panel-story", "aria-labelledby": "tab-story" }, this.turns);
  }

  /** Reads the story soon; `isVisible` is false while nobody looks. */
  refresh(isVisible) {
    const about = this.subject();
    const isNew = JSON.stringify(about) !== this.about;
    if (!isVisible) return;
    this.about = JSON.stringify(about);
    if (isNew) {
      clearTimeout(this.timer);
      this.timer = null;
      this.told = "";
      this.turns.replaceChildren(h("p.detail", {}, about ? "Reading…" : "Open a thread to see how its answer came about: what was searched, what the model was asked, and what it cost."));
    }
    if (about && !this.timer) this.timer = setTimeout(() => this.fetch(about), isNew ? 0 : PATIENCE);
  }

  subject() {
    const { channel, thread } = this.app.place;
    if (this.app.story) return this.app.story;
    return thread ? { channel, thread_ts: thread } : null;
  }

  async fetch(about) {
    const found = await read("story", about).catch(() => ({ turns: [], note: "The workspace cannot be reached." }));
    this.timer = null;
    if (JSON.stringify(about) !== this.about) return;
    this.draw(found);
    if (found.turns.some((turn) => RUNNING.has(turn.status))) this.timer = setTimeout(() => this.fetch(about), AGAIN);
  }

  draw({ turns, note }) {
    const told = JSON.stringify({ turns, note });
    if (told === this.told) return;
    this.told = told;
    const none = note || "Nothing is recorded for this yet. A message that does not ask the app anything has no story.";
    const drawn = turns.map((one, n) => this.turn(one, n === turns.length - 1));
    morph(this.turns, h("div.turns", {}, drawn.length ? drawn : h("p.detail", {}, none)));
  }

  turn(turn, isLast) {
    const { app } = this;
    return h(
      "details.turn",
      { open: isLast, "data-open": String(isLast), "data-key": turn.id },
      h("summary", {}, h(`span.chip.${tone(turn)}`, {}, [turn.status, turn.reason].filter(Boolean).join(": ")), h("b", {}, turn.question)),
      totals(turn),
      h("h3", {}, "Steps"),
      steps(turn),
      turn.sources?.length ? h("h3", {}, "Passages") : null,
      passages(turn),
      turn.answer ? fold("Answer", () => h("div.markdown", {}, markdown(turn.answer, app))) : null,
      (turn.feedback ?? []).map((one) =>
        h("p.verdict", {}, `${one.rating > 0 ? "Good" : "Bad"} answer, says ${app.users.get(one.user_id)?.real_name ?? one.user_id}`, one.comment ? `: “${one.comment}”` : ""),
      ),
      facts(turn),
      fold("Everything recorded", () => tree(turn)),
    );
  }
}

function tone(turn) {
  if (turn.status === "failed" || turn.error_id) return "bad";
  return RUNNING.has(turn.status) ? "busy" : turn.status === "completed" ? "ok" : "plain";
}

function totals(turn) {
  const total = turn.finished_at ? Date.parse(turn.finished_at) - Date.parse(turn.created_at) : null;
  const tokens = turn.prompt_tokens + turn.completion_tokens;
  const one = (value, label) => h("div", {}, h("b", {}, value), h("span", {}, label));
  return h(
    "div.totals",
    {},
    one(total === null ? "…" : took(total), "total"),
    one(tokens.toLocaleString(), turn.cached_tokens ? `tokens, ${turn.cached_tokens} cached` : "tokens"),
    one(dollars(turn.cost_usd), "cost"),
    one(String(turn.n_steps), turn.n_steps === 1 ? "step" : "steps"),
  );
}

function dollars(cost) {
  if (cost === null || cost === undefined) return "unknown";
  return cost === 0 ? "$0" : `$${cost < 0.01 ? cost.toFixed(5) : cost.toFixed(3)}`;
}

/** Tool and model calls in the order they were made, each with a bar that starts where the one before ended. */
function steps(turn) {
  const made = [
    ...(turn.tool_calls ?? []).map((call) => ({ position: call.position, took: call.duration_ms ?? 0, draw: () => toolCall(call) })),
    ...(turn.model_calls ?? []).map((call) => ({ position: call.position, took: call.latency_ms ?? 0, draw: () => modelCall(call) })),
  ].sort((a, b) => a.position - b.position);
  const total = made.reduce((sum, step) => sum + step.took, 0) || 1;
  let from = 0;
  const items = made.map((step) => {
    const bar = h("span.bar", { "aria-hidden": "true" }, h("i"));
    bar.firstChild.style.marginInlineStart = `${(100 * from) / total}%`;
    bar.firstChild.style.width = `max(2px, ${(100 * step.took) / total}%)`;
    from += step.took;
    return h("li", {}, step.draw(), bar);
  });
  return items.length ? h("ol.steps", {}, items) : h("p.detail", {}, "None yet.");
}

function toolCall(call) {
  const n = call.result?.passages?.length;
  const query = call.arguments?.query ?? Object.values(call.arguments ?? {})[0];
  const outcome = call.is_error ? "failed" : n === undefined ? "done" : `${n} passages`;
  const head = h(
    "summary",
    {},
    h("span.kind.tool-kind", {}, "tool"),
    h("b", {}, call.name),
    h(`span.chip.${call.is_error ? "bad" : "ok"}`, {}, outcome),
    h("span.detail.end", {}, took(call.duration_ms)),
    query === undefined ? null : h("span.query", {}, `“${query}”`),
  );
  return h("details", { "data-key": call.call_id }, head, lazy(() => [tree(call.arguments, "arguments"), tree(call.result, "result")]));
}

function modelCall(call) {
  const tokens = `${call.prompt_tokens ?? 0} + ${call.completion_tokens ?? 0} tokens`;
  const isBad = Boolean(call.error);
  const numbers = [
    tokens,
    call.cost_usd === null ? "cost unknown" : dollars(call.cost_usd),
    call.first_token_ms ? `first word after ${took(call.first_token_ms)}` : "",
    call.n_tries > 1 ? `${call.n_tries} tries` : "",
  ];
  const head = h(
    "summary",
    {},
    h("span.kind.model-kind", {}, "model"),
    h("b", {}, call.model),
    h(`span.chip.${isBad ? "bad" : call.status === "started" ? "busy" : "ok"}`, {}, call.error || call.finish_reason || call.status),
    h("span.detail.end", {}, took(call.latency_ms)),
    h("span.query", {}, `${call.purpose}: ${numbers.filter(Boolean).join(", ")}`),
  );
  const inside = lazy(() => [tree(call.params, "parameters"), tree(call.request, "request"), tree(call.response, "response")]);
  return h("details", { "data-key": `model-${call.position}-${call.attempt}` }, head, inside);
}

function passages(turn) {
  const found = turn.sources ?? [];
  const list = (some) => h("ol.passages", {}, some.map((source) => passage(source, turn)));
  const [cited, others] = [found.filter((source) => source.is_cited), found.filter((source) => !source.is_cited)];
  if (others.length <= FEW) return list(found);
  const more = `${others.length} passages ${cited.length ? "not cited" : "found"}`;
  return [cited.length ? list(cited) : null, fold(more, () => list(others))];
}

function passage(source, turn) {
  const texts = (turn.tool_calls ?? []).flatMap((call) => call.result?.passages ?? []);
  const text = texts.find((one) => one.n === source.n)?.text;
  const title = [source.title, source.heading_path].filter(Boolean).join(" › ");
  return h(
    source.is_cited ? "li.cited" : "li.uncited",
    { value: source.n },
    h("span.score", { title: "score" }, Number(source.score ?? 0).toFixed(2)),
    source.url ? link(source.url, title) : title,
    source.is_cited ? h("span.chip.ok", {}, "cited") : null,
    text ? h("p.detail", { title: text }, text) : null,
  );
}

function facts(turn) {
  const replies = (turn.replies ?? []).map((reply) => `part ${reply.part + 1} ${reply.state}`).join(", ");
  const shown = {
    model: turn.model,
    "asked by": `${turn.origin}, ${turn.user_id}`,
    release: turn.release,
    index: turn.index_version === null ? "" : `version ${turn.index_version}, ${turn.embedding_model}`,
    attempt: turn.attempt,
    replies,
    "error id": turn.error_id,
    turn: turn.id,
  };
  const rows = Object.entries(shown).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return h("dl.facts", {}, rows.map(([name, value]) => [h("dt", {}, name), h("dd", {}, String(value))]));
}

function fold(title, draw) {
  return h("details.fold", { "data-key": title }, h("summary", {}, title), lazy(draw));
}

/** What is inside of a fold, drawn when it is first opened. */
function lazy(draw) {
  const holder = h("div.inside", { "data-lazy": "true", "data-keep": "true" });
  holder.draw = draw;
  return holder;
}

document.addEventListener(
  "toggle",
  (event) => {
    const holder = event.target.querySelector?.(":scope > [data-lazy]");
    if (holder) holder.replaceChildren(...(event.target.open ? [holder.draw()].flat() : []));
  },
  true,
);
