/** Keeps the query cache in step with the stream of events. Mounted once, by the shell. */
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect } from "react";
import type { Schema } from "./client";
import { eventStream, type SyncEvent } from "./events";
import { keys } from "./keys";

const CALM = 700;
const CURVE_CALM = 2000; // small curves of runs that write all the time, and of thousands that are read after a sync

type Status = Schema<"StatusAnswer">;
type Sync = Schema<"SyncAnswer">;

export function useLiveCache(): void {
  const client = useQueryClient();
  useEffect(() => {
    const soon = makeCollector(client, CALM);
    const soonCurves = makeCollector(client, CURVE_CALM);
    let known = eventStream.getState();
    const ends = [
      eventStream.hold(),
      eventStream.subscribe(() => {
        // Runferry may be gone: asked now, that is known in seconds, and not with the next look at the status.
        const state = eventStream.getState();
        if (state === "lost" && known !== "lost") void client.invalidateQueries({ queryKey: keys.status });
        known = state;
      }),
      eventStream.on("refetch", () => void client.invalidateQueries()),
      eventStream.on("connection", () => soon(keys.status, keys.runs)),
      eventStream.on("run", () => soon(keys.runs, keys.status)),
      eventStream.on("series", () => soonCurves(keys.sparklines)),
      eventStream.on("problem", () => soon(keys.problems)),
      eventStream.on("download", () => soon(keys.downloads, keys.cache)),
      eventStream.on("sync", (event) => {
        const status = client.getQueryData<Status>(keys.status);
        if (!status || !knowsSync(status, event)) soon(keys.status);
        else client.setQueryData<Status>(keys.status, patchSync(status, event));
        if (status && isTurning(status, event)) soon(keys.runs);
      }),
    ];
    return () => {
      for (const end of ends) end();
    };
  }, [client]);
}

/** Return a function that invalidates keys, many events at a time. */
function makeCollector(client: QueryClient, calm: number): (...chosen: (readonly unknown[])[]) => void {
  const waiting = new Map<string, readonly unknown[]>();
  function work(): void {
    const all = [...waiting.values()];
    waiting.clear();
    for (const queryKey of all) void client.invalidateQueries({ queryKey });
  }
  return (...chosen) => {
    if (waiting.size === 0) window.setTimeout(work, calm);
    for (const key of chosen) waiting.set(JSON.stringify(key), key);
  };
}

export function knowsSync(status: Status, event: SyncEvent): boolean {
  return (status.connections ?? []).some((one) => one.syncs.some((sync) => sync.sync_id === event.sync_id));
}

const TROUBLED = new Set(["starting", "reconnecting", "failed", "stopped"]); // as `service.runs` judges

/** Whether a sync gets into trouble, out of it, or into step for the first time: how fresh its runs are changes with it. */
export function isTurning(status: Status, event: SyncEvent): boolean {
  const syncs = (status.connections ?? []).flatMap((one) => one.syncs);
  const before = syncs.find((sync) => sync.sync_id === event.sync_id);
  if (before === undefined) return false;
  const isFirst = before.last_sync_at == null && event.last_sync_at != null;
  return isFirst || TROUBLED.has(before.state) !== TROUBLED.has(event.state);
}

/** Return the status with one sync's progress as the event tells it. */
export function patchSync(status: Status, event: SyncEvent): Status {
  const connections = (status.connections ?? []).map((connection) =>
    connection.syncs.some((sync) => sync.sync_id === event.sync_id)
      ? { ...connection, syncs: connection.syncs.map((sync) => patchOne(sync, event)) }
      : connection,
  );
  return { ...status, connections };
}

function patchOne(sync: Sync, event: SyncEvent): Sync {
  if (sync.sync_id !== event.sync_id) return sync;
  const left = event.bytes_total - event.bytes_done;
  const rate = event.bytes_per_second;
  return {
    ...sync,
    state: event.state,
    files_done: event.files_done,
    files_total: event.files_total,
    bytes_done: event.bytes_done,
    bytes_total: event.bytes_total,
    bytes_per_second: rate,
    eta_seconds: event.files_done < event.files_total && rate > 0 && left > 0 ? left / rate : null,
    current_file: event.current_file,
    last_error: event.last_error,
    problem_count: event.problems,
    last_sync_at: event.last_sync_at ?? sync.last_sync_at,
    next_sync_at: event.next_sync_at,
  };
}
