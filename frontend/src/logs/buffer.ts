/** The lines of a log that are here: its end, which grows, and pages of what lies before. It asks nobody by itself. */

export interface LiveMessage {
  text: string;
  cursor: string;
  number: number | null;
  is_partial: boolean;
  is_rest: boolean;
  is_anew: boolean;
}

export interface LogPage {
  lines: readonly { number: number | null; text: string }[];
}

export const PAGE = 1000;
const MOST_KEPT = 200_000;
const MOST_PAGES = 300;

export class LogBuffer {
  /** The end of the log, from line `first` on; null: its number is not known yet. */
  private end: string[] = [];
  private first: number | null = 0;
  private shift = 0;
  private readonly pages = new Map<number, string[]>();

  /** How many lines the list has; those before a page that was fetched are empty places. */
  get count(): number {
    return (this.first ?? 0) + this.end.length;
  }

  get isNumbered(): boolean {
    return this.first !== null;
  }

  /** By how many places lines moved when their numbers became known. */
  get moved(): number {
    return this.shift;
  }

  /** Take in the number of the last line, where none was known. */
  number(last: number): void {
    if (this.first !== null || this.end.length === 0) return;
    this.first = this.shift = Math.max(0, last - (this.end.length - 1));
  }

  open(page: LogPage): void {
    this.pages.clear();
    this.end = page.lines.map((line) => line.text);
    this.first = page.lines.length > 0 ? (page.lines[0]?.number ?? null) : 0;
  }

  read(index: number): string | undefined {
    const first = this.first ?? 0;
    if (index >= first) return this.end[index - first];
    return this.pages.get(Math.floor(index / PAGE))?.[index % PAGE];
  }

  /** The page that holds a line before the end; null where nothing has to be fetched for it. */
  missingPage(index: number): number | null {
    if (index < 0 || this.first === null || index >= this.first) return null;
    const page = Math.floor(index / PAGE);
    return this.pages.has(page) ? null : page;
  }

  keepPage(page: number, lines: readonly string[]): void {
    this.pages.set(page, [...lines]);
    const [oldest] = this.pages.keys();
    if (this.pages.size > MOST_PAGES && oldest !== undefined) this.pages.delete(oldest);
  }

  take(message: LiveMessage): void {
    if (message.is_anew) {
      this.pages.clear();
      this.end = [];
      this.first = 0;
    }
    const last = this.end.length - 1;
    if (message.is_rest && last >= 0) this.end[last] = `${this.end[last]}${message.text}`;
    else this.end.push(message.text);
    if (message.number !== null) this.number(message.number);
    if (this.end.length > MOST_KEPT && this.first !== null) {
      const dropped = Math.ceil(MOST_KEPT / 4 / PAGE) * PAGE;
      this.end.splice(0, dropped);
      this.first += dropped;
    }
  }
}
