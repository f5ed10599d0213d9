/** What can be done with connections and syncs; afterwards the status is asked again. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { post } from "@/api/client";
import { keys } from "@/api/keys";
import type { Sync } from "@/api/status";

export interface SyncAction {
  kind: "pause" | "resume" | "sync" | "stop";
  sync: Sync;
  connectionId: string;
}

async function act({ kind, sync, connectionId }: SyncAction): Promise<void> {
  switch (kind) {
    case "pause":
      await post("/api/unified/pause", { sync_id: sync.sync_id });
      break;
    case "resume":
      await post("/api/unified/resume", { sync_id: sync.sync_id });
      break;
    case "sync":
      await post("/api/unified/sync", { connection_id: connectionId, sync_id: sync.sync_id });
      break;
    case "stop":
      await post("/api/unified/stop", { sync_id: sync.sync_id });
      break;
  }
}

export function useSyncAction() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: () => client.invalidateQueries({ queryKey: keys.status }),
  });
}

export function useDisconnect() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (connectionId: string) => post("/api/unified/disconnect", { connection_id: connectionId }),
    onSettled: () => client.invalidateQueries(),
  });
}
