/** The values under the crosshair, beside it. Names are text. */
import { reveal } from "@/format/names";
import { formatNumber } from "@/format/numbers";
import type { Value } from "./align";
import classes from "./charts.module.css";
import type { Axis } from "./curves";
import { formatPlace } from "./ticks";

export interface TipRow {
  label: string;
  color: string;
  value: Value;
}

const MOST_ROWS = 12;

export class Tip {
  private readonly box = document.createElement("div");

  constructor(private readonly host: HTMLElement) {
    this.box.className = classes.tip ?? "";
    this.box.hidden = true;
    host.append(this.box);
  }

  show(at: { left: number; top: number }, x: number, axis: Axis, rows: readonly TipRow[]): void {
    const known = rows.filter((row) => row.value !== undefined);
    const sorted = [...known].sort((a, b) => (b.value ?? -Infinity) - (a.value ?? -Infinity));
    const head = document.createElement("div");
    head.textContent = formatPlace(x, axis);
    this.box.replaceChildren(head, ...sorted.slice(0, MOST_ROWS).map(makeRow));
    if (sorted.length > MOST_ROWS) this.box.append(`and ${sorted.length - MOST_ROWS} more`);
    this.box.hidden = false;
    const isRight = at.left > this.host.clientWidth / 2;
    const left = isRight ? at.left - this.box.offsetWidth - 12 : at.left + 12;
    this.box.style.transform = `translate(${Math.round(Math.max(0, left))}px, ${Math.round(Math.max(0, at.top - 10))}px)`;
  }

  hide(): void {
    this.box.hidden = true;
  }

  destroy(): void {
    this.box.remove();
  }
}

function makeRow({ label, color, value }: TipRow): HTMLElement {
  const row = document.createElement("div");
  const mark = document.createElement("span");
  mark.className = classes.mark ?? "";
  mark.style.background = color;
  const name = document.createElement("span");
  name.textContent = reveal(label);
  const number = document.createElement("strong");
  number.textContent = value === null ? "NaN" : formatNumber(value);
  row.append(mark, name, number);
  return row;
}
