/** Exponential smoothing without its bias towards zero at the beginning, as people know it. Pure. */
import type { Value } from "./align";

/** `weight` is 0 (nothing) to 0.99; places without a value keep their kind and leave the average as it is. */
export function smoothen(values: readonly Value[], weight: number): Value[] {
  let average = 0;
  let share = 1;
  return values.map((value) => {
    if (value === null || value === undefined) return value;
    average = average * weight + value * (1 - weight);
    share *= weight;
    return average / (1 - share);
  });
}
