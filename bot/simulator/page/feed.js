// Keeps the page up to date: asks what changed, waits, asks again; says when the workspace is gone and comes back
// by itself.

import { read, Refusal } from "./api.js";
import { guarded } from "./dom.js";

const BREATH = 50; // ms between two screens, so that a fast stream does not fill the line
const RETRY = 1000; // ms

export async function follow(app) {
  let known = null; // what the last screen was of: only its successor may be a difference
  let waiting = new AbortController();
  let version = 0; // of the place: grows with each wish for another one
  app.hurry = () => {
    version += 1;
    waiting.abort();
  };
  // A browser has six connections to a server: a page nobody sees must not hold one.
  document.addEventListener("visibilitychange", () => (document.hidden ? waiting.abort() : app.hurry()));

  for (;;) {
    const asked = version;
    waiting = new AbortController();
    try {
      const { user, channel, thread } = app.place;
      const wanted = { user, channel, thread_ts: thread, limit: app.limits.channel, thread_limit: app.limits.thread };
      const place = JSON.stringify(wanted);
      const since = place === known ? app.screen.version : 0;
      const screen = await read("view", { ...wanted, since, ...app.reading(since > 0) });
      if (app.screen && screen.boot !== app.screen.boot && since) {
        known = null;
        app.messages.clear();
        continue;
      }
      if (asked !== version) continue;
      app.isAway = false;
      known = user === screen.me && channel === screen.channel && thread === (screen.thread?.ts ?? "") ? place : null;
      guarded(() => app.take(screen));
      guarded(app.draw);
      await pause(BREATH);
      if (asked !== version) continue;
      if (document.hidden) {
        waiting = new AbortController();
        await aborted(waiting.signal);
      } else await read("changes", { since: screen.revision }, waiting.signal);
    } catch (error) {
      if (waiting.signal.aborted) continue;
      if (error instanceof Refusal) known = null;
      else {
        app.isAway = true;
        guarded(app.draw);
      }
      await pause(RETRY);
    }
  }
}

const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const aborted = (signal) => new Promise((done) => signal.addEventListener("abort", done, { once: true }));
