/** A column's title that sorts its table; an arrow says which way it is sorted by it now. */
import { IconArrowDown, IconArrowUp } from "@tabler/icons-react";
import classes from "./SortButton.module.css";

interface Props {
  title: string;
  /** null: the table is sorted by another column. */
  order: "asc" | "desc" | null;
  onClick: () => void;
}

export function SortButton({ title, order, onClick }: Props) {
  const Arrow = order === "asc" ? IconArrowUp : IconArrowDown;
  return (
    <button type="button" className={classes.sort} onClick={onClick}>
      {title}
      {order && <Arrow size={12} aria-hidden />}
    </button>
  );
}
