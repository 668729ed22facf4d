// The workspace's `/_control/`: reading, acting, and following what changes. Promises that a refusal carries a
// sentence for the person, and that the page comes back by itself when the workspace does.

import { attempt } from "./dom.js";

const LONGEST_WAIT = 30_000; // ms, longer than the server lets a poll wait
const BREATH = 50; // ms between two screens, so that a fast stream does not fill the line
const RETRY = 1_000; // ms
const BASE = /^\/workspaces\/[A-Z0-9]+/.exec(location.pathname)?.[0] ?? ""; // of a workspace beside the first one

/** The server refused, and said why. Everything else that is thrown means that it cannot be reached. */
export class Refusal extends Error {}

/** @param {string} path @param {Record<string, any>} parameters @param {AbortSignal} [signal]
 * @returns {Promise<any>} */
export async function read(path, parameters = {}, signal) {
  const limit = AbortSignal.timeout(LONGEST_WAIT);
  const options = { signal: signal ? AbortSignal.any([signal, limit]) : limit };
  return unpack(await fetch(`${BASE}/_control/${path}?${new URLSearchParams(parameters)}`, options));
}

/** Does something as a person, and returns its result.
 * @param {string} user @param {string} action @param {Record<string, any>} args */
export async function act(user, action, args = {}) {
  const headers = { "Content-Type": "application/json" };
  const body = JSON.stringify({ user, action, args });
  return (await unpack(await fetch(`${BASE}/_control/act`, { method: "POST", headers, body }))).result;
}

/** @param {unknown} error */
export function sentenceOf(error) {
  return error instanceof Refusal ? error.message : "The workspace cannot be reached.";
}

/** Asks for the screen, draws it, waits for a change, and so on. @param {App} app */
export async function follow(app) {
  let last = ""; // the place of the last screen: only the next one of the same place may be a difference
  let n_wishes = 0; // grows whenever the person wants to see something else
  let waiting = new AbortController();
  app.hurry = () => {
    n_wishes += 1;
    waiting.abort();
  };
  // A browser has six connections to a server: a page nobody sees must not hold one.
  document.addEventListener("visibilitychange", () => (document.hidden ? waiting.abort() : app.hurry()));

  for (;;) {
    const wish = n_wishes;
    waiting = new AbortController();
    try {
      const wanted = app.wanted();
      const place = JSON.stringify(wanted);
      const since = place === last ? app.screen.version : 0;
      const screen = /** @type {Slack.Screen} */ (await read("view", { ...wanted, since }));
      last = place;
      if (since && screen.boot !== app.screen.boot) {
        last = ""; // another process answers: it has never heard of our version
        continue;
      }
      if (wish !== n_wishes) continue;
      app.isAway = false;
      attempt(() => app.take(screen));
      attempt(app.draw);
      await pause(BREATH);
      if (wish !== n_wishes) continue;
      if (document.hidden) {
        waiting = new AbortController();
        await abortionOf(waiting.signal);
      } else await read("changes", { since: screen.revision }, waiting.signal);
    } catch (error) {
      if (waiting.signal.aborted) continue;
      last = "";
      app.isAway = !(error instanceof Refusal);
      attempt(app.draw);
      await pause(RETRY);
    }
  }
}

/** @param {Response} response */
async function unpack(response) {
  const body = await response.json();
  if (!response.ok) throw new Refusal(String(body.error ?? response.status).replace(/^\w+Error: /, ""));
  return body;
}

const pause = (/** @type {number} */ milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const abortionOf = (/** @type {AbortSignal} */ signal) =>
  new Promise((done) => signal.addEventListener("abort", done, { once: true }));
