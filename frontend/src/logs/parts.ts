/** Marks what was searched for within styled text. Pure. */
import type { Span } from "./ansi";

export interface Part extends Span {
  isFound: boolean;
}

/** Split spans where `wanted` begins and ends, upper and lower case alike, also across spans. */
export function markFound(spans: readonly Span[], wanted: string): Part[] {
  const text = spans.map((span) => span.text).join("");
  const edges = findAll(text.toLowerCase(), wanted.toLowerCase());
  const parts: Part[] = [];
  let start = 0;
  for (const span of spans) {
    const end = start + span.text.length;
    let place = start;
    for (const from of edges) {
      const to = from + wanted.length;
      if (to <= place || from >= end) continue;
      if (from > place) parts.push({ ...span, text: text.slice(place, from), isFound: false });
      const begin = Math.max(from, place);
      const stop = Math.min(to, end);
      parts.push({ ...span, text: text.slice(begin, stop), isFound: true });
      place = stop;
    }
    if (place < end) parts.push({ ...span, text: text.slice(place, end), isFound: false });
    start = end;
  }
  return parts;
}

function findAll(text: string, wanted: string): number[] {
  const found: number[] = [];
  if (!wanted) return found;
  for (let at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length)) found.push(at);
  return found;
}
