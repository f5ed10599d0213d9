/** The runs as one virtualised table: only the rows in view are there, whatever their number. On a phone, cards. */
import { useMediaQuery } from "@mantine/hooks";
import {
  type CSSProperties,
  type KeyboardEvent,
  useCallback,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import { useLocation } from "wouter";
import { makeRunPath } from "@/shell/paths";
import { readWay } from "@/shell/traversal";
import type { Column } from "./columns";
import { GroupHead, RunCard, RunRow } from "./RunRow";
import classes from "./RunTable.module.css";
import { useBeside, useGradually, useRows, useWithRun } from "./rows";
import { selection, useSelection } from "./selection";
import { useSlots } from "./slots";
import { TableHead } from "./TableHead";
import type { Layout, View } from "./view";

const ROW = 30;
const CARD = 78;
const HEAD_OF_CARDS = 44;
const PAGE_ROWS = 15;
const CHECK = 34;
const BAR = 84; // what can be done with the chosen runs lies over the end: the last row can be scrolled out from below it
const BAR_ON_PHONE = 100;

interface Props {
  view: View;
  layout: Layout;
  columns: readonly Column[];
  valueNames: readonly string[];
  widths: Record<string, number>;
  onWidth: (id: string, width: number) => void;
  onSort: (change: Partial<View>) => void;
  onToggleGroup: (value: string) => void;
}

interface Left {
  shown: string;
  top: number;
  active: number;
}

/** Where one was when the table went: whoever opens a run and goes back is there again. It ends with the tab. */
let left: Left | null = null;

export function RunTable(props: Props) {
  const { view, layout, columns } = props;
  const isPhone = useMediaQuery("(max-width: 640px)", false, { getInitialValueInEffect: false }) ?? false;
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const latest = useRef(0);
  latest.current = active;
  const chosen = useSelection();
  const [, navigate] = useLocation();
  const shown = JSON.stringify([view.q, view.sort, view.order, view.group]);
  const below = chosen.size === 0 ? 0 : isPhone ? BAR_ON_PHONE : BAR;
  const sizes = isPhone
    ? { row: CARD, head: HEAD_OF_CARDS, above: 0, below }
    : { row: ROW, head: ROW, above: ROW, below };
  const { virtualizer, items, slots, seen } = useSlots(scroller, layout, sizes);
  const before = useRef(shown);
  const wanted = useRef<Left | null>(null);
  useLayoutEffect(() => {
    if (before.current === shown) return;
    before.current = shown; // another view begins at its top, and keeps the focus
    scroller.current?.scrollTo({ top: 0 });
    setActive(0);
  }, [shown]);
  useLayoutEffect(() => {
    const element = scroller.current;
    wanted.current = readWay() === "traversed" && left?.shown === before.current ? left : null;
    return () => {
      left = { shown: before.current, top: element?.scrollTop ?? 0, active: latest.current };
    };
  }, []);
  useLayoutEffect(() => {
    const place = wanted.current;
    if (place === null || layout.length === 0) return; // the groups have yet to come
    wanted.current = null;
    scroller.current?.scrollTo({ top: place.top });
    scroller.current?.focus({ preventScroll: true });
    setActive(Math.min(place.active, layout.length - 1));
  });
  const known = useRows(view, layout, items[0]?.index ?? 0, (items.at(-1)?.index ?? -1) + 1);
  const rows = useGradually(known);
  const withRun = useWithRun(view, layout);
  const beside = useBeside(
    rows,
    props.valueNames,
    columns.some((one) => one.id === "curve"),
  );

  const open = useCallback(
    (index: number, key: string | null) => {
      setActive(index);
      if (key !== null) navigate(makeRunPath(key));
    },
    [navigate],
  );

  function move(to: number): void {
    const place = Math.max(0, Math.min(layout.length - 1, to));
    setActive(place);
    virtualizer.scrollToIndex(place);
  }

  function act(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const clicked = event.target === scroller.current ? null : findLine(event.target);
    if (event.target !== scroller.current && clicked === null) return;
    const from = clicked ?? active;
    const line = layout.at(active);
    const moves: Record<string, () => void> = {
      ArrowDown: () => move(from + 1),
      ArrowUp: () => move(from - 1),
      PageDown: () => move(from + PAGE_ROWS),
      PageUp: () => move(from - PAGE_ROWS),
      Home: () => move(0),
      End: () => move(layout.length - 1),
      j: () => move(from + 1),
      k: () => move(from - 1),
    };
    const acts: Record<string, () => void> = {
      " ": () => withRun(active, (run) => selection.toggle([run.key])),
      Enter: () => {
        if (line?.kind === "head") props.onToggleGroup(layout.sections[line.section]?.value ?? "");
        else withRun(active, (run) => navigate(makeRunPath(run.key)));
      },
    };
    // A box or a head that was clicked has the focus: space and Enter are its own, the other keys go on from its row.
    const action = moves[event.key] ?? (clicked === null ? acts[event.key] : undefined);
    if (action) {
      event.preventDefault();
      scroller.current?.focus({ preventScroll: true });
      action();
    }
  }

  const tracks = [CHECK, ...columns.map((one) => props.widths[one.id] ?? one.width)];
  const template = `${tracks.map((one) => `${one}px`).join(" ")} minmax(0, 1fr)`;
  const width = `calc(${tracks.reduce((sum, one) => sum + one, 0)}px + var(--pad))`;
  return (
    <div
      ref={scroller}
      className={classes.scroller}
      role="grid"
      aria-label="Runs"
      aria-rowcount={layout.length + 1}
      aria-multiselectable
      aria-activedescendant={layout.length > 0 ? `line-${active}` : undefined}
      tabIndex={0}
      data-runs
      onKeyDown={act}
      style={{ "--columns": template, "--width": width } as CSSProperties}
    >
      {!isPhone && (
        <TableHead {...props} shown={seen.flatMap((place) => rows.get(place) ?? [])} chosen={chosen} />
      )}
      <div
        className={classes.body}
        role="rowgroup"
        aria-owns={items.map(({ index }) => `line-${index}`).join(" ")}
        style={{ height: virtualizer.getTotalSize() }}
      >
        {slots.map(({ slot, index, start }) => {
          const line = layout.at(index);
          const run = rows.get(index);
          const place = { index, top: start, isActive: index === active };
          if (line?.kind === "head") {
            const section = layout.sections[line.section];
            return (
              section && <GroupHead key={slot} {...place} section={section} onToggle={props.onToggleGroup} />
            );
          }
          const Row = isPhone ? RunCard : RunRow;
          return (
            <Row
              key={slot}
              {...place}
              run={run}
              columns={columns}
              values={run && beside.values?.[run.key]}
              curve={run && beside.curves?.[run.key]}
              isChosen={run !== undefined && chosen.has(run.key)}
              onOpen={open}
            />
          );
        })}
      </div>
    </div>
  );
}

/** The place of the row that something is in; null for the table's head. */
function findLine(target: EventTarget): number | null {
  const row = target instanceof Element ? target.closest("[role=rowgroup] [role=row]") : null;
  return row === null ? null : Number(row.id.slice("line-".length));
}
