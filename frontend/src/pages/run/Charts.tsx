/** All that a run has measured, as small plots. */
import { TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import { get } from "@/api/client";
import { useServerEvent } from "@/api/events";
import { keys } from "@/api/keys";
import { ChartControls } from "@/charts/ChartControls";
import { ChartGrid } from "@/charts/ChartGrid";
import { useChartView } from "@/charts/view";
import { EmptyState } from "@/components/EmptyState";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { formatBytes } from "@/format/bytes";
import { countOf } from "@/format/numbers";
import { colorOf } from "@/theme/palette";
import type { RunDetail } from "./RunPage";
import classes from "./run.module.css";

export function Charts({ run }: { run: RunDetail }) {
  const [view, onView] = useChartView();
  const [wanted, setWanted] = useState("");
  const catalogue = useQuery({
    queryKey: [...keys.run(run.key), "catalogue"],
    queryFn: ({ signal }) => get("/api/runs/{run_id}/series", { params: { run_id: run.key }, signal }),
  });
  const metrics = catalogue.data?.metrics;
  const numbers = useMemo(
    () => [...new Set((metrics ?? []).filter((one) => one.kind !== "text").map((one) => one.key))].sort(),
    [metrics],
  );
  useServerEvent("series", (event) => {
    if (event.run === run.key && event.keys.some((key) => !numbers.includes(key))) void catalogue.refetch();
  });
  const runs = useMemo(() => [{ key: run.key, label: run.id, color: colorOf(run.key) }], [run.key, run.id]);
  if (catalogue.error) return <ErrorNote error={catalogue.error} onRetry={() => catalogue.refetch()} />;
  if (!catalogue.data || !metrics) return <Loading what="the metrics" />;
  const texts = metrics.filter((one) => one.kind === "text");
  const { source } = catalogue.data;
  if (metrics.length === 0) {
    return (
      <EmptyState title="Nothing measured yet">
        <p>Curves appear here as soon as the run writes its first value. Its output is under Logs.</p>
      </EmptyState>
    );
  }
  const shown = numbers.filter((one) => one.toLowerCase().includes(wanted.trim().toLowerCase()));
  return (
    <>
      <ChartControls view={view} onView={onView}>
        <TextInput
          data-page-filter
          size="xs"
          aria-label="Filter the metrics"
          placeholder="Filter the metrics"
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
        />
        <span className="dim">{countOf(numbers.length, "metric")}</span>
        {source.local !== "full" && (
          <span className="dim">
            {formatBytes(source.held_bytes)} of {formatBytes(source.total_bytes)} copied so far
          </span>
        )}
        {source.bad_records > 0 && (
          <span className="bad" title={source.first_bad ?? undefined}>
            {countOf(source.bad_records, "record")} could not be understood
          </span>
        )}
        {source.unknown_records > 0 && (
          <span className="dim" title="Histograms, audio and the like; or of a kind that is not known">
            {countOf(source.unknown_records, "record")} of kinds that are not shown
          </span>
        )}
      </ChartControls>
      {shown.length === 0 && numbers.length > 0 && <p className="dim">No metric has this in its name.</p>}
      <ChartGrid runs={runs} metrics={shown} view={view} onView={onView} />
      {texts.length > 0 && (
        <section className={classes.section}>
          <h2>Texts</h2>
          <table className={classes.table}>
            <tbody>
              {texts.map((one) => (
                <tr key={one.key}>
                  <th scope="row">{one.key}</th>
                  <td>{one.last_text}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </>
  );
}
