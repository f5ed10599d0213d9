/** The columns a table of runs can have: how each is headed, sorted and drawn. */
import type { ReactNode } from "react";
import type { Run } from "@/api/runs";
import { AgeText } from "@/components/Age";
import { Duration } from "@/components/Duration";
import { Name } from "@/components/Name";
import { Sparkline } from "@/components/Sparkline";
import { StatusMark } from "@/components/StatusMark";
import { formatExact, formatNumber } from "@/format/numbers";
import { formatMoment, tellFreshness } from "@/format/times";
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
  /** What the cell's title is once it is pointed at: to change titles in every row that scrolls in would cost more than the texts. */
  tell: (run: Run, beside: Beside) => string;
}

/** A column of names; of a long one, the last `kept` letters are never cut. */
function makeNameColumn(
  id: "id" | "project" | "name" | "server",
  title: string,
  width: number,
  kept?: number,
): Column {
  return {
    id,
    title,
    width,
    sort: id,
    draw: (run) => <Name text={run[id]} kept={kept} isUntitled />,
    tell: (run) => run[id],
  };
}

export const BASE_COLUMNS: readonly Column[] = [
  makeNameColumn("id", "Run", 230),
  {
    id: "status",
    title: "Status",
    width: 112,
    sort: "status",
    draw: (run) => <StatusMark status={run.status} evidence={run.status_evidence} isUntitled />,
    tell: (run) => run.status_evidence ?? "",
  },
  makeNameColumn("project", "Project", 120),
  makeNameColumn("name", "Name", 150),
  makeNameColumn("server", "Server", 120, 6),
  {
    id: "fresh",
    title: "Copy",
    width: 96,
    draw: (run) => (
      <span className="dim">
        {tellFreshness(run.freshness)}
        {run.freshness.state !== "live" && run.freshness.as_of !== null && (
          <>
            {" "}
            <AgeText at={run.freshness.as_of} isBare />
          </>
        )}
      </span>
    ),
    tell: (run) => `As of ${formatMoment(run.freshness.as_of)}`,
  },
  {
    id: "created",
    title: "Created",
    width: 84,
    sort: "created_time",
    isNumber: true,
    draw: (run) => <AgeText at={run.created_time} />,
    tell: (run) => formatMoment(run.created_time),
  },
  {
    id: "duration",
    title: "Duration",
    width: 90,
    sort: "duration_seconds",
    isNumber: true,
    draw: (run) => <Duration run={run} />,
    tell: () => "",
  },
  {
    id: "best",
    title: "Best",
    width: 176,
    sort: "best",
    isNumber: true,
    draw: (run) =>
      run.best_metric_value === null ? null : (
        <span className={classes.best}>
          <Name text={run.best_metric_name ?? ""} className={classes.metric} isUntitled />
          <span className={classes.value}>{formatNumber(run.best_metric_value)}</span>
        </span>
      ),
    tell: (run) =>
      run.best_metric_value === null
        ? ""
        : `${run.best_metric_name ?? "best"}: ${formatExact(run.best_metric_value)}`,
  },
  {
    id: "curve",
    title: "Curve",
    width: 110,
    draw: (_, { curve }) => <Sparkline metric={curve?.metric} values={curve?.values} />,
    tell: () => "",
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
    draw: (_, { values }) => formatValue(values?.[name]),
    tell: (_, { values }) => tellValue(values?.[name]),
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

function formatValue(value: Scalar | undefined): string {
  return typeof value === "number" ? formatNumber(value) : String(value ?? "");
}

function tellValue(value: Scalar | undefined): string {
  return (typeof value === "number" ? formatExact(value) : undefined) ?? String(value ?? "");
}
