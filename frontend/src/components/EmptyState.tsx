/** Says that there is nothing, why, and the one next thing to do. */
import type { ReactNode } from "react";
import classes from "./EmptyState.module.css";

export function EmptyState({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <section className={classes.empty}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
