/** Sizes in SI units: 1 kB is 1,000 bytes. Pure functions. */
import { NOTHING } from "./numbers";

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** `0 B`, `999 B`, `1.2 kB`, `34 MB`: two or three digits that matter. */
export function formatBytes(size: number | null | undefined): string {
  if (size === null || size === undefined) return NOTHING;
  let value = Math.max(0, size);
  let unit = 0;
  while (unit < UNITS.length - 1 && Math.round(value * 10) / 10 >= 1000) {
    value /= 1000;
    unit += 1;
  }
  const text = unit === 0 || value >= 99.95 ? String(Math.round(value)) : trim(value.toFixed(1));
  return `${text} ${UNITS[unit]}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `1,234 bytes`, for titles. */
export function formatExactBytes(size: number): string {
  return `${size.toLocaleString("en-US")} bytes`;
}

function trim(text: string): string {
  return text.replace(/\.0$/, "");
}
