/** Durations, ages and moments. Pure functions; times are seconds since the epoch. */
import { NOTHING } from "./numbers";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

/** `12 s`, `3 m 4 s`, `2 h 14 m`, `3 d 4 h`; below ten seconds with a tenth. */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NOTHING;
  const whole = Math.round(Math.max(0, seconds));
  if (seconds > 0 && seconds < 9.95) return `${trim(seconds.toFixed(1))} s`;
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return join(Math.floor(whole / MINUTE), "m", whole % MINUTE, "s");
  if (whole < DAY) return join(Math.floor(whole / HOUR), "h", Math.floor((whole % HOUR) / MINUTE), "m");
  return join(Math.floor(whole / DAY), "d", Math.floor((whole % DAY) / HOUR), "h");
}

/** One unit is enough for a glance: `now`, `12 s`, `3 m`, `2 h`, `5 d`, `8 mo`, `2 y`. */
export function formatAge(at: number | null | undefined, now: number): string {
  if (at === null || at === undefined) return NOTHING;
  const age = Math.max(0, now - at);
  if (age < 2) return "now";
  if (age < MINUTE) return `${Math.floor(age)} s`;
  if (age < HOUR) return `${Math.floor(age / MINUTE)} m`;
  if (age < DAY) return `${Math.floor(age / HOUR)} h`;
  if (age < 60 * DAY) return `${Math.floor(age / DAY)} d`;
  if (age < 730 * DAY) return `${Math.floor(age / (30.44 * DAY))} mo`;
  return `${Math.floor(age / (365.25 * DAY))} y`;
}

/** `3 m ago`, `just now`. */
export function formatAgo(at: number | null | undefined, now: number): string {
  const age = formatAge(at, now);
  if (age === "now") return "just now";
  return age === NOTHING ? age : `${age} ago`;
}

/** How fresh a copy is, in a word: one that was never in step is not old, it is on its way. */
export function tellFreshness({ state, as_of }: { state: string; as_of: number | null }): string {
  return state === "stale" && as_of === null ? "copying" : state;
}

/** `2026-01-02 03:04:05`, in the reader's time zone. */
export function formatMoment(at: number | null | undefined): string {
  if (at === null || at === undefined) return NOTHING;
  const date = new Date(at * 1000);
  if (Number.isNaN(date.getTime())) return NOTHING;
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

function join(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
}

function trim(text: string): string {
  return text.replace(/\.0$/, "");
}
