/** How a file is previewed: always as text, a table of text, or an image; never as a page. Pure. */

export type PreviewKind = "text" | "json" | "table" | "image" | "none";

const TEXT =
  /\.(txt|log|out|err|ya?ml|toml|ini|cfg|md|py|sh|jsonl|ndjson|xml|html?|svg|diff|patch|lock|tex|js|ts|css)$/i;
const IMAGE = /\.(png|jpe?g|gif|webp|bmp|avif)$/i;

/** The most that is fetched to be looked at. */
export const MOST_SHOWN = 256 * 1024;

export function choosePreview(path: string): PreviewKind {
  if (IMAGE.test(path)) return "image";
  if (/\.json$/i.test(path)) return "json";
  if (/\.(csv|tsv)$/i.test(path)) return "table";
  const name = path.slice(path.lastIndexOf("/") + 1);
  return TEXT.test(path) || !name.includes(".") ? "text" : "none";
}

/** Rows and fields of CSV or TSV, quotes respected; at most `most` rows. */
export function parseTable(text: string, separator: string, most = 500): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = "";
  let isQuoted = false;
  const end = () => {
    row.push(field);
    field = "";
  };
  for (let index = 0; index < text.length && rows.length < most; index += 1) {
    const letter = text[index] as string;
    if (isQuoted) {
      if (letter !== '"') field += letter;
      else if (text[index + 1] === '"') {
        field += letter;
        index += 1;
      } else isQuoted = false;
    } else if (letter === '"' && field === "") isQuoted = true;
    else if (letter === separator) end();
    else if (letter === "\n") {
      end();
      rows.push(row);
      row = [];
    } else if (letter !== "\r") field += letter;
  }
  if (rows.length < most && (field || row.length > 0)) {
    end();
    rows.push(row);
  }
  return rows;
}
