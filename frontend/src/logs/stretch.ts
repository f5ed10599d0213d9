/** Which lines of a log its box holds: a browser's boxes end at 33 million pixels, and logs do not. Pure functions. */

export const MOST = 1_000_000;
const STEP = 100_000;
/** So close to the end of a stretch another one is shown. */
export const NEAR = 1_000;

/** The first line of the stretch that holds the end; it stays for a while, as lines come. */
export function lastStretch(total: number): number {
  return Math.max(0, Math.ceil((total - MOST) / STEP) * STEP);
}

/** The first line of the stretch with a line in its middle. */
export function stretchAround(line: number, total: number): number {
  const first = Math.floor((line - MOST / 2) / STEP) * STEP;
  return Math.min(lastStretch(total), Math.max(0, first));
}

/** The first line of the stretch to show while lines `low` to `high` are seen: another one near the ends of this one. */
export function followSight(first: number, low: number, high: number, total: number): number {
  const isLeft =
    (low - first < NEAR && first > 0) || (first + MOST - high < NEAR && first < lastStretch(total));
  return isLeft || first > lastStretch(total) ? stretchAround(low, total) : first;
}
