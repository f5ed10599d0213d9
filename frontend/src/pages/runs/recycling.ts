/** Deleting runs here, and having them back. The servers are never touched. */
import { useQuery } from "@tanstack/react-query";
import { get, post } from "@/api/client";
import { keys } from "@/api/keys";
import { useRunChange } from "@/api/runs";

const AT_ONCE = 100;

/** Delete any number of runs; the API takes a hundred at a time. Answers what could not be deleted, and why. */
async function deleteRuns(all: readonly string[]): Promise<string[]> {
  const refusals: string[] = [];
  for (let start = 0; start < all.length; start += AT_ONCE) {
    const answer = await post("/api/runs/soft-delete", { run_ids: all.slice(start, start + AT_ONCE) });
    for (const [key, { success, error }] of Object.entries(answer.results)) {
      if (!success) refusals.push(`${key}: ${error ?? "not deleted"}`);
    }
  }
  return refusals;
}

export function useDeleteRuns() {
  return useRunChange(deleteRuns);
}

export function useRecycleBin() {
  return useQuery({
    queryKey: keys.recycleBin,
    queryFn: ({ signal }) => get("/api/recycle-bin", { signal }),
  });
}

export function useRestore() {
  return useRunChange((runs: readonly string[]) => post("/api/recycle-bin/restore", { run_ids: [...runs] }));
}

export function useEmptyBin() {
  return useRunChange(() => post("/api/recycle-bin/empty", { confirm: true }));
}
