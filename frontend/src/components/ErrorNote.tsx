/** What failed, in the sentence the API gave, and a way to try again on the spot. */
import { Button } from "@mantine/core";
import { IconAlertTriangle } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { explain } from "@/api/client";
import classes from "./ErrorNote.module.css";

interface Props {
  error: unknown;
  /** What to do about it, where the sentence does not say. */
  hint?: ReactNode;
  onRetry?: () => void;
  children?: ReactNode;
}

export function ErrorNote({ error, hint, onRetry, children }: Props) {
  return (
    <div className={classes.note} role="alert">
      <IconAlertTriangle size={16} aria-hidden className={classes.icon} />
      <div className={classes.text}>
        <div>{explain(error)}</div>
        {hint && <div className="dim">{hint}</div>}
        {(onRetry || children) && (
          <div className={classes.actions}>
            {onRetry && (
              <Button variant="default" onClick={onRetry}>
                Try again
              </Button>
            )}
            {children}
          </div>
        )}
      </div>
    </div>
  );
}
