// Times, durations and money as people read them. A `ts` is seconds since 1970, as a string.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", month: "long", day: "numeric" });

/** @typedef {string | number} Ts */

export const dateOf = (/** @type {Ts} */ ts) => new Date(Number(ts) * 1000);
export const clock = (/** @type {Ts} */ ts) => CLOCK.format(dateOf(ts));
export const seconds = (/** @type {Ts} */ ts) => SECONDS.format(dateOf(ts));

/** @param {Ts} ts */
export function day(ts) {
  const [today, then] = [new Date(), dateOf(ts)].map((date) => date.setHours(0, 0, 0, 0));
  const n_days = Math.round((Number(today) - Number(then)) / 86_400_000);
  return ["Today", "Yesterday"][n_days] ?? DAY.format(dateOf(ts));
}

/** @param {number | null} milliseconds */
export function duration(milliseconds) {
  if (milliseconds === null) return "";
  if (milliseconds < 1) return "<1 ms";
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @param {number | null} usd */
export function dollars(usd) {
  if (usd === null) return "unknown";
  return usd === 0 ? "$0" : `$${usd < 0.01 ? usd.toFixed(5) : usd.toFixed(3)}`;
}

/** @param {number} n @param {string} one @param {string} many */
export function count(n, one, many) {
  return n === 1 ? `1 ${one}` : `${n} ${many}`;
}

/** @param {number} bytes */
export function size(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(bytes < 10_240 ? 1 : 0)} kB`;
}
