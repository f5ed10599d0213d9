/** How far a sync is: files and bytes, rate and end, the file under way. It keeps its height whatever it says. */
import { Progress } from "@mantine/core";
import { isBusy, type Sync } from "@/api/status";
import { formatBytes, formatRate } from "@/format/bytes";
import { formatCount } from "@/format/numbers";
import { formatDuration } from "@/format/times";
import { Age } from "./Age";
import { Name } from "./Name";
import classes from "./SyncProgress.module.css";

const WORDS: Record<string, string> = {
  starting: "Starting",
  scanning: "Looking through the folder",
  fetching: "Copying",
  watching: "In step",
  idle: "Waits for “Sync now”",
  reconnecting: "Waits for the connection",
  halted: "In step, deletions stopped",
  failed: "Failed",
  stopped: "Stopped",
};

/** `isReached`: whether its server is; where it is not, nothing is under way. */
export function SyncProgress({ sync, isReached = true }: { sync: Sync; isReached?: boolean }) {
  const isUnderWay = isReached && isBusy(sync);
  const state = isBusy(sync) && !isReached ? "reconnecting" : sync.state;
  const share = sync.bytes_total > 0 ? sync.bytes_done / sync.bytes_total : 0;
  return (
    <div className={classes.progress}>
      <div className={classes.line}>
        <strong>{sync.is_paused ? "Paused" : (WORDS[state] ?? state)}</strong>
        {isUnderWay ? <Counts sync={sync} /> : <Rest sync={sync} />}
      </div>
      {isUnderWay && (
        <Progress
          value={share * 100}
          size="xs"
          aria-label={`${sync.remote_root}: ${Math.floor(share * 100)} percent copied`}
          transitionDuration={0}
        />
      )}
      {isUnderWay && (
        <div className={classes.file}>
          {sync.current_file ? <Name text={sync.current_file} kept={20} /> : " "}
        </div>
      )}
    </div>
  );
}

function Counts({ sync }: { sync: Sync }) {
  return (
    <span className="dim">
      {formatCount(sync.files_done)} of {formatCount(sync.files_total)} files, {formatBytes(sync.bytes_done)}{" "}
      of {formatBytes(sync.bytes_total)}
      {sync.bytes_per_second > 0 && `, ${formatRate(sync.bytes_per_second)}`}
      {sync.eta_seconds != null && `, ${formatDuration(Math.ceil(sync.eta_seconds))} left`}
    </span>
  );
}

function Rest({ sync }: { sync: Sync }) {
  return (
    <span className="dim">
      {formatCount(sync.copied_files)} files, {formatBytes(sync.copied_bytes)} copied since it started
      {sync.last_sync_at ? (
        <>
          {"; looked "}
          <Age at={sync.last_sync_at} />
        </>
      ) : null}
    </span>
  );
}
