import type { ReactNode } from "react";
import classes from "./Settings.module.css";

export function Section({ title, children }: { title: string; children: ReactNode }) {
  return (
    <section className={classes.section} aria-label={title}>
      <h2>{title}</h2>
      <div className={classes.content}>{children}</div>
    </section>
  );
}
