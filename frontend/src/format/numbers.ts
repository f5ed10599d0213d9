/** Numbers as people compare them: four significant digits, the exact value elsewhere (a title). Pure functions. */

export const NOTHING = "–";

/** `0.1234`, `12.35`, `1,234`, `1.235e6`, `1.2e-7`; integers below a million stay whole. */
export function formatNumber(value: number | null | undefined): string {
  if (value === null || value === undefined) return NOTHING;
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return withMinus(group(value));
  if (size !== 0 && (size >= 1e6 || size < 1e-4)) return withMinus(shortExponent(value));
  const text = value.toPrecision(4);
  const plain = text.includes("e") ? String(Number(text)) : text;
  return withMinus(plain.includes(".") ? plain.replace(/\.?0+$/, "") : plain);
}

/** Every digit that distinguishes the value. */
export function formatExact(value: number | null | undefined): string {
  return value === null || value === undefined ? NOTHING : String(value);
}

/** Counts: `1,234,567`. */
export function formatCount(value: number): string {
  return withMinus(group(value));
}

/** `1 run`, `2 runs`. */
export function countOf(value: number, noun: string, plural = `${noun}s`): string {
  return `${formatCount(value)} ${value === 1 ? noun : plural}`;
}

export function formatPercent(share: number): string {
  return `${Math.floor(Math.min(1, Math.max(0, share)) * 100)} %`;
}

function group(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function shortExponent(value: number): string {
  const [digits = "0", exponent = "0"] = value.toExponential(3).split("e");
  return `${digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits}e${Number(exponent)}`;
}

function withMinus(text: string): string {
  return text.replace("-", "−").replace("e-", "e−");
}
