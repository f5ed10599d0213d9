/** The rows in view: which pages they need, and what is beside them. Rows not yet here are undefined, never another's. */
import { useMemo } from "react";
import {
  PAGE,
  type PageWanted,
  type Run,
  useRunGroups,
  useRunPages,
  useRunValues,
  useSparklines,
} from "@/api/runs";
import type { Beside } from "./columns";
import { Layout, type Section, type View } from "./view";

export function useSections(view: View, closed: ReadonlySet<string>) {
  const first = useRunPages([{ query: makeQuery(view, null), page: 0 }])[0];
  const groups = useRunGroups(view.group, view.q);
  const total = first?.data?.total;
  const layout = useMemo(() => {
    const sections: Section[] =
      view.group === null
        ? [{ value: null, count: total ?? 0, isOpen: true }]
        : (groups.data ?? []).map(({ value, count }) => ({ value, count, isOpen: !closed.has(value) }));
    return new Layout(sections);
  }, [view.group, groups.data, total, closed]);
  return { layout, total, first, isPending: first?.isPending ?? true, error: first?.error ?? groups.error };
}

/** Return what is at each place from `start` to before `end`. */
export function useRows(view: View, layout: Layout, start: number, end: number): Map<number, Run> {
  const wanted = useMemo(() => listPages(view, layout, start, end), [view, layout, start, end]);
  const pages = useRunPages(wanted);
  const rows = new Map<number, Run>();
  for (let place = start; place < end; place += 1) {
    const line = layout.at(place);
    if (line?.kind !== "row") continue;
    const value = layout.sections[line.section]?.value ?? null;
    const index = wanted.findIndex(
      (one) => one.page === Math.floor(line.index / PAGE) && one.value === value,
    );
    const page = pages[index];
    const run = page?.isPlaceholderData ? undefined : page?.data?.data[line.index % PAGE];
    if (run) rows.set(place, run);
  }
  return rows;
}

export function listPages(
  view: View,
  layout: Layout,
  start: number,
  end: number,
): (PageWanted & { value: string | null })[] {
  const found = new Map<string, PageWanted & { value: string | null }>();
  for (let place = start; place < end; place += 1) {
    const line = layout.at(place);
    if (line?.kind !== "row") continue;
    const value = layout.sections[line.section]?.value ?? null;
    const page = Math.floor(line.index / PAGE);
    const name = `${line.section}:${page}`;
    if (!found.has(name)) found.set(name, { query: makeQuery(view, value), page, value });
  }
  return [...found.values()];
}

export function makeQuery(view: View, value: string | null) {
  const query = { q: view.q || undefined, sort: view.sort, order: view.order };
  return view.group !== null && value !== null ? { ...query, [view.group]: [value] } : query;
}

/** What the rows in view show beside their runs. Keys are asked for in whole pages, so that scrolling asks seldom. */
export function useBeside(runs: ReadonlyMap<number, Run>, names: readonly string[], hasCurves: boolean) {
  const chosen = useMemo(() => [...runs.values()].map((run) => run.key), [runs]);
  const stable = useStable(chosen);
  const values = useRunValues(stable, names);
  const curves = useSparklines(stable, hasCurves);
  return (run: Run): Beside => ({ values: values.data?.[run.key], sparkline: curves.data?.[run.key] });
}

/** The same array as long as it says the same. */
function useStable(values: readonly string[]): readonly string[] {
  const text = values.join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text says all that is in the values
  return useMemo(() => values, [text]);
}
