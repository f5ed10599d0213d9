/** Two to fifty runs beside each other, of whatever servers. All of it is in the address. */
import { Button, Checkbox, CloseButton, MultiSelect } from "@mantine/core";
import { type UseQueryResult, useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { Link, useSearchParams } from "wouter";
import { explain, get, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import type { ChartRun } from "@/charts/Chart";
import { ChartControls } from "@/charts/ChartControls";
import { ChartGrid } from "@/charts/ChartGrid";
import { useChartView } from "@/charts/view";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { Page } from "@/components/Page";
import { StatusMark } from "@/components/StatusMark";
import { countOf } from "@/format/numbers";
import { makeRunPath } from "@/shell/paths";
import { AddRun } from "./AddRun";
import classes from "./compare.module.css";
import { assignColors } from "./differences";
import { DifferenceTable, SummaryTable } from "./tables";

const MOST = 50;
const MOST_CATALOGUED = 500;

type Detail = Schema<"RunDetailAnswer">;

export default function ComparePage() {
  const [search, setSearch] = useSearchParams();
  const wanted = [...new Set(search.getAll("run"))].slice(0, MOST);
  const details = useQueries({
    queries: wanted.map((key) => ({
      queryKey: keys.run(key),
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        get("/api/runs/{run_id}", { params: { run_id: key }, signal }),
    })),
  });
  const change = (runs: readonly string[]) =>
    setSearch((before) => {
      const next = new URLSearchParams(before);
      next.delete("run");
      for (const run of runs) next.append("run", run);
      return next;
    });
  // By its key and by its bare id a run is wanted twice, and one run.
  const found = [...new Map(details.flatMap(({ data }) => (data ? [[data.key, data]] : []))).values()];
  const count = new Set(wanted.map((key, place) => details[place]?.data?.key ?? key)).size;
  const errors = details.flatMap((one, place) =>
    one.error ? [{ key: wanted[place], error: one.error }] : [],
  );
  return (
    <Page
      title="Compare"
      note={count > 0 ? countOf(count, "run") : undefined}
      actions={
        wanted.length < MOST && (
          <AddRun
            taken={[...wanted, ...found.map((run) => run.key)]}
            onAdd={(key) => change([...wanted, key])}
          />
        )
      }
    >
      {wanted.length === 0 ? (
        <EmptyState title="No runs chosen">
          <p>
            Select two or more in the table of runs and press <kbd>c</kbd>, or add them here one by one. The
            address of this page holds the whole comparison: send it, or keep it.
          </p>
          <Button component={Link} href="/runs" variant="default">
            Choose runs
          </Button>
        </EmptyState>
      ) : (
        <>
          {errors.map(({ key, error }) => (
            <ErrorNote key={key} error={error}>
              <Button variant="default" onClick={() => change(wanted.filter((one) => one !== key))}>
                Leave it out
              </Button>
            </ErrorNote>
          ))}
          {found.length === 0 && errors.length === 0 && <Loading what="the runs" />}
          {found.length > 0 && (
            <Comparison
              runs={found}
              onRemove={(run) =>
                change(
                  wanted.filter((one, place) => one !== run.key && details[place]?.data?.key !== run.key),
                )
              }
            />
          )}
        </>
      )}
    </Page>
  );
}

function Comparison({ runs, onRemove }: { runs: readonly Detail[]; onRemove: (run: Detail) => void }) {
  const [view, onView] = useChartView();
  const [search, setSearch] = useSearchParams();
  const catalogues = useQueries({
    queries: runs.map(({ key }) => ({
      queryKey: [...keys.run(key), "catalogue"],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        get("/api/runs/{run_id}/series", { params: { run_id: key }, signal }),
    })),
    combine: combineCatalogues,
  });
  const lines = useMemo<ChartRun[]>(() => {
    const colors = assignColors(runs.map((run) => run.key));
    return runs.map((run) => ({ key: run.key, label: nameOf(run), color: colors.get(run.key) ?? "" }));
  }, [runs]);
  const metrics = catalogues.metrics;
  const chosen = search.getAll("metric");
  const set = (name: string, values: readonly string[]) =>
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        next.delete(name);
        for (const value of values) next.append(name, value);
        return next;
      },
      { replace: true },
    );
  const isAll = search.get("params") === "all";
  return (
    <>
      <ul className={classes.legend} aria-label="Runs compared">
        {runs.map((run, place) => (
          <li key={run.key}>
            <span className={classes.mark} style={{ background: lines[place]?.color }} />
            <StatusMark status={run.status} evidence={run.status_evidence} isWordless />
            <Link href={makeRunPath(run.key)} title={run.key}>
              <Name text={nameOf(run)} />
            </Link>
            <span className="dim">{run.server}</span>
            <CloseButton size="xs" aria-label={`Leave out ${run.key}`} onClick={() => onRemove(run)} />
          </li>
        ))}
      </ul>
      <ChartControls view={view} onView={onView}>
        <MultiSelect
          size="xs"
          w={280}
          aria-label="Metrics"
          placeholder={chosen.length ? undefined : "All metrics"}
          data={metrics}
          value={chosen}
          onChange={(values) => set("metric", values)}
          searchable
          clearable
          clearButtonProps={{ "aria-label": "Show all metrics" }}
          limit={MOST_CATALOGUED}
        />
      </ChartControls>
      {catalogues.isPending && <Loading what="the metrics" />}
      {catalogues.errors.map((one) => (
        <ErrorNote key={explain(one)} error={one} />
      ))}
      <ChartGrid runs={lines} metrics={chosen.length ? chosen : metrics} view={view} onView={onView} />
      <section className={classes.section} aria-label="Summary">
        <h2>Summary</h2>
        <SummaryTable runs={runs} lines={lines} />
      </section>
      <section className={classes.section} aria-label="Params">
        <h2>
          Params
          <Checkbox
            label="Show equal ones too"
            checked={isAll}
            onChange={(event) => set("params", event.currentTarget.checked ? ["all"] : [])}
          />
        </h2>
        <DifferenceTable runs={runs} lines={lines} isAll={isAll} />
      </section>
    </>
  );
}

/** The metrics of all runs that have told theirs. */
function combineCatalogues(all: UseQueryResult<Schema<"SeriesAnswer">>[]) {
  const metrics = all.flatMap((one) => one.data?.metrics ?? []).filter((one) => one.kind !== "text");
  return {
    metrics: [...new Set(metrics.map((one) => one.key))].sort(),
    errors: all.flatMap((one) => one.error ?? []),
    isPending: metrics.length === 0 && all.some((one) => one.isPending),
  };
}

function nameOf(run: Detail): string {
  return run.name ? `${run.name} ${run.id}` : run.id;
}
