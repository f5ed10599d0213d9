/**
 * Stable colours for runs, told apart by the colour-blind too: Okabe and Ito's first, then the same hues lighter and
 * darker. The same run has the same colour in table, chart and legend. Pure functions.
 */

const OKABE_ITO = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#8c8c8c", "#a89a00"];
const STEPS = [0, -0.3, 0.2];
/** Of these hues, pairs that thin lines do not tell apart well: blue and sky, orange and vermilion, orange and olive. */
const ALIKE = [
  [0, 4],
  [1, 5],
  [1, 7],
];

/** The hues, each as it is. */
export const HUES: readonly string[] = OKABE_ITO;

/** Whether two of the hues look alike as thin lines. */
export function isAlike(one: string, other: string): boolean {
  return ALIKE.some((pair) => pair.includes(HUES.indexOf(one)) && pair.includes(HUES.indexOf(other)));
}

/** The colour at a place in a list of runs; after 24 it begins again. */
export function colorAt(index: number): string {
  const base = OKABE_ITO[index % OKABE_ITO.length] ?? "#0072b2";
  return shade(base, STEPS[Math.floor(index / OKABE_ITO.length) % STEPS.length] ?? 0);
}

/** The colour of a run by its key, where no list gives it a place: a hue as it is, since shades of one look alike. */
export function colorOf(key: string): string {
  let hash = 2166136261;
  for (const letter of key) hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 16777619);
  return colorAt((hash >>> 0) % OKABE_ITO.length);
}

function shade(color: string, amount: number): string {
  const target = amount > 0 ? 255 : 0;
  const part = (from: number) => {
    const value = Number.parseInt(color.slice(from, from + 2), 16);
    return Math.round(value + (target - value) * Math.abs(amount))
      .toString(16)
      .padStart(2, "0");
  };
  return `#${part(1)}${part(3)}${part(5)}`;
}
