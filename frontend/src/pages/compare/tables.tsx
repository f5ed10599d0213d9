/** What the compared runs were told, and what they came to: a column per run. */

import type { Schema } from "@/api/client";
import type { ChartRun } from "@/charts/Chart";
import { Duration } from "@/components/Duration";
import { Name } from "@/components/Name";
import { Num } from "@/components/Values";
import { reveal } from "@/format/names";
import classes from "./compare.module.css";
import { compareValues, findBest } from "./differences";

type Detail = Schema<"RunDetailAnswer">;

interface Props {
  runs: readonly Detail[];
  lines: readonly ChartRun[];
}

export function SummaryTable({ runs, lines }: Props) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.summary)))].sort();
  return (
    <Frame lines={lines}>
      <tr>
        <th scope="row">status</th>
        {runs.map((run) => (
          <td key={run.key}>{run.status}</td>
        ))}
      </tr>
      <tr>
        <th scope="row">duration</th>
        {runs.map((run) => (
          <td key={run.key}>
            <Duration run={run} />
          </td>
        ))}
      </tr>
      {names.map((name) => {
        const values = runs.map((run) => run.summary[name]);
        const hint = name === "best_metric_value" ? (runs[0]?.best_metric_name ?? name) : name;
        const best = new Set(findBest(hint, values));
        return (
          <tr key={name}>
            <th scope="row">{reveal(name)}</th>
            {runs.map((run, place) => (
              <td
                key={run.key}
                className={best.has(place) ? classes.best : undefined}
                title={best.has(place) ? "The best of these" : undefined}
              >
                <Value value={values[place]} />
              </td>
            ))}
          </tr>
        );
      })}
    </Frame>
  );
}

export function DifferenceTable({ runs, lines, isAll }: Props & { isAll: boolean }) {
  const all = compareValues(runs.map((run) => run.params));
  const shown = isAll ? all : all.filter((one) => one.isDifferent);
  if (shown.length === 0) {
    return (
      <p className="dim">{all.length === 0 ? "These runs have written none." : "All params are the same."}</p>
    );
  }
  return (
    <Frame lines={lines}>
      {shown.map((one) => (
        <tr key={one.name}>
          <th scope="row">{reveal(one.name)}</th>
          {runs.map((run, place) => (
            <td key={run.key}>
              {one.values[place] === undefined ? <span className="dim">–</span> : reveal(one.values[place])}
            </td>
          ))}
        </tr>
      ))}
    </Frame>
  );
}

function Frame({ lines, children }: { lines: readonly ChartRun[]; children: React.ReactNode }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
    <div className={classes.scroll} tabIndex={0} role="region" aria-label="Values of the runs">
      <table className={classes.table}>
        <thead>
          <tr>
            <td />
            {lines.map((line) => (
              <th key={line.key} scope="col">
                <span className={classes.column}>
                  <span className={classes.mark} style={{ background: line.color }} />
                  <Name text={line.label} />
                </span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Value({ value }: { value: unknown }) {
  if (typeof value === "number") return <Num value={value} />;
  if (value === undefined || value === null) return <span className="dim">–</span>;
  return <>{reveal(typeof value === "object" ? JSON.stringify(value) : String(value))}</>;
}
