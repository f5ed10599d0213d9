/** The table's first line: names to sort by, edges to drag for the width, one box for all rows in view. */
import { type KeyboardEvent, type PointerEvent, useRef } from "react";
import type { Run } from "@/api/runs";
import { SortButton } from "@/components/SortButton";
import type { Column } from "./columns";
import classes from "./RunTable.module.css";
import { selection } from "./selection";
import { turn, type View } from "./view";

const NARROWEST = 48;
const WIDEST = 800;
const KEY_STEP = 16;

interface Props {
  view: View;
  columns: readonly Column[];
  widths: Record<string, number>;
  /** The runs of the rows that can be seen, and no others: what one cannot see is not chosen with them. */
  shown: readonly Run[];
  chosen: ReadonlySet<string>;
  onWidth: (id: string, width: number) => void;
  onSort: (change: Partial<View>) => void;
}

export function TableHead({ view, columns, widths, shown, chosen, onWidth, onSort }: Props) {
  const keys = shown.map((run) => run.key);
  const isAll = keys.length > 0 && keys.every((key) => chosen.has(key));
  return (
    <div className={classes.head} role="row" tabIndex={-1} aria-rowindex={1}>
      <div role="columnheader" className={classes.check}>
        <input
          type="checkbox"
          className={classes.box}
          checked={isAll}
          ref={(box) => {
            if (box) box.indeterminate = !isAll && keys.some((key) => chosen.has(key));
          }}
          aria-label="Select the rows in view"
          onChange={() => selection.toggle(keys, !isAll)}
        />
      </div>
      {columns.map((column, place) => (
        <div
          key={column.id}
          role="columnheader"
          className={classes.cell}
          data-number={column.isNumber || undefined}
          data-first={place === 0 || undefined}
          aria-sort={
            column.sort !== view.sort ? undefined : view.order === "asc" ? "ascending" : "descending"
          }
        >
          <Title column={column} view={view} onSort={onSort} />
          <Edge
            title={column.title}
            width={widths[column.id] ?? column.width}
            onWidth={(width) => onWidth(column.id, width)}
          />
        </div>
      ))}
    </div>
  );
}

function Title({ column, view, onSort }: { column: Column; view: View; onSort: Props["onSort"] }) {
  const { sort } = column;
  if (!sort) return <span title={column.title}>{column.title}</span>;
  const order = view.sort === sort ? view.order : null;
  return <SortButton title={column.title} order={order} onClick={() => onSort(turn(view, sort))} />;
}

function Edge({ title, width, onWidth }: { title: string; width: number; onWidth: (width: number) => void }) {
  const start = useRef<{ x: number; width: number } | null>(null);
  const change = (to: number) => onWidth(Math.round(Math.max(NARROWEST, Math.min(WIDEST, to))));

  function drag(event: PointerEvent): void {
    if (start.current) change(start.current.width + event.clientX - start.current.x);
  }

  function press(event: KeyboardEvent): void {
    const step = event.key === "ArrowRight" ? KEY_STEP : event.key === "ArrowLeft" ? -KEY_STEP : 0;
    if (step) {
      event.preventDefault();
      event.stopPropagation();
      change(width + step);
    }
  }

  return (
    <div
      role="separator"
      aria-orientation="vertical"
      aria-label={`Width of ${title}`}
      aria-valuenow={width}
      aria-valuemin={NARROWEST}
      aria-valuemax={WIDEST}
      tabIndex={0}
      className={classes.edge}
      onKeyDown={press}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { x: event.clientX, width };
      }}
      onPointerMove={drag}
      onPointerUp={() => {
        start.current = null;
      }}
    />
  );
}
