// Times as people say them. A `ts` is seconds since 1970, as a string.

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { weekday: "long", month: "long", day: "numeric" });
const FULL = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

export const clock = (ts) => CLOCK.format(date(ts));
export const seconds = (ts) => SECONDS.format(date(ts));
export const full = (ts) => FULL.format(date(ts));

export function day(ts) {
  const days = Math.round((midnight(new Date()) - midnight(date(ts))) / 86_400_000);
  return days === 0 ? "Today" : days === 1 ? "Yesterday" : DAY.format(date(ts));
}

export function ago(ts) {
  const when = day(ts);
  return when === "Today" || when === "Yesterday" ? `${when.toLowerCase()} at ${clock(ts)}` : `on ${when}`;
}

export function took(milliseconds) {
  if (milliseconds === null || milliseconds === undefined) return "";
  if (milliseconds < 1) return "<1 ms";
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

function date(ts) {
  return new Date(Number(ts) * 1000);
}

function midnight(when) {
  return new Date(when.getFullYear(), when.getMonth(), when.getDate()).getTime();
}
