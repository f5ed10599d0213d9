/** What stands over the cards of a phone in place of the table's head: by what they are sorted, and which way. */
import { NativeSelect } from "@mantine/core";
import { SortButton } from "@/components/SortButton";
import classes from "./CardsHead.module.css";
import { BASE_COLUMNS } from "./columns";
import { type SortKey, turn, type View } from "./view";

const CHOICES = BASE_COLUMNS.flatMap(({ sort, title }) => (sort ? [{ value: sort, label: title }] : []));

interface Props {
  view: View;
  onSort: (change: Partial<View>) => void;
}

export function CardsHead({ view, onSort }: Props) {
  const { sort, order } = view;
  const isListed = CHOICES.some((one) => one.value === sort); // an address may name what no column is sorted by
  return (
    <div className={classes.head}>
      <NativeSelect
        variant="unstyled"
        classNames={{ root: classes.by, label: classes.label }}
        label="Sort by"
        data={isListed ? CHOICES : [{ value: sort, label: sort }, ...CHOICES]}
        value={sort}
        onChange={(event) => onSort(turn(view, event.currentTarget.value as SortKey))}
      />
      <SortButton
        title={order === "asc" ? "Ascending" : "Descending"}
        order={order}
        onClick={() => onSort(turn(view, sort))}
      />
    </div>
  );
}
