/** A page: its one heading, its actions on the right, its content over the whole width. */
import { type ReactNode, useEffect } from "react";
import classes from "./Page.module.css";

interface Props {
  title: string;
  /** Beside the heading, quietly: counts, ages. */
  note?: ReactNode;
  actions?: ReactNode;
  /** The content scrolls by itself (a table), the page does not. */
  isFilling?: boolean;
  children: ReactNode;
}

export function Page({ title, note, actions, isFilling = false, children }: Props) {
  useEffect(() => {
    document.title = `${title} · Runferry`;
  }, [title]);
  return (
    <main className={classes.page} data-filling={isFilling || undefined}>
      <header className={classes.head}>
        <h1>{title}</h1>
        {note && <span className={classes.note}>{note}</span>}
        {actions && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </main>
  );
}
