/** One run: what it is and how fresh that is, and behind tabs all that it has written. */

import { Button, Tabs } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link, useLocation, useSearchParams } from "wouter";
import { ApiError, get, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { Age, Since } from "@/components/Age";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { Page } from "@/components/Page";
import { StatusMark } from "@/components/StatusMark";
import { Num } from "@/components/Values";
import { reveal } from "@/format/names";
import { formatDuration, formatMoment, tellFreshness } from "@/format/times";
import { LogView } from "@/logs/LogView";
import { makeRunPath } from "@/shell/paths";
import { Artifacts } from "./Artifacts";
import { PART_NAMES, PARTS, type Part, readName, readPart } from "./address";
import { Charts } from "./Charts";
import { Environment } from "./Environment";
import { Files } from "./Files";
import { Images } from "./Images";
import { Params } from "./Params";
import classes from "./run.module.css";

export type RunDetail = Schema<"RunDetailAnswer">;

export default function RunPage() {
  useLocation(); // draws again when the address changes; the raw one is read below
  const wanted = readName(window.location.pathname, "/runs/");
  const query = useQuery({
    queryKey: keys.run(wanted),
    queryFn: ({ signal }) => get("/api/runs/{run_id}", { params: { run_id: wanted }, signal }),
  });
  const isGone = query.error instanceof ApiError && query.error.status === 404; // deleted, or its server removed
  if (query.data && !isGone) return <TheRun run={query.data} />;
  return (
    <Page title={wanted}>
      {query.error ? (
        <Refused error={query.error} onRetry={() => query.refetch()} />
      ) : (
        <Loading what="the run" />
      )}
    </Page>
  );
}

/** No such run, or several of this id: then they are the way on. */
function Refused({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  const candidates = error instanceof ApiError ? error.extra.candidates : undefined;
  if (Array.isArray(candidates)) {
    return (
      <EmptyState title="Several runs have this id">
        {candidates.map(String).map((key) => (
          <Link key={key} href={makeRunPath(key)}>
            {key}
          </Link>
        ))}
      </EmptyState>
    );
  }
  if (error instanceof ApiError && error.status === 404) {
    return (
      <ErrorNote error={error} hint="It may be in the recycle bin, or of a server that was never copied.">
        <Button component={Link} href="/runs" variant="default">
          All runs
        </Button>
      </ErrorNote>
    );
  }
  return <ErrorNote error={error} onRetry={onRetry} />;
}

function TheRun({ run }: { run: RunDetail }) {
  const [search, setSearch] = useSearchParams();
  const part = readPart(search);
  const isFilling = part === "logs";
  function choose(next: string | null) {
    setSearch((before) => {
      const changed = new URLSearchParams(before);
      if (next === "charts" || next === null) changed.delete("part");
      else changed.set("part", next);
      return changed;
    });
  }
  return (
    <Page title={run.name || run.id} note={<Name text={run.id} isCopied />} isFilling={isFilling}>
      <Head run={run} />
      <Tabs
        value={part}
        onChange={choose}
        keepMounted={false}
        className={classes.parts}
        data-filling={isFilling || undefined}
      >
        <Tabs.List className={classes.tabs}>
          {PARTS.map((one) => (
            <Tabs.Tab key={one} value={one} ref={one === part ? showWhole : undefined}>
              {PART_NAMES[one]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {PARTS.map((one) => (
          <Tabs.Panel key={one} value={one} className={classes.part} data-filling={isFilling || undefined}>
            <div className={classes.body} data-filling={isFilling || undefined}>
              {one === part && <Content run={run} part={one} />}
            </div>
          </Tabs.Panel>
        ))}
      </Tabs>
    </Page>
  );
}

/** On a phone the tabs are wider than the page. */
function showWhole(tab: HTMLElement | null): void {
  tab?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

function Content({ run, part }: { run: RunDetail; part: Part }) {
  if (part === "charts") return <Charts run={run} />;
  if (part === "logs") return <LogView run={run.key} />;
  if (part === "images") return <Images run={run.key} isGrowing={run.status === "running"} />;
  if (part === "files") return <Files run={run.key} />;
  if (part === "params") return <Params run={run} />;
  if (part === "environment") return <Environment run={run} />;
  return <Artifacts run={run.key} />;
}

function Head({ run }: { run: RunDetail }) {
  const { state, as_of } = run.freshness;
  return (
    <div className={classes.head}>
      <StatusMark status={run.status} evidence={run.status_evidence} />
      {run.status_evidence && <span className={classes.evidence}>{run.status_evidence}</span>}
      <span>
        in <strong>{reveal(run.project)}</strong>
      </span>
      <span>
        recorded by <strong>{run.format_title}</strong>
      </span>
      <span>
        on <strong>{run.server}</strong>
      </span>
      <span title={`As of ${formatMoment(as_of)}`}>
        copy <strong>{tellFreshness(run.freshness)}</strong>
        {state !== "live" && as_of !== null && (
          <>
            , from <Age at={as_of} />
          </>
        )}
      </span>
      <span>
        created <Age at={run.created_time} />
      </span>
      <span>
        {run.status === "running" && run.started_at ? (
          <>
            running for <Since at={run.started_at} format={formatDuration} />
          </>
        ) : (
          `took ${formatDuration(run.duration_seconds)}`
        )}
      </span>
      {run.best_metric_value !== null && (
        <span>
          best {reveal(run.best_metric_name ?? "")}{" "}
          <strong>
            <Num value={run.best_metric_value} />
          </strong>
        </span>
      )}
      {run.exit_reason && <span>ended: {reveal(run.exit_reason)}</span>}
      {run.gone_at !== null && (
        <span className="bad">
          gone from the server <Age at={run.gone_at} />; what was copied stays here
        </span>
      )}
      {run.tags.map((tag) => (
        <code key={tag}>{reveal(tag)}</code>
      ))}
    </div>
  );
}
