/** A run's files as a tree: what is here, what is not, and one button to get it. */

import { Button, Progress } from "@mantine/core";
import { IconChevronDown, IconChevronRight, IconFile } from "@tabler/icons-react";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { explain, get, type Schema } from "@/api/client";
import { keys } from "@/api/keys";
import { isOnPurpose } from "@/api/status";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { Bytes } from "@/components/Values";
import { formatBytes } from "@/format/bytes";
import { reveal } from "@/format/names";
import { countOf, formatPercent } from "@/format/numbers";
import { fetchFile, makeFileUrl } from "./fetching";
import { Preview } from "./Preview";
import classes from "./run.module.css";

type Entry = Schema<"FileAnswer">;

const WORDS: Record<Entry["local"], string> = { full: "here", partial: "partly here", none: "on the server" };

export function Files({ run }: { run: string }) {
  const [chosen, setChosen] = useState<Entry | null>(null);
  const root = useListing(run, "");
  if (root.error) return <ErrorNote error={root.error} onRetry={() => root.refetch()} />;
  if (!root.data) return <Loading what="the files" />;
  const { total_files, total_bytes, held_bytes } = root.data;
  return (
    <>
      <p className="dim">
        {countOf(total_files, "file")}, {formatBytes(total_bytes)}; {formatBytes(held_bytes)} of it here
      </p>
      <div className={classes.files}>
        <div>
          <Folder run={run} prefix="" depth={0} chosen={chosen} onChoose={setChosen} />
        </div>
        {chosen && <Preview key={chosen.path} run={run} path={chosen.path} size={chosen.size} />}
      </div>
    </>
  );
}

function useListing(run: string, prefix: string) {
  return useQuery({
    queryKey: [...keys.run(run), "files", prefix],
    queryFn: ({ signal }) =>
      get("/api/runs/{run_id}/files", { params: { run_id: run }, query: { prefix, depth: 1 }, signal }),
  });
}

interface FolderProps {
  run: string;
  prefix: string;
  depth: number;
  chosen: Entry | null;
  onChoose: (entry: Entry) => void;
}

function Folder({ run, prefix, depth, chosen, onChoose }: FolderProps) {
  const listing = useListing(run, prefix);
  if (listing.error) return <ErrorNote error={listing.error} onRetry={() => listing.refetch()} />;
  if (!listing.data) return <Loading what={prefix || "the files"} />;
  const { files, count } = listing.data;
  return (
    <>
      {files.map((entry) => (
        <Row key={entry.path} {...{ run, entry, depth, chosen, onChoose }} />
      ))}
      {count > files.length && (
        <p className="dim">and {countOf(count - files.length, "entry", "entries")} more</p>
      )}
    </>
  );
}

function Row({ run, entry, depth, chosen, onChoose }: Omit<FolderProps, "prefix"> & { entry: Entry }) {
  const [isOpen, setOpen] = useState(false);
  const isFolder = entry.kind === "dir";
  const Icon = !isFolder ? IconFile : isOpen ? IconChevronDown : IconChevronRight;
  const name = entry.path.slice(entry.path.replace(/\/$/, "").lastIndexOf("/") + 1);
  return (
    <>
      <div className={classes.file} data-chosen={chosen?.path === entry.path || undefined}>
        <button
          type="button"
          className={classes.open}
          style={{ paddingLeft: 4 + depth * 18 }}
          aria-label={reveal(name)} // whole: where it is cut, it is two words to a screen reader
          aria-expanded={isFolder ? isOpen : undefined}
          onClick={() => (isFolder ? setOpen(!isOpen) : onChoose(entry))}
        >
          <Icon size={14} aria-hidden style={{ flex: "none" }} />
          <Name text={name} kept={10} />
        </button>
        <span className="dim num">
          <Bytes size={isFolder ? (entry.bytes ?? entry.size) : entry.size} />
        </span>
        <span className="dim" title={entry.problem?.message}>
          {entry.problem ? (isOnPurpose(entry.problem) ? "left out" : "problem") : WORDS[entry.local]}
        </span>
        <Action run={run} entry={entry} name={name} />
      </div>
      {isOpen && <Folder {...{ run, prefix: entry.path, depth: depth + 1, chosen, onChoose }} />}
    </>
  );
}

/** What can be done about a file: save what is here, fetch what is not; of what is left out, nothing. */
function Action({ run, entry, name }: { run: string; entry: Entry; name: string }) {
  if (entry.kind === "dir") return <span />;
  if (entry.local === "full") {
    return (
      <a href={makeFileUrl(run, entry.path)} download={name} aria-label={`Save ${name}`}>
        Save
      </a>
    );
  }
  if (entry.problem && isOnPurpose(entry.problem)) return <span />;
  return <Fetch run={run} entry={entry} name={name} />;
}

/** Fetches a file from its server; how far it is stands in place of the button. */
function Fetch({ run, entry, name }: { run: string; entry: Entry; name: string }) {
  const client = useQueryClient();
  const [bytes, setBytes] = useState<number | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const control = useRef<AbortController | null>(null);
  useEffect(() => () => control.current?.abort(), []);
  async function begin() {
    control.current = new AbortController();
    setFailure(null);
    setBytes(0);
    try {
      await fetchFile(run, entry.path, setBytes, control.current.signal);
    } catch (error) {
      if (!control.current.signal.aborted) setFailure(explain(error));
    }
    setBytes(null);
    await client.invalidateQueries({ queryKey: [...keys.run(run), "files"] });
  }
  if (bytes !== null) {
    const share = entry.size > 0 ? bytes / entry.size : 0;
    return (
      <span style={{ width: 120 }}>
        <Progress value={share * 100} size="xs" aria-label={`Fetching ${name}`} transitionDuration={0} />
        <span className="dim">{formatPercent(share)}</span>
      </span>
    );
  }
  return (
    <span className={classes.action}>
      {failure && <span className="bad">{failure}</span>}
      <Button size="compact-xs" variant="default" aria-label={`Fetch ${name}`} onClick={begin}>
        Fetch
      </Button>
    </span>
  );
}
