/** Names that are too long lose their middle: what tells them apart is mostly at the end. Pure functions. */

const ELLIPSIS = "…";

// Bidirectional marks, overrides and isolates; and what a terminal would act on.
const HIDDEN = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]|(?![\t\n\r])\p{Cc}/gu;

/** Text of a server's with the letters that would turn what stands beside them around as escapes, as the command line does. */
export function reveal(text: string): string {
  return text.replace(HIDDEN, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Cut to at most `most` characters, keeping more of the end than of the beginning. */
export function cutMiddle(text: string, most: number): string {
  const letters = [...text];
  if (letters.length <= most) return text;
  const kept = Math.max(1, most - 1);
  const end = Math.ceil(kept * 0.6);
  return letters.slice(0, kept - end).join("") + ELLIPSIS + letters.slice(letters.length - end).join("");
}

/** Split for a box whose width is not known: the first part may be shortened by it, the second stays whole. */
export function splitForCut(text: string, kept = 8): [string, string] {
  const letters = [...text];
  if (letters.length <= kept + 4) return [text, ""];
  return [letters.slice(0, -kept).join(""), letters.slice(-kept).join("")];
}

/** `/a/b/c` as its ancestors: [["/", "/"], ["a", "/a"], ["b", "/a/b"], ...]. */
export function listAncestors(path: string): [string, string][] {
  const parts = path.split("/").filter(Boolean);
  const steps: [string, string][] = [["/", "/"]];
  parts.forEach((part, index) => {
    steps.push([part, `/${parts.slice(0, index + 1).join("/")}`]);
  });
  return steps;
}
