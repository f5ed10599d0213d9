/**
 * Lines of a log as text with styles: colours become names of the theme's, progress bars fold to their last state, and
 * every other control sequence is left out. Pure functions.
 */

import { reveal } from "@/format/names";

export interface Span {
  text: string;
  /** 0 to 7: black, red, green, yellow, blue, magenta, cyan, white. */
  color: number | null;
  isBold: boolean;
  isDim: boolean;
}

type Style = Omit<Span, "text">;

const ESC = String.fromCharCode(27);
const BELL = String.fromCharCode(7);
const PLAIN: Style = { color: null, isBold: false, isDim: false };
const SEQUENCE = new RegExp(
  `${ESC}\\[([0-9;:]*)([@-~])|${ESC}\\][^${BELL}${ESC}]*(?:${BELL}|${ESC}\\\\)?|${ESC}[ -/]*[0-~]?`,
  "g",
);
const CONTROL = /(?!\t)\p{Cc}/gu;
const STAMP =
  /^\[?(?:\d{4}-\d\d-\d\d[ T])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?\]?(?:\s*[|–-])?\s*/;

/** What is left on the screen of a line that was written over. */
export function fold(text: string): string {
  const ended = text.endsWith("\r") ? text.slice(0, -1) : text;
  return ended.slice(ended.lastIndexOf("\r") + 1);
}

export function parseAnsi(text: string): Span[] {
  const spans: Span[] = [];
  let style = PLAIN;
  let place = 0;
  for (const found of text.matchAll(SEQUENCE)) {
    push(spans, text.slice(place, found.index), style);
    if (found[2] === "m") style = applyCodes(style, found[1] ?? "");
    place = found.index + found[0].length;
  }
  push(spans, text.slice(place), style);
  return spans;
}

/** The line without its colours: what is searched and copied. */
export function stripAnsi(text: string): string {
  return parseAnsi(text)
    .map((span) => span.text)
    .join("");
}

/** A line without the time it begins with. */
export function stripTime(text: string): string {
  return text.replace(STAMP, "");
}

function push(spans: Span[], text: string, style: Style): void {
  const shown = reveal(text.replace(CONTROL, ""));
  if (shown) spans.push({ text: shown, ...style });
}

function applyCodes(before: Style, codes: string): Style {
  let style = before;
  const all = codes.split(/[;:]/).map(Number);
  for (let index = 0; index < all.length; index += 1) {
    const code = all[index] ?? 0;
    if (code === 0) style = PLAIN;
    else if (code === 1) style = { ...style, isBold: true };
    else if (code === 2) style = { ...style, isDim: true };
    else if (code === 22) style = { ...style, isBold: false, isDim: false };
    else if (code >= 30 && code <= 37) style = { ...style, color: code - 30 };
    else if (code >= 90 && code <= 97) style = { ...style, color: code - 90 };
    else if (code === 39) style = { ...style, color: null };
    else if (code === 38 || code === 48) {
      const chosen = all[index + 2] ?? 0;
      if (code === 38 && all[index + 1] === 5 && chosen < 16) style = { ...style, color: chosen % 8 };
      index += all[index + 1] === 2 ? 4 : 2;
    }
  }
  return style;
}
