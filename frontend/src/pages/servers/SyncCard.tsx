/** One sync: how far it is, what can be done with it, what it could not copy and why. */

import { Button, Group } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { isOnPurpose, type Sync } from "@/api/status";
import { ErrorNote } from "@/components/ErrorNote";
import { Name } from "@/components/Name";
import { SyncProgress } from "@/components/SyncProgress";
import { tellFailure } from "@/components/toasts";
import { reveal } from "@/format/names";
import { countOf } from "@/format/numbers";
import { useSyncAction } from "./actions";
import classes from "./Servers.module.css";

function isAllOnPurpose(sync: Sync): boolean {
  return sync.problems.every(isOnPurpose);
}

function nameTrouble(sync: Sync): string {
  if (isAllOnPurpose(sync)) {
    return "left out on purpose";
  }
  const isAllHere = sync.problems.every((problem) => problem.code === "damaged" || isOnPurpose(problem));
  return isAllHere ? "not understood, or left out on purpose" : "not copied, not fresh or not understood";
}

interface Props {
  sync: Sync;
  connectionId: string;
  isLive: boolean;
}

export function SyncCard({ sync, connectionId, isLive }: Props) {
  const [areProblemsShown, problems] = useDisclosure();
  return (
    <article className={classes.sync} aria-label={sync.remote_root}>
      <header className={classes.head}>
        <span className={classes.root}>
          <Name text={sync.remote_root} kept={20} isCopied />
        </span>
        <span className="dim">{sync.mode}</span>
        <Actions sync={sync} connectionId={connectionId} isLive={isLive} />
      </header>
      <SyncProgress sync={sync} isReached={isLive} />
      {/* of a lost connection the server tells, once for all of its syncs */}
      {isLive && sync.last_error && sync.state !== "watching" && <ErrorNote error={sync.last_error} />}
      {sync.problem_count > 0 && (
        <>
          <button
            type="button"
            className={classes.problems}
            data-wanted={isAllOnPurpose(sync) || undefined}
            aria-expanded={areProblemsShown}
            onClick={problems.toggle}
          >
            {countOf(sync.problem_count, "file")} {nameTrouble(sync)}
          </button>
          {areProblemsShown && <Problems sync={sync} />}
        </>
      )}
    </article>
  );
}

function Actions({ sync, connectionId, isLive }: Props) {
  const action = useSyncAction();
  const run = (kind: "pause" | "resume" | "sync" | "stop") =>
    action.mutate(
      { kind, sync, connectionId },
      { onError: (error) => tellFailure(`${sync.remote_root}`, error) },
    );
  return (
    <Group gap="xs" className={classes.actions}>
      <Button
        variant="default"
        disabled={action.isPending}
        onClick={() => run(sync.is_paused ? "resume" : "pause")}
      >
        {sync.is_paused ? "Resume" : "Pause"}
      </Button>
      <Button
        variant="default"
        disabled={!isLive || sync.is_paused || action.isPending}
        onClick={() => run("sync")}
      >
        Sync now
      </Button>
      <Button
        variant="default"
        disabled={action.isPending}
        title="Ends this sync; what was copied stays here"
        onClick={() => run("stop")}
      >
        Stop
      </Button>
    </Group>
  );
}

function Problems({ sync }: { sync: Sync }) {
  const more = sync.problem_count - sync.problems.length;
  return (
    <table className={classes.table}>
      <thead>
        <tr>
          <th scope="col">File</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        {sync.problems.map((problem) => (
          <tr key={`${problem.path} ${problem.code}`}>
            <td className={classes.path}>{reveal(problem.path) || "(the folder itself)"}</td>
            <td>{problem.message}</td>
          </tr>
        ))}
        {more > 0 && (
          <tr>
            <td colSpan={2} className="dim">
              and {more} more
            </td>
          </tr>
        )}
      </tbody>
    </table>
  );
}
