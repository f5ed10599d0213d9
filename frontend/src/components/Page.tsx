/** A page: its one heading, its actions on the right, its content over the whole width. */

import { type ReactNode, useEffect, useRef } from "react";
import { reveal } from "@/format/names";
import { readWay } from "@/shell/traversal";
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
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    // What had the focus may have gone with the page before: one goes on from here, and hears where that is.
    const isLost = document.activeElement === document.body && readWay() !== "loaded";
    if (isLost) heading.current?.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    document.title = `${reveal(title)} · Runferry`;
  }, [title]);
  return (
    <main className={classes.page} data-filling={isFilling || undefined}>
      <header className={classes.head}>
        <h1 ref={heading} tabIndex={-1}>
          {reveal(title)}
        </h1>
        {note && <span className={classes.note}>{note}</span>}
        {actions && <div className={classes.actions}>{actions}</div>}
      </header>
      {children}
    </main>
  );
}
