/** Smart or mirror: what each copies now and what it costs, in files and bytes, known from a look through the folder. */

import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { post, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { ErrorNote } from "@/components/ErrorNote";
import { formatBytes } from "@/format/bytes";
import { reveal } from "@/format/names";
import { countOf } from "@/format/numbers";
import { usePreview } from "./browsing";
import classes from "./ModeChoice.module.css";

const PATIENCE = 8;

type Mode = "smart" | "mirror";
type Amount = Schema<"AmountAnswer">;

interface Props {
  connectionId: string;
  server: string;
  folder: string;
  onBack: () => void;
  onDone: () => void;
}

export function ModeChoice({ connectionId, server, folder, onBack, onDone }: Props) {
  const [mode, setMode] = useState<Mode>("smart");
  const client = useQueryClient();
  const preview = usePreview(connectionId, folder, PATIENCE);
  const start = useMutation({
    mutationFn: () =>
      post("/api/unified/configure_mode", { mode, remote_root: folder, connection_id: connectionId }),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.status });
      onDone();
    },
  });
  const known = preview.data?.is_complete ? preview.data : null;
  const isLooking = preview.isPending;
  return (
    <form
      className={classes.form}
      onSubmit={(event) => {
        event.preventDefault();
        start.mutate();
      }}
    >
      <p className={classes.folder}>
        <span className="dim">{server}:</span>
        <code>{reveal(folder)}</code>
        {known && <span className="dim"> {countOf(known.runs, "run")}</span>}
      </p>
      <fieldset className={classes.choices}>
        <legend className="sr-only">How much of it to copy</legend>
        <Choice mode="smart" title="Smart" isChosen={mode === "smart"} onChoose={setMode}>
          <p>
            Copies what describes the runs: <Cost amount={known?.smart} isLooking={isLooking} />. Curves, logs
            and files come when you open them, and are kept.
          </p>
          <p className="dim">
            Best for large folders and slow links. Offline, you have what you have opened.
          </p>
        </Choice>
        <Choice mode="mirror" title="Mirror" isChosen={mode === "mirror"} onChoose={setMode}>
          <p>
            Copies everything, checkpoints too: <Cost amount={known?.mirror} isLooking={isLooking} />. Then
            only what changes.
          </p>
          <p className="dim">Best where all of it should be here, also offline.</p>
        </Choice>
      </fieldset>
      <p className="dim">Nothing is ever written on the server. You can change this later, or pause it.</p>
      {start.isError && <ErrorNote error={start.error} />}
      <div className={classes.buttons}>
        <Button type="submit" loading={start.isPending} autoFocus>
          Start
        </Button>
        <Button variant="default" onClick={onBack}>
          Another folder
        </Button>
      </div>
    </form>
  );
}

/** The space for the numbers is there before they are. */
function Cost({ amount, isLooking }: { amount: Amount | undefined; isLooking: boolean }) {
  if (amount) {
    return (
      <strong>
        {countOf(amount.files, "file")}, {formatBytes(amount.bytes)}
      </strong>
    );
  }
  return <span className="dim">{isLooking ? "counting…" : "too many files to count in 8 s"}</span>;
}

interface ChoiceProps {
  mode: Mode;
  title: string;
  isChosen: boolean;
  onChoose: (mode: Mode) => void;
  children: React.ReactNode;
}

function Choice({ mode, title, isChosen, onChoose, children }: ChoiceProps) {
  return (
    <label className={classes.choice} data-chosen={isChosen || undefined}>
      <input
        type="radio"
        name="mode"
        value={mode}
        checked={isChosen}
        aria-label={title}
        aria-describedby={`about-${mode}`}
        onChange={() => onChoose(mode)}
      />
      <span className={classes.name}>{title}</span>
      <div className={classes.about} id={`about-${mode}`}>
        {children}
      </div>
    </label>
  );
}
