/** Where and how a run ran. */
import { Values } from "./Params";
import type { RunDetail } from "./RunPage";
import classes from "./run.module.css";

export function Environment({ run }: { run: RunDetail }) {
  const place = {
    server: run.server,
    hostname: run.hostname,
    pid: run.pid,
    "folder on the server": run.remote_dir,
    "folder here": run.run_dir,
    "recorded by": run.format_title,
    copied: run.mode,
  };
  return (
    <div className={classes.columns}>
      <Values title="Place" values={place} />
      <Values title="Environment" values={run.environment} />
      <Values title="Metadata" values={run.meta} />
      <section aria-label="How it is read">
        <h2>How runs of {run.format_title} are read</h2>
        <ul className={classes.notes}>
          {run.format_notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      </section>
    </div>
  );
}
