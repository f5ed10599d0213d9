/** How long a run took, or has taken by now: of one that goes on, nobody tells each second. */
import type { Run } from "@/api/runs";
import { formatDuration } from "@/format/times";
import { Since } from "./Age";

type Timed = Pick<Run, "status" | "started_at" | "ended_at" | "created_time" | "duration_seconds">;

export function Duration({ run }: { run: Timed }) {
  const began = run.started_at ?? run.created_time;
  if (run.status === "running" && run.ended_at === null && began !== null) {
    return <Since at={began} format={formatDuration} />;
  }
  return <>{formatDuration(run.duration_seconds)}</>;
}
