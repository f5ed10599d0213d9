/** What `?` shows: every key that does something here. */
import { Kbd, Modal } from "@mantine/core";
import classes from "./ShortcutHelp.module.css";
import { useShortcutList } from "./shortcuts";

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
        {all.map((one) => (
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
