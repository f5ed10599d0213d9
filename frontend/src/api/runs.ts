/** Runs, as lists and tables need them: page by page, with the values and pictures beside them. */
import { keepPreviousData, useMutation, useQueries, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, getCounted, post, type Query, type Schema } from "./client";
import { keys } from "./keys";

export type Run = Schema<"RunAnswer">;
export type RunsQuery = Query<"/api/runs", "get">;

export const PAGE = 100;

/** One page of a list: which filter, and from which page on. */
export interface PageWanted {
  query: RunsQuery;
  page: number;
}

export interface RunPage {
  data: Run[];
  total: number;
}

export function keyOfPage({ query, page }: PageWanted) {
  return [...keys.runs, "page", query, page];
}

export function askForPage({ query, page }: PageWanted) {
  return {
    queryKey: keyOfPage({ query, page }),
    queryFn: ({ signal }: { signal: AbortSignal }): Promise<RunPage> =>
      getCounted("/api/runs", { query: { ...query, limit: PAGE, offset: page * PAGE }, signal }),
    gcTime: 60_000,
  };
}

export function useRunPages(wanted: readonly PageWanted[]) {
  return useQueries({ queries: wanted.map(askForPage) });
}

/** The first page of a list, and until it has come that of the list before: what is drawn of it stays in its place. */
export function useFirstPage(query: RunsQuery) {
  return useQuery({ ...askForPage({ query, page: 0 }), placeholderData: keepPreviousData });
}

export function useRunGroups(by: "server" | "project" | "name" | "status" | null, q: string) {
  return useQuery({
    queryKey: [...keys.runs, "groups", by, q],
    queryFn: ({ signal }) => get("/api/run-groups", { query: { by: by ?? "server", q }, signal }),
    enabled: by !== null,
    // Those of another filter will do for a moment; groups by something else are no groups of these runs.
    placeholderData: (before, query) => (query?.queryKey.at(-2) === by ? before : undefined),
  });
}

/** What the newest runs have values for. */
export function useRunColumns() {
  return useQuery({
    queryKey: [...keys.runs, "columns"],
    queryFn: ({ signal }) => get("/api/run-columns", { signal }),
    staleTime: 30_000,
  });
}

export function useRunValues(runs: readonly string[], names: readonly string[]) {
  return useQuery({
    queryKey: [...keys.runs, "values", runs, names],
    queryFn: () => post("/api/run-values", { keys: [...runs], names: [...names] }),
    enabled: runs.length > 0 && names.length > 0,
    placeholderData: keepPreviousData,
  });
}

export function useSparklines(runs: readonly string[], isWanted: boolean) {
  return useQuery({
    queryKey: [...keys.sparklines, runs],
    queryFn: () => post("/api/run-sparklines", { keys: [...runs] }),
    enabled: isWanted && runs.length > 0,
    placeholderData: keepPreviousData,
  });
}

/** Something that changes runs: afterwards every list is fetched again. */
export function useRunChange<T, A>(change: (argument: A) => Promise<T>) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSettled: () => client.invalidateQueries({ queryKey: keys.runs }),
  });
}
