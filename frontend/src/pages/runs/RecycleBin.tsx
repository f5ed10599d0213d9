/** The runs that were deleted, here or on their servers: restored one by one, or removed from this machine for good. */

import { Button, Group, Modal } from "@mantine/core";
import { useState } from "react";
import { Age } from "@/components/Age";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { tell } from "@/components/toasts";
import { reveal } from "@/format/names";
import { countOf } from "@/format/numbers";
import classes from "./RecycleBin.module.css";
import { useEmptyBin, useRecycleBin, useRestore } from "./recycling";

export function RecycleBin({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      size="xl"
      title="Recycle bin"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <Content />
    </Modal>
  );
}

function Content() {
  const bin = useRecycleBin();
  const restore = useRestore();
  const runs = bin.data?.deleted_runs ?? [];
  const removable = runs.filter((run) => run.origin === "local").length;
  if (bin.isPending) return <Loading what="the recycle bin" />;
  if (bin.isError) return <ErrorNote error={bin.error} onRetry={() => bin.refetch()} />;
  if (runs.length === 0) {
    return (
      <EmptyState title="It is empty">
        <p>Runs that you delete here can be restored from this place.</p>
      </EmptyState>
    );
  }
  return (
    <>
      {restore.isError && <ErrorNote error={restore.error} />}
      <ul className={classes.list}>
        {runs.map((run) => (
          <li key={run.key} className={classes.run}>
            <div className={classes.facts}>
              <Name text={run.key} />
              <div className="dim">
                {reveal(`${run.project} / ${run.name}`)}; deleted <Age at={run.deleted_at} />
                {run.note && <>. {run.note}</>}
              </div>
            </div>
            {run.can_restore && (
              <Button
                variant="default"
                aria-label={`Restore ${run.id}`}
                loading={restore.isPending && restore.variables.includes(run.key)}
                onClick={() => restore.mutate([run.key])}
              >
                Restore
              </Button>
            )}
          </li>
        ))}
      </ul>
      {removable > 0 && <Emptying count={removable} />}
    </>
  );
}

/** Two clicks, as this cannot be undone. */
function Emptying({ count }: { count: number }) {
  const [isAsked, setAsked] = useState(false);
  const emptying = useEmptyBin();
  if (!isAsked) {
    return (
      <Group justify="flex-end" mt="md">
        <Button variant="default" onClick={() => setAsked(true)}>
          Empty the bin
        </Button>
      </Group>
    );
  }
  return (
    <Group justify="flex-end" mt="md" gap="xs">
      <span>
        Remove the copies of {countOf(count, "run")} from this machine for good? The servers keep theirs.
      </span>
      {emptying.isError && <ErrorNote error={emptying.error} />}
      <Button variant="default" onClick={() => setAsked(false)}>
        Cancel
      </Button>
      <Button
        color="bad"
        loading={emptying.isPending}
        onClick={() => emptying.mutate(undefined, { onSuccess: (answer) => tell("Emptied", answer.message) })}
      >
        Remove for good
      </Button>
    </Group>
  );
}
