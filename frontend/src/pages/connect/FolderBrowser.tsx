/** The folders of the server: one looks around, marked ones hold runs, and one is chosen. Also by keyboard alone. */
import { Button, Checkbox } from "@mantine/core";
import { IconArrowUp, IconFile, IconFolder } from "@tabler/icons-react";
import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import { Age } from "@/components/Age";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { Name } from "@/components/Name";
import { Bytes } from "@/components/Values";
import { listAncestors, reveal } from "@/format/names";
import { countOf } from "@/format/numbers";
import { type Item, useListing, usePreview } from "./browsing";
import classes from "./FolderBrowser.module.css";

const SHOWN = 2000;

interface Props {
  connectionId: string;
  start: string;
  onChoose: (folder: string) => void;
  onBack: () => void;
}

export function FolderBrowser({ connectionId, start, onChoose, onBack }: Props) {
  const [path, setPath] = useState(start);
  const [from, setFrom] = useState<string | null>(null);
  const [isHiddenShown, setHiddenShown] = useState(false);
  const listing = useListing(connectionId, path, isHiddenShown);
  const here = listing.data?.path ?? path;
  const preview = usePreview(connectionId, listing.data?.path);
  function go(to: string): void {
    setFrom(here);
    setPath(to);
  }
  const early = useRef<string[]>([]);
  useEffect(() => {
    if (listing.error) early.current = []; // they were meant for what did not come
  }, [listing.error]);
  const runs = preview.data?.is_complete ? preview.data.runs : null;
  return (
    <>
      <div className={classes.bar}>
        <Crumbs path={here} onGo={go} />
        <Checkbox
          label="Hidden ones too"
          checked={isHiddenShown}
          onChange={(event) => setHiddenShown(event.currentTarget.checked)}
        />
      </div>
      {listing.error ? (
        <ErrorNote error={listing.error} onRetry={listing.refetch}>
          {path !== "~" && (
            <Button variant="default" onClick={() => go("~")}>
              Go to the home folder
            </Button>
          )}
        </ErrorNote>
      ) : listing.data ? (
        <Items
          key={here}
          path={here}
          items={listing.data.items}
          runsIn={preview.data?.runs_in ?? {}}
          from={from}
          early={early}
          onGo={go}
          onUse={() => onChoose(here)}
        />
      ) : (
        <Waiting early={early} />
      )}
      <footer className={classes.foot}>
        <Button disabled={!listing.data} onClick={() => onChoose(here)}>
          Use this folder
        </Button>
        <Button variant="default" onClick={onBack}>
          Another server
        </Button>
        <span className="dim" role="status">
          {runs === null
            ? preview.isFetching
              ? "Looking for runs…"
              : preview.data && "This folder is large; runs in it are counted once you choose it."
            : runs === 0
              ? "No runs found in here so far. Whatever appears later will be."
              : `${countOf(runs, "run")} found in here${listTools(preview.data?.formats ?? {})}`}
        </span>
      </footer>
    </>
  );
}

function listTools(formats: Record<string, number>) {
  const told = Object.entries(formats).map(([tool, count]) => `${count.toLocaleString("en")} ${tool}`);
  return told.length > 0 ? `: ${told.join(", ")}` : "";
}

function Crumbs({ path, onGo }: { path: string; onGo: (path: string) => void }) {
  const steps = path.startsWith("/") ? listAncestors(path) : [[path, path] as [string, string]];
  return (
    <nav aria-label="Path" className={classes.crumbs}>
      {steps.map(([name, to], index) => (
        <span key={to}>
          {index > 1 && <span className="dim">/</span>}
          <button
            type="button"
            className={classes.crumb}
            aria-current={index === steps.length - 1 ? "location" : undefined}
            onClick={() => onGo(to)}
          >
            {reveal(name)}
          </button>
        </span>
      ))}
    </nav>
  );
}

/** Keys pressed before a folder has come: they count when it comes. */
type Early = RefObject<string[]>;

const KEYS = new Set([
  "ArrowDown",
  "ArrowUp",
  "Home",
  "End",
  "Enter",
  "ArrowRight",
  "ArrowLeft",
  "Backspace",
  " ",
]);

function isPlain(event: KeyboardEvent): boolean {
  return KEYS.has(event.key) && !(event.ctrlKey || event.metaKey || event.altKey);
}

function Waiting({ early }: { early: Early }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => box.current?.focus({ preventScroll: true }), []);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: it keeps the keys for the list that comes
    <div
      ref={box}
      className={classes.items}
      tabIndex={-1}
      onKeyDown={(event) => {
        if (!isPlain(event)) return;
        event.preventDefault();
        early.current.push(event.key);
      }}
    >
      <Loading what="the folder" />
    </div>
  );
}

interface ItemsProps {
  path: string;
  items: readonly Item[];
  runsIn: Record<string, number>;
  /** Where one comes from: it is the active one after going up; otherwise the first folder is. */
  from: string | null;
  early: Early;
  onGo: (path: string) => void;
  onUse: () => void;
}

function Items({ path, items, runsIn, from, early, onGo, onUse }: ItemsProps) {
  const list = useRef<HTMLDivElement>(null);
  const parent = path === "/" ? null : path.replace(/\/[^/]+\/?$/, "") || "/";
  const rows = [...(parent === null ? [] : [null]), ...items.slice(0, SHOWN)];
  const [active, setActive] = useState(() => findFirst(rows, from));

  // biome-ignore lint/correctness/useExhaustiveDependencies: once, as the list comes
  useEffect(() => {
    list.current?.focus({ preventScroll: true });
    let place: number | null = active;
    while (place !== null && early.current.length > 0) place = act(early.current.shift() ?? "", place);
    if (place !== null) setActive(place);
  }, []);
  useEffect(() => {
    list.current?.querySelector(`#item-${active}`)?.scrollIntoView({ block: "nearest" });
  }, [active]);

  /** What a key does at a place: the place that is active then, or null where it leads elsewhere. */
  function act(key: string, place: number): number | null {
    if (key === "ArrowDown") return Math.min(rows.length - 1, place + 1);
    if (key === "ArrowUp") return Math.max(0, place - 1);
    if (key === "Home") return 0;
    if (key === "End") return rows.length - 1;
    if (key === "Enter" || key === "ArrowRight") return open(place) ? null : place;
    if (key === " ") {
      onUse();
      return null;
    }
    if (parent === null) return place;
    onGo(parent);
    return null;
  }

  function open(place: number): boolean {
    const item = rows[place];
    if (item === null) onGo(parent ?? "/");
    else if (item?.type === "dir") onGo(item.path);
    else return false;
    return true;
  }

  function press(event: KeyboardEvent): void {
    if (!isPlain(event)) return;
    event.preventDefault();
    const place = act(event.key, active);
    if (place !== null) setActive(place);
  }

  return (
    <div
      ref={list}
      className={classes.items}
      role="listbox"
      aria-label={`Folders in ${path}`}
      aria-activedescendant={rows.length > 0 ? `item-${active}` : undefined}
      tabIndex={0}
      onKeyDown={press}
    >
      {rows.map((item, place) => (
        // biome-ignore lint/a11y/useKeyWithClickEvents: the list takes the keys
        <div
          key={item?.path ?? ".."}
          id={`item-${place}`}
          role="option"
          aria-selected={place === active}
          aria-disabled={item !== null && item.type !== "dir"}
          className={classes.item}
          onClick={() => {
            setActive(place);
            open(place);
          }}
        >
          {item === null ? <Up /> : <One item={item} runs={runsIn[item.name] ?? 0} />}
        </div>
      ))}
      {items.length > SHOWN && <div className={classes.more}>and {items.length - SHOWN} more</div>}
      {items.length === 0 && <div className={classes.more}>This folder is empty.</div>}
    </div>
  );
}

function findFirst(rows: readonly (Item | null)[], from: string | null): number {
  const before = rows.findIndex((row) => row !== null && row.path === from);
  return before >= 0 ? before : Math.max(0, Math.min(rows.length - 1, rows.indexOf(null) + 1));
}

function Up() {
  return (
    <>
      <IconArrowUp size={16} aria-hidden />
      <span>The folder above</span>
    </>
  );
}

function One({ item, runs }: { item: Item; runs: number }) {
  const Icon = item.type === "dir" ? IconFolder : IconFile;
  return (
    <>
      <Icon size={16} aria-hidden className={runs > 0 ? classes.marked : undefined} />
      <Name text={item.name} kept={10} />
      {item.is_link && <span className="dim">link</span>}
      {runs > 0 && <strong className={classes.marked}>{countOf(runs, "run")}</strong>}
      <span className={classes.facts}>
        {item.type !== "dir" && <Bytes size={item.size} />}
        <Age at={item.mtime} />
      </span>
    </>
  );
}
