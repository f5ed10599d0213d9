/** A name from a server: as text, cut in the middle where it is too long, copied by a click. */
import { reveal, splitForCut } from "@/format/names";
import classes from "./Name.module.css";
import { tell } from "./toasts";

interface Props {
  text: string;
  /** How much of the end is never cut. */
  kept?: number;
  isCopied?: boolean;
  /** Its place tells the whole of it in another way. */
  isUntitled?: boolean;
  className?: string;
}

export function Name({ text, kept = 8, isCopied = false, isUntitled = false, className }: Props) {
  const shown = reveal(text);
  const [head, tail] = splitForCut(shown, kept);
  // A short one is one element: a long table has thousands of them, and all of them are laid out.
  const parts = tail ? (
    <>
      <span className={classes.head}>{head}</span>
      <span className={classes.tail}>{tail}</span>
    </>
  ) : (
    shown
  );
  const style = `${tail ? classes.name : classes.whole} ${className ?? ""}`;
  if (!isCopied) {
    return (
      <span className={style} title={isUntitled ? undefined : shown}>
        {parts}
      </span>
    );
  }
  return (
    <button
      type="button"
      className={`${style} ${classes.copy}`}
      title={`Copy ${shown}`}
      onClick={() => copy(text)}
    >
      {parts}
    </button>
  );
}

export async function copy(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    tell("Copied", text);
  } catch {
    tell("Not copied", "The browser does not let this page use the clipboard.");
  }
}
