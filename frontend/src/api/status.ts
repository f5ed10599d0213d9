/** What is connected and how far its syncs are. */
import { useQuery } from "@tanstack/react-query";
import { get, type Schema } from "./client";
import { keys } from "./keys";

export type Connection = Schema<"ConnectionAnswer">;
export type Sync = Schema<"SyncAnswer">;
export type Problem = Schema<"ProblemAnswer">;

const EVERY = 10_000;

export function useStatus() {
  return useQuery({
    queryKey: keys.status,
    queryFn: ({ signal }) => get("/api/unified/status", { signal }),
    refetchInterval: EVERY,
  });
}

/** The connections, in a stable order; undefined until the first answer. */
export function useConnections(): Connection[] | undefined {
  const { data } = useStatus();
  if (!data) return undefined;
  return [...(data.connections ?? [])].sort((a, b) => a.connection_id.localeCompare(b.connection_id));
}

/** A sync that has work to show: a first look, or files on their way. */
export function isBusy(sync: Sync): boolean {
  return sync.state === "starting" || sync.state === "scanning" || sync.state === "fetching";
}

const ON_PURPOSE = new Set(["skipped", "excluded", "too-large"]);

/** Lock files, and what the user's own patterns leave out: nothing is wrong. */
export function isOnPurpose(problem: { code: string }): boolean {
  return ON_PURPOSE.has(problem.code);
}
