/** What a run was told and what it came to, searchable. */

import { TextInput } from "@mantine/core";
import { useState } from "react";
import { Num } from "@/components/Values";
import { reveal } from "@/format/names";
import type { RunDetail } from "./RunPage";
import classes from "./run.module.css";

export function Params({ run }: { run: RunDetail }) {
  const [wanted, setWanted] = useState("");
  return (
    <>
      <TextInput
        data-page-filter
        mt={10}
        w={260}
        aria-label="Search params and summary"
        placeholder="Search params and summary"
        value={wanted}
        onChange={(event) => setWanted(event.currentTarget.value)}
      />
      <div className={classes.columns}>
        <Values title="Params" values={run.params} wanted={wanted} />
        <Values title="Summary" values={run.summary} wanted={wanted} />
      </div>
    </>
  );
}

interface ValuesProps {
  title: string;
  values: Record<string, unknown>;
  wanted?: string;
}

export function Values({ title, values, wanted = "" }: ValuesProps) {
  const all = Object.entries(values);
  const text = wanted.trim().toLowerCase();
  const shown = all.filter(([name, value]) => `${name} ${show(value)}`.toLowerCase().includes(text));
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      {all.length === 0 && <p className="dim">The run has written none.</p>}
      {all.length > 0 && shown.length === 0 && <p className="dim">Nothing of this matches.</p>}
      <table className={classes.table}>
        <tbody>
          {shown.map(([name, value]) => (
            <tr key={name}>
              <th scope="row">{reveal(name)}</th>
              <td>{isMeasured(value) ? <Num value={value} /> : reveal(show(value))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** A whole number may be a seed, a process or a moment: it is shown as it is. */
function isMeasured(value: unknown): value is number {
  return typeof value === "number" && !Number.isInteger(value) && Math.abs(value) < 1e6;
}

export function show(value: unknown): string {
  if (value === null || value === undefined) return "null";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
