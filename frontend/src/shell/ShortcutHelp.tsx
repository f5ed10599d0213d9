/** What `?` shows: every key that does something here. */
import { Kbd, Modal } from "@mantine/core";
import classes from "./ShortcutHelp.module.css";
import { useShortcutList } from "./shortcuts";

/** What the table of runs does with keys itself, while it has the focus. */
const IN_TABLE = [
  { keys: "↑ ↓", does: "Move in the table of runs, also with j and k" },
  { keys: "Space", does: "Select the run" },
  { keys: "Enter", does: "Open the run; in the filter: go to its rows" },
];

export function ShortcutHelp({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }) {
  const all = useShortcutList();
  return (
    <Modal
      opened={isOpen}
      onClose={onClose}
      title="Keyboard shortcuts"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <dl className={classes.list}>
        {[...all, ...IN_TABLE].map((one) => (
          <div key={one.keys} className={classes.row}>
            <dt>
              {one.keys.split(" ").map((key) => (
                <Kbd key={key}>{key}</Kbd>
              ))}
            </dt>
            <dd>{one.does}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
