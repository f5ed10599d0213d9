/** A run's status as shape, word and colour; how it is known is the title. */
import classes from "./StatusMark.module.css";

const SHAPES: Record<string, string> = {
  running: "M2 1 L11 6 L2 11 Z",
  finished: "M1.5 6.5 L4.8 9.8 L10.8 2.6",
  failed: "M2 2 L10 10 M10 2 L2 10",
  interrupted: "M2.5 2.5 H9.5 V9.5 H2.5 Z",
  unverified: "M6 1 L11 6 L6 11 L1 6 Z",
};
const FILLED = new Set(["running", "interrupted"]);
const OTHER = "M2 6 H10";

interface Props {
  status: string;
  evidence?: string | null;
  isWordless?: boolean;
  /** Its place tells the evidence in another way. */
  isUntitled?: boolean;
}

export function StatusMark({ status, evidence, isWordless = false, isUntitled = false }: Props) {
  const kind = Object.hasOwn(SHAPES, status) ? status : "other";
  const isUnsure = status === "running" && evidence?.startsWith("unverified");
  const word = isUnsure ? "running?" : status || "unknown";
  return (
    <span
      className={classes.status}
      data-kind={isUnsure ? "unverified" : kind}
      title={isUntitled ? undefined : evidence || undefined}
    >
      <svg viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
        <path
          d={isUnsure ? SHAPES.unverified : (SHAPES[kind] ?? OTHER)}
          data-filled={(FILLED.has(kind) && !isUnsure) || undefined}
        />
      </svg>
      <span className={isWordless ? "sr-only" : undefined}>{word}</span>
    </span>
  );
}
