/** One line of the table: a run as a row or as a card, or the head of a group. Rows not yet here keep their place. */
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import { type MouseEvent, memo, useRef } from "react";
import type { Run } from "@/api/runs";
import { Age } from "@/components/Age";
import { Duration } from "@/components/Duration";
import { Name } from "@/components/Name";
import { StatusMark } from "@/components/StatusMark";
import { Num } from "@/components/Values";
import { reveal } from "@/format/names";
import { countOf } from "@/format/numbers";
import { makeRunPath } from "@/shell/paths";
import type { Column, Curve, Values } from "./columns";
import classes from "./RunTable.module.css";
import { selection } from "./selection";
import type { Section } from "./view";

interface Place {
  index: number;
  top: number;
  isActive: boolean;
}

interface Props extends Place {
  run: Run | undefined;
  columns: readonly Column[];
  values: Values | undefined;
  curve: Curve | undefined;
  isChosen: boolean;
  /** A click: the row becomes the active one, and its run is opened unless the click was for something in it. */
  onOpen: (index: number, key: string | null) => void;
}

/** Drawn again only when something of its own has changed: scrolling draws the rows that come in, and no others. */
export const RunRow = memo(function RunRow({
  index,
  top,
  isActive,
  run,
  columns,
  values,
  curve,
  isChosen,
  onOpen,
}: Props) {
  // Until a row's run is here, the cells of the one before stay, unseen: to make new ones is most of a frame's work.
  const before = useRef(run);
  if (run !== undefined) before.current = run;
  const drawn = run ?? before.current;
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid takes the keys
    <div
      id={`line-${index}`}
      className={classes.row}
      data-waiting={run === undefined || undefined}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      data-active={isActive || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => onOpen(index, isForRow(event) && run ? run.key : null)}
    >
      {drawn === undefined ? (
        <div role="gridcell" aria-label="Loading" />
      ) : (
        <Cells run={drawn} columns={columns} values={values} curve={curve} isChosen={isChosen} />
      )}
    </div>
  );
});

type CellsProps = Pick<Props, "columns" | "values" | "curve" | "isChosen"> & { run: Run };

const Cells = memo(function Cells({ run, columns, values, curve, isChosen }: CellsProps) {
  const beside = { values, curve };
  return (
    <>
      <div role="gridcell" className={classes.check}>
        <Choose run={run} isChosen={isChosen} />
      </div>
      {columns.map((column, place) => (
        <div
          key={column.id}
          role="gridcell"
          className={classes.cell}
          data-number={column.isNumber || undefined}
          data-first={place === 0 || undefined}
          onPointerEnter={({ currentTarget }) => {
            currentTarget.title = column.tell(run, beside);
          }}
          onPointerLeave={({ currentTarget }) => currentTarget.removeAttribute("title")}
        >
          {column.id === "id" ? (
            <a href={makeRunPath(run.key)} className={classes.link} tabIndex={-1} aria-label={run.id}>
              {column.draw(run, beside)}
            </a>
          ) : (
            column.draw(run, beside)
          )}
        </div>
      ))}
    </>
  );
});

export const RunCard = memo(function RunCard({ index, top, isActive, run, isChosen, onOpen }: Props) {
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid takes the keys
    <div
      id={`line-${index}`}
      className={classes.card}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      data-active={isActive || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => onOpen(index, isForRow(event) && run ? run.key : null)}
    >
      <div role="gridcell" className={classes.check}>
        {run && <Choose run={run} isChosen={isChosen} />}
      </div>
      <div role="gridcell" className={classes.facts}>
        {run && (
          <>
            <div className={classes.line}>
              <a href={makeRunPath(run.key)} className={classes.link} aria-label={run.id}>
                <Name text={run.id} />
              </a>
              <Age at={run.created_time} />
            </div>
            <div className={classes.line}>
              <Name text={`${run.project} / ${run.name}`} />
              <span className="dim">{run.server}</span>
            </div>
            <div className={classes.line}>
              <StatusMark status={run.status} evidence={run.status_evidence} />
              <span className={classes.beside}>
                <Duration run={run} />
              </span>
              {run.best_metric_value !== null && (
                <span className={classes.best}>
                  <Name text={run.best_metric_name ?? ""} className={classes.metric} />
                  <span className={classes.value}>
                    <Num value={run.best_metric_value} />
                  </span>
                </span>
              )}
            </div>
          </>
        )}
      </div>
    </div>
  );
});

export function GroupHead({
  index,
  top,
  isActive,
  section,
  onToggle,
}: Place & { section: Section; onToggle: (value: string) => void }) {
  const Icon = section.isOpen ? IconChevronDown : IconChevronRight;
  return (
    <div
      id={`line-${index}`}
      className={classes.group}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      data-active={isActive || undefined}
      style={{ transform: `translateY(${top}px)` }}
    >
      <div role="gridcell">
        <button
          type="button"
          className={classes.toggle}
          tabIndex={-1}
          aria-label={`${reveal(section.value || "none")} ${countOf(section.count, "run")}`} // whole, as it may be cut
          aria-expanded={section.isOpen}
          onClick={() => onToggle(section.value ?? "")}
        >
          <Icon size={14} aria-hidden />
          <strong>
            <Name text={section.value || "none"} />
          </strong>
          <span className="dim">{countOf(section.count, "run")}</span>
        </button>
      </div>
    </div>
  );
}

function Choose({ run, isChosen }: { run: Run; isChosen: boolean }) {
  return (
    <input
      type="checkbox"
      className={classes.box}
      checked={isChosen}
      tabIndex={-1}
      aria-label={`Select ${run.id}`}
      onChange={() => selection.toggle([run.key])}
    />
  );
}

/** A plain click on a row or its link opens it here; other buttons, keys held, boxes and marked text are left alone. */
function isForRow(event: MouseEvent): boolean {
  if (event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return false;
  if (!(event.target instanceof Element) || event.target.closest("button, input, label")) return false;
  if (event.target.closest("a")) event.preventDefault();
  return !window.getSelection()?.toString();
}
