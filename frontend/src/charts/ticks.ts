/** What stands at the axes. Pure. */
import { formatNumber } from "@/format/numbers";
import { formatDuration, formatMoment } from "@/format/times";
import type { Axis } from "./curves";

const STEPS: [number, string][] = [
  [1e9, "G"],
  [1e6, "M"],
  [1e3, "k"],
];

/** `12k`, `1.5M`; null (no tick, on a log axis) stays empty. */
export function formatTick(value: number | null): string {
  if (value === null) return "";
  const step = STEPS.find(
    ([size]) => Math.abs(value) >= size * 10 || (size > 1e3 && Math.abs(value) >= size),
  );
  return step ? `${formatNumber(value / step[0])}${step[1]}` : formatNumber(value);
}

export function formatAxisTime(seconds: number): string {
  return formatDuration(seconds);
}

/** A place on the x axis in words. */
export function formatPlace(x: number, axis: Axis): string {
  if (axis === "wall") return formatMoment(x);
  return axis === "time" ? formatDuration(x) : `step ${formatNumber(x)}`;
}

/** `1.2 M`, for captions. */
export function formatMany(count: number): string {
  if (count < 10_000) return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  return count < 1e6 ? `${Math.round(count / 1e3)} k` : `${Math.round(count / 1e5) / 10} M`;
}

/** How much of a series a plot shows: nothing hidden is left unsaid. */
export function describeShown(shown: number, total: number, strange: number): string {
  const points = shown < total ? `${formatMany(shown)} of ${formatMany(total)} points, extremes kept` : "";
  const odd = strange > 0 ? `${formatMany(strange)} NaN or infinite` : "";
  return [points, odd].filter(Boolean).join("; ");
}
