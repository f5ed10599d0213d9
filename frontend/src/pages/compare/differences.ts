/** What differs between runs, and which of their values is best. Pure functions. */

import { colorAt, colorOf, HUES, isAlike } from "@/theme/palette";

export interface Difference {
  name: string;
  /** One per run, as text; undefined where the run has none. */
  values: (string | undefined)[];
  isDifferent: boolean;
}

export function compareValues(runs: readonly Record<string, unknown>[]): Difference[] {
  const names = [...new Set(runs.flatMap((one) => Object.keys(one)))].sort((a, b) => a.localeCompare(b));
  return names.map((name) => {
    const values = runs.map((one) => (Object.hasOwn(one, name) ? show(one[name]) : undefined));
    return { name, values, isDifferent: new Set(values).size > 1 };
  });
}

const SMALLER = /loss|err|perplexity|ppl|mae|mse|rmse|wer|cer|fid|latency|seconds|time/i;
const GREATER = /acc|auc|f1|precision|recall|score|map|bleu|rouge|reward|iou|psnr|ssim/i;

/** The places of the best numbers; none where it cannot be told which way is better, or all are alike. */
export function findBest(name: string, values: readonly unknown[]): number[] {
  const isSmaller = SMALLER.test(name);
  if (isSmaller === GREATER.test(name)) return [];
  const numbers = values.filter((one): one is number => typeof one === "number" && Number.isFinite(one));
  if (new Set(numbers).size < 2) return [];
  const best = isSmaller ? Math.min(...numbers) : Math.max(...numbers);
  return values.flatMap((one, place) => (one === best ? [place] : []));
}

function show(value: unknown): string {
  if (value === null) return "null";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const ALL = Array.from({ length: 24 }, (_, place) => colorAt(place));

/** A colour per run: its own where no other run here has it or one like it, else the first that is unlike, then the first free. */
export function assignColors(runs: readonly string[]): Map<string, string> {
  const colors = new Map<string, string>();
  const taken = new Set<string>();
  for (const key of [...runs].sort()) {
    const isFree = (color: string) => !taken.has(color);
    const isUnlike = (color: string) => isFree(color) && ![...taken].some((one) => isAlike(one, color));
    const own = colorOf(key);
    const color = [own, ...HUES].find(isUnlike) ?? [own, ...ALL].find(isFree) ?? own;
    taken.add(color);
    colors.set(key, color);
  }
  return colors;
}
