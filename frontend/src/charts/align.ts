/**
 * Curves of several runs on one x axis, as the plot takes them: columns of one length, `undefined` where a run has no
 * point, `null` where it has one without a finite number. Pure functions.
 */
import { smoothen } from "./smooth";

export type Value = number | null | undefined;

/** A curve as the API answers it. */
export interface Curve {
  x: readonly number[];
  min?: readonly (number | null)[] | null;
  max?: readonly (number | null)[] | null;
  last?: readonly (number | null)[] | null;
}

export interface Columns {
  last: Value[];
  low: Value[];
  high: Value[];
  /** As `last`, smoothed; the same array where nothing is smoothed. */
  smooth: Value[];
}

export interface Aligned {
  x: number[];
  lines: Columns[];
}

/** Lay curves over each other. `smoothing` is 0 to 0.99; with `isLog` what is not above zero has no place. */
export function align(curves: readonly Curve[], smoothing: number, isLog: boolean): Aligned {
  const folded = curves.map(foldTies);
  const x = mergeAxes(folded.map((one) => one.x));
  return {
    x,
    lines: folded.map((one) => {
      const last = spread(one.x, one.last, x, isLog);
      return {
        last,
        low: spread(one.x, one.min, x, isLog),
        high: spread(one.x, one.max, x, isLog),
        smooth: smoothing > 0 ? smoothen(last, smoothing) : last,
      };
    }),
  };
}

interface Folded {
  x: number[];
  min: (number | null)[];
  max: (number | null)[];
  last: (number | null)[];
}

/** Points of one x become one: the last of them, with the extremes of all. */
function foldTies(curve: Curve): Folded {
  const all: Folded = { x: [], min: [], max: [], last: [] };
  curve.x.forEach((x, index) => {
    const last = curve.last?.[index] ?? null;
    const low = curve.min?.[index] ?? last;
    const high = curve.max?.[index] ?? last;
    const end = all.x.length - 1;
    if (end < 0 || all.x[end] !== x) {
      all.x.push(x);
      all.min.push(low);
      all.max.push(high);
      all.last.push(last);
    } else {
      all.min[end] = choose(Math.min, all.min[end], low);
      all.max[end] = choose(Math.max, all.max[end], high);
      all.last[end] = last ?? all.last[end] ?? null;
    }
  });
  return all;
}

function choose(pick: (a: number, b: number) => number, a: Value, b: Value): number | null {
  if (a === null || a === undefined) return b ?? null;
  return b === null || b === undefined ? a : pick(a, b);
}

export function mergeAxes(axes: readonly (readonly number[])[]): number[] {
  const first = axes[0];
  if (axes.length === 1 && first) return [...first];
  const sorted = Float64Array.from(axes.flat()).sort();
  const merged: number[] = [];
  for (const x of sorted) if (merged.at(-1) !== x) merged.push(x);
  return merged;
}

function spread(
  from: readonly number[],
  values: readonly (number | null)[],
  x: readonly number[],
  isLog: boolean,
) {
  const column: Value[] = new Array(x.length).fill(undefined);
  let place = 0;
  from.forEach((at, index) => {
    while (place < x.length && (x[place] as number) < at) place += 1;
    const value = values[index] ?? null;
    column[place] = isLog && value !== null && value <= 0 ? null : value;
  });
  return column;
}

/** The least and greatest value of all lines; null where there is none. */
export function findExtent(aligned: Aligned): [number, number] | null {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const line of aligned.lines) {
    for (const value of line.low) if (value != null && value < low) low = value;
    for (const value of line.high) if (value != null && value > high) high = value;
  }
  return low <= high ? [low, high] : null;
}

/** The last known value at or before a place; undefined where the line has not begun or is over by then. */
export function readAt(values: readonly Value[], place: number): Value {
  for (let index = place; index >= 0; index -= 1) {
    const value = values[index];
    if (value === undefined) continue;
    return value;
  }
  return undefined;
}

/** Some room above and below, and never an empty range. */
export function pad([low, high]: [number, number], isLog: boolean): [number, number] {
  if (isLog)
    return low === high ? [low / 2, high * 2] : [low / (high / low) ** 0.04, high * (high / low) ** 0.04];
  const room = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  return [low - room, high + room];
}
