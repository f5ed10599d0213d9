/** What the table of runs shows: the address's query, so that a view can be kept and sent. Pure but for the hook. */
import { useCallback } from "react";
import { useSearchParams } from "wouter";

export const GROUPINGS = ["server", "project", "name", "status"] as const;
export type Grouping = (typeof GROUPINGS)[number];
export type SortKey =
  | "created_time"
  | "started_at"
  | "ended_at"
  | "duration_seconds"
  | "status"
  | "project"
  | "name"
  | "id"
  | "key"
  | "server"
  | "best_metric_value"
  | "best";

export interface View {
  q: string;
  sort: SortKey;
  order: "asc" | "desc";
  group: Grouping | null;
}

const SORTS = new Set<string>([
  "created_time",
  "started_at",
  "ended_at",
  "duration_seconds",
  "status",
  "project",
  "name",
  "id",
  "key",
  "server",
  "best_metric_value",
  "best",
]);

export function readView(search: URLSearchParams): View {
  const sort = search.get("sort") ?? "";
  const group = search.get("group");
  return {
    q: search.get("q") ?? "",
    sort: SORTS.has(sort) ? (sort as SortKey) : "created_time",
    order: search.get("order") === "asc" ? "asc" : "desc",
    group: GROUPINGS.find((one) => one === group) ?? null,
  };
}

/** Only what differs from the plain view is written. */
export function writeView(view: View): URLSearchParams {
  const search = new URLSearchParams();
  if (view.q) search.set("q", view.q);
  if (view.sort !== "created_time") search.set("sort", view.sort);
  if (view.order !== "desc") search.set("order", view.order);
  if (view.group) search.set("group", view.group);
  return search;
}

export function useView(): [View, (change: Partial<View>) => void] {
  const [search, setSearch] = useSearchParams();
  const change = useCallback(
    (changed: Partial<View>) =>
      setSearch((before) => writeView({ ...readView(before), ...changed }), { replace: true }),
    [setSearch],
  );
  return [readView(search), change];
}

/** The same again turns it round; another one begins with the greatest, or the last. */
export function turn({ sort, order }: View, by: SortKey): Pick<View, "sort" | "order"> {
  return { sort: by, order: sort === by && order === "desc" ? "asc" : "desc" };
}

/** Where each line of the table comes from: heads and rows of groups, or rows of the one unnamed group. */
export interface Section {
  /** Null: the table is not grouped. */
  value: string | null;
  count: number;
  isOpen: boolean;
}
export type Line = { kind: "head"; section: number } | { kind: "row"; section: number; index: number };

export class Layout {
  private readonly starts: number[] = [];
  readonly length: number;

  constructor(readonly sections: readonly Section[]) {
    let start = 0;
    for (const section of sections) {
      this.starts.push(start);
      start += (section.value === null ? 0 : 1) + (section.isOpen ? section.count : 0);
    }
    this.length = start;
  }

  at(place: number): Line | null {
    if (place < 0 || place >= this.length) return null;
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.starts[middle] ?? 0) <= place) low = middle;
      else high = middle - 1;
    }
    const inside = place - (this.starts[low] ?? 0);
    if (this.sections[low]?.value === null) return { kind: "row", section: low, index: inside };
    return inside === 0 ? { kind: "head", section: low } : { kind: "row", section: low, index: inside - 1 };
  }
}
