/** JSON as it was written: a whole number that no JavaScript number holds becomes its digits, as text. Pure functions. */

interface Context {
  source?: string;
}

const LONG = /(?<![\d.])\d{16}/; // what lies behind a point, as most long numbers do, costs no closer look
const WHOLE = /^-?\d+$/;

/** Seeds have 64 bits: rounded, two that differ would be told as one. */
export function parseJson(text: string): unknown {
  return LONG.test(text) ? JSON.parse(text, keepDigits) : JSON.parse(text);
}

function keepDigits(_key: string, value: unknown, context?: Context): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source; // older browsers do not tell
  return source !== undefined && WHOLE.test(source) ? source : value;
}

/** The text with indents, and every number as it stands there; what is no JSON comes back as it is. */
export function indentJson(text: string): string {
  const { rawJSON } = JSON as { rawJSON?: (source: string) => unknown };
  const keep = (_key: string, value: unknown, context?: Context) =>
    typeof value === "number" && context?.source !== undefined && rawJSON ? rawJSON(context.source) : value;
  try {
    return JSON.stringify(JSON.parse(text, keep), null, 2);
  } catch {
    return text;
  }
}
