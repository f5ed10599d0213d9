/** Who the server is: a key never seen (where the settings ask first), and one that is not the known one. */
import { Button, Checkbox, Modal } from "@mantine/core";
import { useState } from "react";
import classes from "./Connect.module.css";

interface Props {
  host: string;
  fingerprint: string;
  isBusy: boolean;
  onCancel: () => void;
}

export function NewKey({ host, fingerprint, isBusy, onTrust, onCancel }: Props & { onTrust: () => void }) {
  return (
    <Modal opened onClose={onCancel} title={`Is this ${host}?`} closeButtonProps={{ "aria-label": "Cancel" }}>
      <div className={classes.stack}>
        <p>This server has not been visited before. Its key is</p>
        <code className={classes.print}>{fingerprint}</code>
        <p className="dim">Compare it with what its administrator tells you, then trust it.</p>
        <div className={classes.buttons}>
          <Button loading={isBusy} onClick={onTrust}>
            Trust this key
          </Button>
          <Button variant="default" onClick={onCancel} data-autofocus>
            Cancel
          </Button>
        </div>
      </div>
    </Modal>
  );
}

interface ChangedProps extends Props {
  known: string;
  onReplace: () => void;
}

export function ChangedKey({ host, fingerprint, known, isBusy, onReplace, onCancel }: ChangedProps) {
  const [isSure, setSure] = useState(false);
  return (
    <Modal
      opened
      onClose={onCancel}
      size="lg"
      title={`${host} shows another key`}
      closeButtonProps={{ "aria-label": "Cancel" }}
    >
      <div className={classes.stack}>
        <p>
          <strong>Nothing was sent to it.</strong> Either the server was reinstalled, or something between you
          and it pretends to be it.
        </p>
        <dl className={classes.prints}>
          <dt>Known</dt>
          <dd>
            <code className={classes.print}>{known}</code>
          </dd>
          <dt>Shown now</dt>
          <dd>
            <code className={classes.print}>{fingerprint}</code>
          </dd>
        </dl>
        <p className="dim">
          Ask its administrator which key is right. If the known one is in <code>~/.ssh/known_hosts</code>,
          remove it there yourself: <code>ssh-keygen -R {host}</code>
        </p>
        <Checkbox
          checked={isSure}
          onChange={(event) => setSure(event.currentTarget.checked)}
          label="I have compared the new key; the server was changed on purpose"
        />
        <div className={classes.buttons}>
          <Button color="bad" disabled={!isSure} loading={isBusy} onClick={onReplace}>
            Forget the old key and connect
          </Button>
          <Button variant="default" onClick={onCancel} data-autofocus>
            Cancel
          </Button>
        </div>
      </div>
    </Modal>
  );
}
