/** The rows in view: which pages they need, and what is beside them. Rows not yet here are undefined, never another's. */
import { useDebouncedValue, useThrottledValue } from "@mantine/hooks";
import { QueryObserver, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useReducer, useRef } from "react";
import {
  askForPage,
  keyOfPage,
  PAGE,
  type PageWanted,
  type Run,
  type RunPage,
  useFirstPage,
  useRunGroups,
  useRunPages,
  useRunValues,
  useSparklines,
} from "@/api/runs";
import { Layout, type Section, type View } from "./view";

const REST = 90;
const THROTTLE = 150;
const NEAR = 20;
const AT_ONCE = 10;

export function useSections(view: View, closed: ReadonlySet<string>) {
  const first = useFirstPage(makeQuery(view, null));
  const groups = useRunGroups(view.group, view.q);
  const total = first.data?.total;
  const layout = useMemo(() => {
    const sections: Section[] =
      view.group === null
        ? [{ value: null, count: total ?? 0, isOpen: true }]
        : (groups.data ?? []).map(({ value, count }) => ({ value, count, isOpen: !closed.has(value) }));
    return new Layout(sections);
  }, [view.group, groups.data, total, closed]);
  return { layout, total, first, isPending: first.isPending, error: first.error ?? groups.error };
}

/**
 * Return what is at each place from `start` to before `end`. Pages are asked for a little ahead, and only a few times a
 * second: whoever drags through a hundred thousand rows wants those at the end of it.
 */
export function useRows(view: View, layout: Layout, start: number, end: number): Map<number, Run> {
  const client = useQueryClient();
  const near = useThrottledValue(Math.floor(start / NEAR), THROTTLE);
  const size = Math.ceil((end - start) / NEAR) * NEAR;
  const wanted = useMemo(
    () => listPages(view, layout, (near - 1) * NEAR, (near + 1) * NEAR + size),
    [view, layout, near, size],
  );
  const pages = useRunPages(wanted);
  const rows = new Map<number, Run>();
  for (let place = start; place < end; place += 1) {
    const line = layout.at(place);
    if (line?.kind !== "row") continue;
    const value = layout.sections[line.section]?.value ?? null;
    const page = Math.floor(line.index / PAGE);
    const index = wanted.findIndex((one) => one.page === page && one.value === value);
    const asked = pages[index];
    const known = asked
      ? asked.data
      : client.getQueryData<RunPage>(keyOfPage({ query: makeQuery(view, value), page }));
    const run = known?.data[line.index % PAGE];
    if (run) rows.set(place, run);
  }
  return rows;
}

/**
 * A function that does something with the run at a place: at once where it is known, whether or not it has been drawn, and
 * else when it has come, wherever one has scrolled to by then. It is for keys, which are pressed faster than rows come.
 */
export function useWithRun(view: View, layout: Layout): (place: number, work: (run: Run) => void) => void {
  const client = useQueryClient();
  const waiting = useRef(new Set<() => void>());
  useEffect(() => {
    const all = waiting.current;
    return () => {
      for (const end of all) end();
    };
  }, []);
  return useCallback(
    (place, work) => {
      const line = layout.at(place);
      if (line?.kind !== "row") return;
      const query = makeQuery(view, layout.sections[line.section]?.value ?? null);
      const page = askForPage({ query, page: Math.floor(line.index / PAGE) });
      const act = (known: RunPage) => {
        const run = known.data[line.index % PAGE];
        if (run) work(run);
      };
      const known = client.getQueryData<RunPage>(page.queryKey);
      if (known) {
        act(known);
        return;
      }
      const stop = new QueryObserver(client, page).subscribe(({ data, isFetching }) => {
        if (!data && isFetching) return;
        end();
        if (data) act(data);
      });
      const end = () => {
        stop();
        waiting.current.delete(end);
      };
      waiting.current.add(end);
    },
    [client, view, layout],
  );
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

/**
 * The rows to draw now. When a page comes, a whole view of rows is known at once: they are drawn over some frames, as all
 * of them would cost more than one has time for.
 */
export function useGradually(rows: ReadonlyMap<number, Run>): ReadonlyMap<number, Run> {
  const [, drawMore] = useReducer((count: number) => count + 1, 0);
  const before = useRef<ReadonlyMap<number, Run> | null>(null);
  const drawn = before.current === null ? rows : takeSome(rows, before.current, AT_ONCE);
  useEffect(() => {
    if (before.current !== null || drawn.size > 0) before.current = drawn;
    if (drawn.size === rows.size) return;
    const frame = requestAnimationFrame(drawMore);
    return () => cancelAnimationFrame(frame);
  });
  return drawn;
}

/** All that was there before, as it is now, and at most so many others. */
export function takeSome<T>(
  all: ReadonlyMap<number, T>,
  before: ReadonlyMap<number, T>,
  most: number,
): ReadonlyMap<number, T> {
  let left = most;
  const taken = [...all].filter(([place]) => before.has(place) || left-- > 0);
  return taken.length === all.size ? all : new Map(taken);
}

/** What the rows in view show beside their runs. Keys are asked for in whole pages, so that scrolling asks seldom. */
export function useBeside(runs: ReadonlyMap<number, Run>, names: readonly string[], hasCurves: boolean) {
  const chosen = useMemo(() => [...runs.values()].map((run) => run.key), [runs]);
  const [stable] = useDebouncedValue(useStable(chosen), REST);
  const values = useRunValues(stable, names);
  const curves = useSparklines(stable, hasCurves);
  return { values: values.data, curves: curves.data };
}

/** The same array as long as it says the same. */
function useStable(values: readonly string[]): readonly string[] {
  const text = values.join("\n");
  // biome-ignore lint/correctness/useExhaustiveDependencies: the text says all that is in the values
  return useMemo(() => values, [text]);
}
