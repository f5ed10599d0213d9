/** How charts are looked at. All of it is in the address, so that a link shows the same picture. */
import { useMemo } from "react";
import { useSearchParams } from "wouter";
import type { Axis, Range } from "./curves";

export interface ChartView {
  axis: Axis;
  /** 0 to 0.99. */
  smooth: number;
  range: Range | null;
  /** Metrics on a logarithmic axis. */
  log: readonly string[];
}

const AXES: readonly Axis[] = ["step", "time", "wall"];

export function readView(search: URLSearchParams): ChartView {
  const smooth = Number(search.get("smooth") ?? 0);
  const from = Number(search.get("from") ?? Number.NaN);
  const to = Number(search.get("to") ?? Number.NaN);
  return {
    axis: AXES.find((one) => one === search.get("x")) ?? "step",
    smooth: Number.isFinite(smooth) ? Math.min(0.99, Math.max(0, smooth)) : 0,
    range: from < to ? [from, to] : null,
    log: search.getAll("log"),
  };
}

/** Write what is not as by default; what else the address holds stays. */
export function writeView(search: URLSearchParams, view: ChartView): URLSearchParams {
  const next = new URLSearchParams(search);
  for (const name of ["x", "smooth", "from", "to", "log"]) next.delete(name);
  if (view.axis !== "step") next.set("x", view.axis);
  if (view.smooth > 0) next.set("smooth", String(view.smooth));
  if (view.range) {
    next.set("from", String(view.range[0]));
    next.set("to", String(view.range[1]));
  }
  for (const metric of view.log) next.append("log", metric);
  return next;
}

export function useChartView(): [ChartView, (change: Partial<ChartView>) => void] {
  const [search, setSearch] = useSearchParams();
  const text = search.toString();
  const view = useMemo(() => readView(new URLSearchParams(text)), [text]);
  const change = (part: Partial<ChartView>) =>
    setSearch((before) => writeView(before, { ...readView(before), ...part }), { replace: true });
  return [view, change];
}
