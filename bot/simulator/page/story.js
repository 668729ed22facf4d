// The inspector's story: what the app recorded of each question, step by step.

import { element, html, keyed, nothing, render } from "./dom.js";
import { count, dollars, duration } from "./format.js";
import { drawJson } from "./json.js";
import { markdown } from "./markdown.js";
import { link } from "./sanitize.js";
import { read } from "./server.js";

const PATIENCE = 500; // ms between a change and reading the story, which asks the app's database
const AGAIN = 800; // ms between two readings while a turn is running
const RUNNING = ["queued", "running", "waiting"];
const NO_THREAD =
  "Open a thread to see how its answer came about: what was searched, what the model was asked, and what it cost.";
const NO_MODEL = "No language model is configured: answers are quoted from the documents. DOCENT_MODEL sets one.";
const NO_TURNS = "Nothing is recorded for this yet. A message that does not ask the app anything has no story.";

export class StoryPanel {
  #subject = "";
  #told = "";
  /** @type {number | undefined} */ #timer;

  /** @param {App} app */
  constructor(app) {
    this.app = app;
    this.node = element("div", "panel story", { role: "tabpanel", ariaLabel: "Story", tabIndex: 0 });
  }

  /** Reads the story soon; at once where it is another one than before. */
  refresh() {
    const { channel, thread } = this.app.place;
    const about = this.app.commands ?? (thread ? { channel, thread_ts: thread } : null);
    const subject = JSON.stringify(about);
    const isOther = subject !== this.#subject;
    if (isOther) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#subject = subject;
      this.#told = "";
      render(html`<p class="detail">${about ? "Reading…" : NO_THREAD}</p>`, this.node);
    }
    if (about) this.#timer ??= setTimeout(() => this.#read(about), isOther ? 0 : PATIENCE);
  }

  /** @param {Record<string, string>} about */
  async #read(about) {
    const lost = { turns: [], note: "The workspace cannot be reached." };
    const story = /** @type {Recorded.Story} */ (await read("story", about).catch(() => lost));
    if (JSON.stringify(about) !== this.#subject) return;
    this.#draw(story);
    const isRunning = story.turns.some(({ status }) => RUNNING.includes(status));
    this.#timer = isRunning ? setTimeout(() => this.#read(about), AGAIN) : undefined;
  }

  /** @param {Recorded.Story} story */
  #draw({ turns, note }) {
    const told = JSON.stringify([turns, note]);
    if (told === this.#told) return;
    this.#told = told;
    const drawn = keyed(turns, "id", (turn, n) => drawTurn(turn, n === turns.length - 1, this.app));
    render(turns.length ? html`${drawn}` : html`<p class="detail">${note || NO_TURNS}</p>`, this.node);
  }
}

/** @param {Recorded.Turn} turn @param {boolean} isLast @param {App} app */
function drawTurn(turn, isLast, app) {
  const isQuoted = turn.model?.startsWith("local/");
  const isBad = turn.status === "failed" || turn.error_id;
  const tone = isBad ? "bad" : RUNNING.includes(turn.status) ? "busy" : "ok";
  const steps = [...turn.tool_calls.map(describeTool), ...turn.model_calls.map(describeModel)];
  steps.sort((a, b) => a.position - b.position);
  const longest = Math.max(1, ...steps.map((step) => step.took ?? 0));
  const total = turn.finished_at ? Date.parse(turn.finished_at) - Date.parse(turn.created_at) : null;
  const tokens = (turn.prompt_tokens + turn.completion_tokens).toLocaleString();
  const sources = turn.sources.map((source) => ({ ...source, drawn: drawSource(source, turn) }));
  const cited = sources.filter(({ is_cited }) => is_cited).map(({ drawn }) => drawn);
  const others = sources.filter(({ is_cited }) => !is_cited).map(({ drawn }) => drawn);
  const more = html`<ol class="passages">${others}</ol>`;
  return html`<details class="turn" ?open=${isLast}>
    <summary><span class="chip ${tone}">${turn.status}${turn.reason ? `: ${turn.reason}` : ""}</span>
      <b>${turn.question}</b></summary>
    <div class="totals">
      <span><b>${duration(total) || "…"}</b> total</span> <span><b>${tokens}</b> tokens</span>
      <span><b>${dollars(turn.cost_usd)}</b> cost</span>
      <span><b>${turn.n_steps}</b> ${turn.n_steps === 1 ? "step" : "steps"}</span></div>
    <h3>Steps</h3>
    <ol class="steps">${steps.map((step) => drawStep(step, longest))}</ol>
    ${cited.length ? html`<h3>Cited passages</h3>` : nothing} <ol class="passages">${cited}</ol>
    ${turn.feedback.map(
      ({ user_id, rating, comment }) => html`<p class="verdict">${rating > 0 ? "Good" : "Bad"} answer,
      says ${app.nameOf(user_id)}${comment ? `: “${comment}”` : ""}</p>`,
    )}
    ${turn.answer ? drawFold("Answer", html`<div class="markdown">${markdown(turn.answer, app)}</div>`) : nothing}
    ${others.length ? drawFold(`${others.length} other passages`, more) : nothing}
    ${isQuoted ? html`<p class="detail">${NO_MODEL}</p>` : nothing}
    ${turn.notice ? html`<p class="detail">Said below it: ${turn.notice}</p>` : nothing}
    ${turn.delivery_error ? html`<p class="problem">Not delivered: ${turn.delivery_error}</p>` : nothing}
    ${drawFold("Everything recorded", drawJson(turn.id, turn))}
  </details>`;
}

/** @param {Recorded.ToolCall} call */
function describeTool(call) {
  const passages = call.result?.passages;
  const query = call.arguments?.query ?? Object.values(call.arguments ?? {})[0];
  return {
    kind: "tool",
    position: call.position,
    name: call.name,
    tone: call.is_error ? "bad" : "ok",
    outcome: call.is_error ? "failed" : passages ? count(passages.length, "passage", "passages") : "done",
    took: call.duration_ms,
    about: query === undefined ? "" : `“${query}”`,
    inside: { arguments: call.arguments, result: call.result },
  };
}

/** @param {Recorded.ModelCall} call */
function describeModel(call) {
  const numbers = [
    `${call.prompt_tokens ?? 0} + ${call.completion_tokens ?? 0} tokens`,
    `cost ${dollars(call.cost_usd)}`,
    call.first_token_ms ? `first word after ${duration(call.first_token_ms)}` : "",
    call.n_tries > 1 ? `${call.n_tries} tries` : "",
  ];
  return {
    kind: "model",
    position: call.position,
    name: call.model,
    tone: call.error ? "bad" : call.status === "started" ? "busy" : "ok",
    outcome: call.error || call.finish_reason || call.status,
    took: call.latency_ms,
    about: `${call.purpose}: ${numbers.filter(Boolean).join(", ")}`,
    inside: { parameters: call.params, request: call.request, response: call.response },
  };
}

/** @param {ReturnType<typeof describeTool | typeof describeModel>} step @param {number} longest in ms */
function drawStep(step, longest) {
  const inside = Object.entries(step.inside).map(([name, value]) => drawJson(name, value));
  return html`<li><details>
    <summary><span class="kind kind-${step.kind}">${step.kind}</span> <b>${step.name}</b>
      <span class="chip ${step.tone}">${step.outcome}</span> <span class="detail end">${duration(step.took)}</span>
      <span class="about">${step.about}</span>
      <progress max=${longest} value=${step.took ?? 0} aria-hidden="true"></progress></summary>
    ${inside}</details></li>`;
}

/** @param {Recorded.Source} source @param {Recorded.Turn} turn */
function drawSource(source, turn) {
  const passages = turn.tool_calls.flatMap((call) => call.result?.passages ?? []);
  const text = passages.find(({ n }) => n === source.n)?.text ?? "";
  const title = [source.title, source.heading_path].filter(Boolean).join(" › ");
  return html`<li><span class="score" title="score">${Number(source.score).toFixed(2)}</span>
    ${link(source.url, title)} <p class="detail" title=${text}>${text}</p></li>`;
}

/** @param {string} title @param {unknown} inside */
function drawFold(title, inside) {
  return html`<details class="fold"><summary>${title}</summary>${inside}</details>`;
}
