// The workspace's control surface. Promises that an error carries a sentence a person can read.

const SECONDS = 1000;
const WAIT = 30 * SECONDS; // longer than the server lets a poll wait

/** The server refused, and said why. Everything else that is thrown means that it cannot be reached. */
export class Refusal extends Error {}

export async function read(path, params = {}, signal = undefined) {
  const query = new URLSearchParams(params).toString();
  const limit = AbortSignal.timeout(WAIT);
  const options = { signal: signal ? AbortSignal.any([signal, limit]) : limit, cache: "no-store" };
  return answered(await fetch(`/_control/${path}?${query}`, options));
}

/** What a person does; resolves to the result of the action. */
export async function act(user, action, args = {}) {
  const body = JSON.stringify({ user, action, args });
  const headers = { "Content-Type": "application/json" };
  return (await answered(await fetch("/_control/act", { method: "POST", headers, body }))).result;
}

async function answered(response) {
  const body = await response.json();
  if (!response.ok) throw new Refusal(String(body.error ?? response.status).replace(/^\w+Error: /, ""));
  return body;
}
