/** Charts in groups by the first part of the metrics' names. */
import { reveal } from "@/format/names";
import { Chart, type ChartRun } from "./Chart";
import classes from "./charts.module.css";
import { groupMetrics } from "./groups";
import type { ChartView } from "./view";

interface Props {
  runs: readonly ChartRun[];
  metrics: readonly string[];
  view: ChartView;
  onView: (change: Partial<ChartView>) => void;
}

export function ChartGrid({ runs, metrics, view, onView }: Props) {
  return groupMetrics(metrics).map((group) => (
    <section key={group.name} className={classes.group} aria-label={group.name}>
      <h2>{reveal(group.name)}</h2>
      <div className={classes.grid}>
        {group.metrics.map((metric) => (
          <Chart key={metric} runs={runs} metric={metric} view={view} onView={onView} />
        ))}
      </div>
    </section>
  ));
}
