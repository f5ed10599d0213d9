/** The columns a table of runs can have: how each is headed, sorted and drawn. */
import type { ReactNode } from "react";
import type { Run } from "@/api/runs";
import { Age } from "@/components/Age";
import { Name } from "@/components/Name";
import { Sparkline } from "@/components/Sparkline";
import { StatusMark } from "@/components/StatusMark";
import { Num } from "@/components/Values";
import { formatNumber } from "@/format/numbers";
import { formatDuration, formatMoment } from "@/format/times";
import classes from "./RunTable.module.css";
import type { SortKey } from "./view";

export type Scalar = string | number | boolean | null;

/** What is known of a row beside the run itself. */
export interface Beside {
  values: Values | undefined;
  curve: Curve | undefined;
}
export type Values = Record<string, Scalar>;
export interface Curve {
  metric: string;
  values: (number | null)[];
}

export interface Column {
  id: string;
  title: string;
  width: number;
  sort?: SortKey;
  isNumber?: boolean;
  draw: (run: Run, beside: Beside) => ReactNode;
}

const FRESHNESS: Record<Run["freshness"]["state"], string> = {
  live: "live",
  synced: "synced",
  stale: "stale",
  offline: "offline",
};

export const BASE_COLUMNS: readonly Column[] = [
  {
    id: "id",
    title: "Run",
    width: 230,
    sort: "id",
    draw: (run) => <Name text={run.id} />,
  },
  {
    id: "status",
    title: "Status",
    width: 112,
    sort: "status",
    draw: (run) => <StatusMark status={run.status} evidence={run.status_evidence} />,
  },
  {
    id: "project",
    title: "Project",
    width: 120,
    sort: "project",
    draw: (run) => <Name text={run.project} />,
  },
  { id: "name", title: "Name", width: 150, sort: "name", draw: (run) => <Name text={run.name} /> },
  {
    id: "server",
    title: "Server",
    width: 120,
    sort: "server",
    draw: (run) => <Name text={run.server} kept={6} />,
  },
  {
    id: "fresh",
    title: "Copy",
    width: 96,
    draw: (run) => (
      <span className="dim" title={`As of ${formatMoment(run.freshness.as_of)}`}>
        {FRESHNESS[run.freshness.state]}
        {run.freshness.state !== "live" && run.freshness.as_of !== null && (
          <>
            {" "}
            <Age at={run.freshness.as_of} isBare />
          </>
        )}
      </span>
    ),
  },
  {
    id: "created",
    title: "Created",
    width: 84,
    sort: "created_time",
    isNumber: true,
    draw: (run) => <Age at={run.created_time} />,
  },
  {
    id: "duration",
    title: "Duration",
    width: 90,
    sort: "duration_seconds",
    isNumber: true,
    draw: (run) => formatDuration(run.duration_seconds),
  },
  {
    id: "best",
    title: "Best",
    width: 176,
    sort: "best",
    isNumber: true,
    draw: (run) =>
      run.best_metric_value === null ? null : (
        <span className={classes.best} title={`${run.best_metric_name ?? "best"}: ${run.best_metric_value}`}>
          <Name text={run.best_metric_name ?? ""} className={classes.metric} />
          <span className={classes.value}>{formatNumber(run.best_metric_value)}</span>
        </span>
      ),
  },
  {
    id: "curve",
    title: "Curve",
    width: 110,
    draw: (_, { curve }) => <Sparkline metric={curve?.metric} values={curve?.values} />,
  },
];

export const FIRST_SHOWN = [
  "id",
  "status",
  "project",
  "name",
  "server",
  "fresh",
  "created",
  "duration",
  "best",
  "curve",
];

const VALUE = "value:";

/** A parameter, summary value or metric as a column. */
export function makeValueColumn(name: string): Column {
  return {
    id: VALUE + name,
    title: name,
    width: 110,
    isNumber: true,
    draw: (_, { values }) => <Value value={values?.[name]} />,
  };
}

export function nameOfValue(id: string): string | null {
  return id.startsWith(VALUE) ? id.slice(VALUE.length) : null;
}

export function idOfValue(name: string): string {
  return VALUE + name;
}

export function findColumn(id: string): Column | undefined {
  const name = nameOfValue(id);
  return name === null ? BASE_COLUMNS.find((one) => one.id === id) : makeValueColumn(name);
}

function Value({ value }: { value: Scalar | undefined }) {
  if (value === undefined || value === null) return null;
  if (typeof value === "number") return <Num value={value} />;
  return <span title={String(value)}>{String(value)}</span>;
}
