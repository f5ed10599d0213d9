/** One line of the table: a run as a row or as a card, or the head of a group. Rows not yet here keep their place. */
import { Checkbox } from "@mantine/core";
import { IconChevronDown, IconChevronRight } from "@tabler/icons-react";
import type { MouseEvent } from "react";
import { Link, useLocation } from "wouter";
import type { Run } from "@/api/runs";
import { Age } from "@/components/Age";
import { Name } from "@/components/Name";
import { StatusMark } from "@/components/StatusMark";
import { Num } from "@/components/Values";
import { countOf } from "@/format/numbers";
import { formatDuration } from "@/format/times";
import { makeRunPath } from "@/shell/paths";
import type { Beside, Column } from "./columns";
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
  beside: Beside | undefined;
  isChosen: boolean;
  onActive: (index: number) => void;
}

const NOTHING: Beside = { values: undefined, sparkline: undefined };

export function RunRow({ index, top, isActive, run, columns, beside = NOTHING, isChosen, onActive }: Props) {
  const open = useOpen(run, index, onActive);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the grid takes the keys
    <div
      id={`line-${index}`}
      className={classes.row}
      role="row"
      tabIndex={-1}
      aria-rowindex={index + 2}
      aria-selected={isChosen}
      data-active={isActive || undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={open}
    >
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
        >
          {run === undefined ? null : column.id === "id" ? (
            <Link href={makeRunPath(run.key)} className={classes.link} tabIndex={-1}>
              {column.draw(run, beside)}
            </Link>
          ) : (
            column.draw(run, beside)
          )}
        </div>
      ))}
    </div>
  );
}

export function RunCard({ index, top, isActive, run, isChosen, onActive }: Props) {
  const open = useOpen(run, index, onActive);
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
      onClick={open}
    >
      <div role="gridcell" className={classes.check}>
        <Choose run={run} isChosen={isChosen} />
      </div>
      <div role="gridcell" className={classes.facts}>
        {run && (
          <>
            <div className={classes.line}>
              <Link href={makeRunPath(run.key)} className={classes.link}>
                <Name text={run.id} />
              </Link>
              <Age at={run.created_time} />
            </div>
            <div className={classes.line}>
              <Name text={`${run.project} / ${run.name}`} />
              <span className="dim">{run.server}</span>
            </div>
            <div className={classes.line}>
              <StatusMark status={run.status} evidence={run.status_evidence} />
              <span>{formatDuration(run.duration_seconds)}</span>
              {run.best_metric_value !== null && (
                <span>
                  <span className="dim">{run.best_metric_name} </span>
                  <Num value={run.best_metric_value} />
                </span>
              )}
            </div>
          </>
        )}
      </div>
    </div>
  );
}

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
          aria-expanded={section.isOpen}
          onClick={() => onToggle(section.value ?? "")}
        >
          <Icon size={14} aria-hidden />
          <strong>{section.value || "none"}</strong>
          <span className="dim">{countOf(section.count, "run")}</span>
        </button>
      </div>
    </div>
  );
}

function Choose({ run, isChosen }: { run: Run | undefined; isChosen: boolean }) {
  return (
    <Checkbox
      checked={isChosen}
      disabled={run === undefined}
      tabIndex={-1}
      aria-label={run ? `Select ${run.id}` : "Loading"}
      onChange={() => run && selection.toggle([run.key])}
      onClick={(event) => event.stopPropagation()}
    />
  );
}

/** A click anywhere in a row opens it, unless it was meant for something in it or marks text. */
function useOpen(run: Run | undefined, index: number, onActive: (index: number) => void) {
  const [, navigate] = useLocation();
  return (event: MouseEvent) => {
    onActive(index);
    const isForOther = event.target instanceof Element && event.target.closest("a, button, input, label");
    if (run && !isForOther && !window.getSelection()?.toString()) navigate(makeRunPath(run.key));
  };
}
