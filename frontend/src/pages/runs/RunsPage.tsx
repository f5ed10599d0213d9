/** Every run of every server in one table. */
import { ActionIcon, Button, CloseButton, Select, TextInput, Tooltip } from "@mantine/core";
import { useDisclosure } from "@mantine/hooks";
import { IconFilter, IconTrash } from "@tabler/icons-react";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { Link, useLocation } from "wouter";
import { isBusy, type Sync, useConnections } from "@/api/status";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { judge } from "@/components/Lamp";
import { Loading } from "@/components/Loading";
import { Page } from "@/components/Page";
import { useRemembered } from "@/components/remembered";
import { SyncProgress } from "@/components/SyncProgress";
import { TryDemo } from "@/components/TryDemo";
import { countOf, formatCount } from "@/format/numbers";
import { makeComparePath } from "@/shell/paths";
import { useShortcut } from "@/shell/shortcuts";
import { readWay } from "@/shell/traversal";
import { CardsHead } from "./CardsHead";
import { ColumnMenu } from "./ColumnMenu";
import { type Column, FIRST_SHOWN, findColumn, nameOfValue } from "./columns";
import { DeleteButton } from "./DeleteButton";
import { FilterHelp } from "./FilterHelp";
import { RecycleBin } from "./RecycleBin";
import classes from "./RunsPage.module.css";
import { RunTable } from "./RunTable";
import { useSections } from "./rows";
import { selection, useSelection } from "./selection";
import { GROUPINGS, useView, type View } from "./view";

const MOST_COMPARED = 50;

/** The groups that were closed when the page went: going back finds them so. */
let left: ReadonlySet<string> = new Set();

export default function RunsPage() {
  const [view, changeView] = useView();
  const [closed, setClosed] = useState(() => (readWay() === "traversed" ? left : new Set<string>()));
  const [shown, setShown] = useRemembered<string[]>("run-columns", FIRST_SHOWN);
  const [widths, setWidths] = useRemembered<Record<string, number>>("run-widths", {});
  const { layout, total, isPending, error, first } = useSections(view, closed);
  const columns = useMemo(
    () => shown.map(findColumn).filter((one): one is Column => one !== undefined),
    [shown],
  );
  const isEmpty = total === 0 && view.q === ""; // then there is nothing to group, to filter or to count
  const names = useMemo(() => shown.map(nameOfValue).filter((one): one is string => one !== null), [shown]);

  function toggleGroup(value: string): void {
    const next = new Set(closed);
    if (!next.delete(value)) next.add(value);
    left = next;
    setClosed(next);
  }

  return (
    <Page
      title="Runs"
      isFilling
      note={
        total === undefined || isEmpty
          ? undefined
          : view.q
            ? `${formatCount(total)} match`
            : countOf(total, "run")
      }
      actions={<Tools view={view} onChange={changeView} shown={shown} onShown={setShown} isEmpty={isEmpty} />}
    >
      {!isEmpty && <Filter q={view.q} onChange={(q) => changeView({ q })} />}
      {error ? (
        <ErrorNote error={error} onRetry={() => first.refetch()} />
      ) : isPending ? (
        <Loading what="the runs" />
      ) : total === 0 ? (
        <NoRuns isFiltered={view.q !== ""} onClear={() => changeView({ q: "" })} />
      ) : (
        <>
          <CardsHead view={view} onSort={changeView} />
          <RunTable
            view={view}
            layout={layout}
            columns={columns}
            valueNames={names}
            widths={widths}
            onWidth={(id, width) => setWidths({ ...widths, [id]: width })}
            onSort={changeView}
            onToggleGroup={toggleGroup}
          />
        </>
      )}
      <Arriving />
      <Chosen />
    </Page>
  );
}

interface ToolsProps {
  view: View;
  onChange: (change: Partial<View>) => void;
  shown: readonly string[];
  onShown: (shown: string[]) => void;
  isEmpty: boolean;
}

function Tools({ view, onChange, shown, onShown, isEmpty }: ToolsProps) {
  const [isBinOpen, bin] = useDisclosure();
  return (
    <>
      {!isEmpty && (
        <>
          <Select
            size="xs"
            w={140}
            aria-label="Group by"
            placeholder="No groups"
            clearable
            clearButtonProps={{ "aria-label": "Do not group" }}
            data={GROUPINGS.map((one) => ({ value: one, label: `By ${one}` }))}
            value={view.group}
            onChange={(value) => onChange({ group: GROUPINGS.find((one) => one === value) ?? null })}
          />
          <ColumnMenu shown={shown} onChange={onShown} />
        </>
      )}
      <Tooltip label="Recycle bin">
        <ActionIcon variant="default" size={30} onClick={bin.open} aria-label="Recycle bin">
          <IconTrash size={16} aria-hidden />
        </ActionIcon>
      </Tooltip>
      <RecycleBin isOpen={isBinOpen} onClose={bin.close} />
    </>
  );
}

/** The filter follows the typing, a moment behind. */
function Filter({ q, onChange }: { q: string; onChange: (q: string) => void }) {
  const [text, setText] = useState(q);
  const told = useRef(q);
  useEffect(() => {
    // What was typed here comes back without its spaces, or late: it is not to be typed over.
    if (q !== told.current) setText(q);
    told.current = q;
  }, [q]);
  const tell = useCallback(() => {
    told.current = text.trim();
    onChange(told.current);
  }, [text, onChange]);
  useEffect(() => {
    if (text.trim() === q) return;
    const timer = window.setTimeout(tell, 250);
    return () => window.clearTimeout(timer);
  }, [text, q, tell]);
  return (
    <TextInput
      data-page-filter
      className={classes.filter}
      aria-label="Filter the runs"
      placeholder='Filter: status:running server:gpu1 lr<1e-3 loss<0.2 "some words" -not'
      leftSection={<IconFilter size={14} aria-hidden />}
      rightSection={
        text ? (
          <CloseButton size="sm" aria-label="Clear the filter" onClick={() => setText("")} />
        ) : (
          <FilterHelp />
        )
      }
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
      onKeyDown={(event) => {
        if (event.key === "Escape") event.currentTarget.blur();
        if (event.key === "Enter" || event.key === "ArrowDown") {
          if (text.trim() !== q) tell();
          document.querySelector<HTMLElement>("[data-runs]")?.focus();
        }
      }}
    />
  );
}

/** Syncs with much to copy: how far they are, below the table, which does not move for it. */
function Arriving() {
  const live = (useConnections() ?? []).filter((one) => judge(one) === "live");
  const syncs = live.flatMap((one) => one.syncs.filter((sync) => isBusy(sync) && hasMuchToDo(sync)));
  return syncs.map((sync) => (
    <div key={sync.sync_id} className={classes.arriving}>
      <SyncProgress sync={sync} />
    </div>
  ));
}

/** The first look, or more than a moment's work: every other change is here before one could read about it. */
function hasMuchToDo(sync: Sync): boolean {
  return (
    sync.last_sync_at == null ||
    sync.files_total - sync.files_done > 500 ||
    sync.bytes_total - sync.bytes_done > 2e7
  );
}

function NoRuns({ isFiltered, onClear }: { isFiltered: boolean; onClear: () => void }) {
  const connections = useConnections() ?? [];
  if (isFiltered) {
    return (
      <EmptyState title="No run matches the filter">
        <p>
          Words are looked for in ids, projects and names; <code>status:failed</code>,{" "}
          <code>server:gpu1</code>, <code>lr&lt;1e-3</code> and <code>created&gt;2026-01-01</code> compare; a{" "}
          <code>-</code> in front excludes.
        </p>
        <Button variant="default" onClick={onClear}>
          Clear the filter
        </Button>
      </EmptyState>
    );
  }
  const hasSync = connections.some((one) => one.syncs.length > 0);
  if (hasSync) {
    return (
      <EmptyState title="No runs here yet">
        <p>
          The folder is being followed: a run appears as soon as a training writes one. See what was found
          there:
        </p>
        <Button component={Link} href="/servers" variant="default">
          Servers
        </Button>
      </EmptyState>
    );
  }
  return (
    <EmptyState title="No runs yet">
      <p>
        Runferry copies experiments from your servers over plain SSH; nothing is installed there. Connect to
        one to see its runs here, or look around with a simulated server first.
      </p>
      <div className={classes.ways}>
        <Button component={Link} href="/connect">
          Connect a server
        </Button>
        <TryDemo />
      </div>
    </EmptyState>
  );
}

/** What can be done with the chosen runs; it lies over the table's end and moves nothing. */
function Chosen() {
  const chosen = useSelection();
  const [, navigate] = useLocation();
  const isComparable = chosen.size >= 2 && chosen.size <= MOST_COMPARED;
  const compare = () => isComparable && navigate(makeComparePath(chosen));
  useShortcut("c", "Compare the selected runs", compare);
  useShortcut("x", "Clear the selection", () => selection.clear());
  if (chosen.size === 0) return null;
  return (
    <div className={classes.chosen} role="toolbar" aria-label="Selected runs">
      <span>{countOf(chosen.size, "run")} selected</span>
      <Button
        onClick={compare}
        disabled={!isComparable}
        title={isComparable ? undefined : `Select 2 to ${MOST_COMPARED} runs to compare`}
      >
        Compare
      </Button>
      <DeleteButton keys={[...chosen]} onDone={() => selection.clear()} />
      <Button variant="subtle" color="gray" onClick={() => selection.clear()}>
        Clear
      </Button>
    </div>
  );
}
