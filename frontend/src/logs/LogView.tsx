/** A log as it is written: only the lines in sight are in the page. It sticks to the end until one scrolls away. */
import { Checkbox, CloseButton, Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import {
  type KeyboardEvent,
  type RefObject,
  useCallback,
  useEffect,
  useLayoutEffect,
  useMemo,
  useReducer,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import { get } from "@/api/client";
import { useServerEvent } from "@/api/events";
import { Pace } from "@/charts/pace";
import { ErrorNote } from "@/components/ErrorNote";
import { Loading } from "@/components/Loading";
import { useRemembered } from "@/components/remembered";
import { formatBytes } from "@/format/bytes";
import { countOf } from "@/format/numbers";
import { fold, parseAnsi, stripTime } from "./ansi";
import { LogFeed } from "./feed";
import classes from "./logs.module.css";
import { markFound } from "./parts";
import { followSight, lastStretch, MOST, stretchAround } from "./stretch";

const LINE = 18;
const EVERY = 5_000; // how large it is and whether it grows, while its lines come by themselves
const AT_MOST_EVERY = 1_000; // while not all of it is here

export function LogView({ run }: { run: string }) {
  const [path, setPath] = useState<string | null>(null);
  const [feed, setFeed] = useState<LogFeed | null>(null);
  const [wanted, setWanted] = useState("");
  const [isTimed, setTimed] = useRemembered("log-times", true);
  const place = useRef<number | null>(null);
  const [round, again] = useReducer((count: number) => count + 1, 0);
  const facts = useQuery({
    queryKey: ["log", run, path],
    queryFn: ({ signal }) =>
      get("/api/runs/{run_id}/logs", {
        params: { run_id: run },
        query: { tail: 0, path: path ?? undefined },
        signal,
      }),
    refetchInterval: EVERY,
  });
  const { refetch } = facts;
  const looking = useMemo(() => new Pace(() => void refetch(), AT_MOST_EVERY), [refetch]);
  useEffect(() => () => looking.stop(), [looking]);
  const isPartial = facts.data !== undefined && facts.data.held_bytes < facts.data.size_bytes;
  useServerEvent("log", (event) => isPartial && event.run === run && looking.ask());
  const isThere = facts.data !== undefined;
  const [failure, setFailure] = useState<unknown>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round is another try
  useEffect(() => {
    if (!isThere) return;
    const made = new LogFeed(run, path);
    setFailure(null);
    setFeed(made);
    made.open().then(() => looking.ask(), setFailure); // more of it is here now
    return () => made.close();
  }, [run, path, isThere, round, looking]);
  const counted = facts.data?.total_lines ?? null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: asked with all facts that come, until it is known
  useEffect(() => {
    if (counted !== null) void feed?.number();
  }, [feed, counted, facts.dataUpdatedAt]);
  useServerEvent("refetch", () => failure !== null && again());
  if (facts.error && !facts.data) return <ErrorNote error={facts.error} onRetry={() => facts.refetch()} />;
  if (!facts.data || !feed) return <Loading what="the log" />;
  const { paths, size_bytes, held_bytes, is_live } = facts.data;
  return (
    <div className={classes.view}>
      <div className={classes.tools}>
        <TextInput
          data-page-filter
          w={260}
          aria-label="Search the log"
          placeholder="Search the log"
          value={wanted}
          onChange={(event) => setWanted(event.currentTarget.value)}
          rightSection={
            wanted && <CloseButton size="sm" aria-label="Clear the search" onClick={() => setWanted("")} />
          }
        />
        {paths.length > 1 && (
          <Select
            aria-label="Which log"
            data={[...new Set(paths)]}
            value={path ?? facts.data.path}
            allowDeselect={false}
            onChange={(chosen) => {
              place.current = null;
              setPath(chosen);
            }}
          />
        )}
        <Checkbox
          label="Times"
          checked={isTimed}
          onChange={(event) => setTimed(event.currentTarget.checked)}
        />
        <span className="dim">
          {is_live ? "live" : "not growing"}, {formatBytes(size_bytes)}
          {isPartial && `, ${formatBytes(held_bytes)} of it here`}
        </span>
      </div>
      {failure ? (
        <ErrorNote error={failure} onRetry={again} />
      ) : wanted.trim() ? (
        <Found
          run={run}
          path={path}
          wanted={wanted.trim()}
          isTimed={isTimed}
          onChoose={(line) => {
            place.current = line;
            setWanted("");
          }}
        />
      ) : (
        <Lines key={path} feed={feed} isTimed={isTimed} place={place} />
      )}
    </div>
  );
}

interface LinesProps {
  feed: LogFeed;
  isTimed: boolean;
  /** The line in the middle, for when one comes back from a search; null: the end is followed. */
  place: RefObject<number | null>;
}

function Lines({ feed, isTimed, place }: LinesProps) {
  const box = useRef<HTMLDivElement>(null);
  const [goTo] = useState(place.current);
  const [isFollowing, setFollowing] = useState(goTo === null);
  const version = useSyncExternalStore(feed.subscribe, feed.getVersion);
  const { buffer } = feed;
  const { moved, count: total } = buffer;
  // Of all lines the box holds those from the first on. What is kept of it counts as lines did before they had numbers.
  const [chosen, setChosen] = useState(() => (goTo === null ? 0 : stretchAround(goTo, total) - moved));
  const first = isFollowing ? lastStretch(total) : Math.min(chosen + moved, lastStretch(total));
  const list = useVirtualizer({
    count: Math.min(MOST, total - first),
    getScrollElement: () => box.current,
    estimateSize: () => LINE,
    overscan: 20,
  });
  const origin = first - moved;
  const shown = useRef(origin);
  useLayoutEffect(() => {
    const element = box.current; // the lines in sight stay in sight where others come before them
    if (element && !isFollowing) element.scrollTop += (shown.current - origin) * LINE;
    shown.current = origin;
  }, [origin, isFollowing]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the version says that there are more lines
  useEffect(() => {
    const element = box.current;
    if (isFollowing && element) element.scrollTop = element.scrollHeight;
  }, [version, isFollowing, buffer.count]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only at first
  useEffect(() => {
    if (goTo !== null) list.scrollToIndex(goTo - first, { align: "center" });
  }, []);
  const items = list.getVirtualItems();
  useEffect(() => {
    for (const item of [items[0], items.at(-1)]) if (item) feed.want(first + item.index);
  });
  const watch = useCallback(() => {
    const element = box.current;
    if (!element) return;
    const low = first + Math.floor(element.scrollTop / LINE);
    const high = first + Math.ceil((element.scrollTop + element.clientHeight) / LINE);
    const isAtEnd =
      element.scrollHeight - element.scrollTop - element.clientHeight < LINE * 2 && first + MOST >= total;
    place.current = isAtEnd || !buffer.isNumbered ? null : Math.floor((low + high) / 2);
    setFollowing(isAtEnd);
    setChosen(followSight(first, low, high, total) - moved);
  }, [place, buffer, first, total, moved]);
  function jump(event: KeyboardEvent): void {
    if (event.key === "End") setFollowing(true);
    if (event.key !== "Home" || first === 0) return; // the box goes there by itself
    event.preventDefault();
    setFollowing(false);
    setChosen(-moved);
    shown.current = -moved;
    box.current?.scrollTo({ top: 0 });
  }
  return (
    <>
      <div
        className={classes.lines}
        ref={box}
        onScroll={watch}
        onKeyDown={jump}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
        tabIndex={0}
        role="log"
        aria-label="Log"
        aria-live="off"
      >
        <div className={classes.inner} style={{ height: list.getTotalSize() }}>
          {items.map((item) => (
            <div
              key={item.index}
              className={classes.line}
              style={{ transform: `translateY(${item.start}px)` }}
            >
              <span className={classes.number}>{buffer.isNumbered ? first + item.index + 1 : ""}</span>
              <LineText text={buffer.read(first + item.index)} wanted="" isTimed={isTimed} />
            </div>
          ))}
        </div>
      </div>
      <div className={classes.tools}>
        <Checkbox
          label="Follow the end"
          checked={isFollowing}
          onChange={(event) => {
            setChosen(first - moved);
            setFollowing(event.currentTarget.checked);
          }}
        />
        <span className="dim">
          {buffer.isNumbered ? countOf(buffer.count, "line") : "The lines before are being counted"}
        </span>
      </div>
    </>
  );
}

interface FoundProps {
  run: string;
  path: string | null;
  wanted: string;
  isTimed: boolean;
  onChoose: (line: number) => void;
}

/** The lines with the text in them; a click leads to the place. */
function Found({ run, path, wanted, isTimed, onChoose }: FoundProps) {
  const box = useRef<HTMLDivElement>(null);
  const query = useQuery({
    queryKey: ["log", run, path, "search", wanted],
    queryFn: ({ signal }) =>
      get("/api/runs/{run_id}/logs", {
        params: { run_id: run },
        query: { search: wanted, limit: 10_000, path: path ?? undefined },
        signal,
      }),
  });
  const lines = query.data?.lines ?? [];
  const list = useVirtualizer({
    count: lines.length,
    getScrollElement: () => box.current,
    estimateSize: () => LINE,
    overscan: 20,
  });
  if (query.error) return <ErrorNote error={query.error} onRetry={() => query.refetch()} />;
  const matches = query.data?.matches ?? 0;
  return (
    <>
      <div className="dim" role="status">
        {query.isPending
          ? "Searching…"
          : `${countOf(matches, "line")}${query.data?.is_searched ? "" : " so far; the log goes on"}`}
      </div>
      <div
        className={classes.lines}
        ref={box}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it is scrolled with the keyboard
        tabIndex={0}
        role="region"
        aria-label="Lines found"
      >
        <div className={classes.inner} style={{ height: list.getTotalSize() }}>
          {list.getVirtualItems().map((item) => {
            const line = lines[item.index];
            return (
              <button
                type="button"
                key={item.index}
                className={classes.line}
                style={{ transform: `translateY(${item.start}px)` }}
                onClick={() => line?.number != null && onChoose(line.number)}
              >
                <span className={classes.number}>{line?.number != null ? line.number + 1 : ""}</span>
                <LineText text={line?.text} wanted={wanted} isTimed={isTimed} />
              </button>
            );
          })}
        </div>
      </div>
    </>
  );
}

function LineText({ text, wanted, isTimed }: { text: string | undefined; wanted: string; isTimed: boolean }) {
  const parts = useMemo(() => {
    if (text === undefined) return [];
    const folded = fold(text);
    return markFound(parseAnsi(isTimed ? folded : stripTime(folded)), wanted);
  }, [text, wanted, isTimed]);
  return parts.map((part, place) => {
    const Tag = part.isFound ? "mark" : "span";
    return (
      <Tag
        key={place}
        data-color={part.color ?? undefined}
        data-bold={part.isBold || undefined}
        data-dim={part.isDim || undefined}
      >
        {part.text}
      </Tag>
    );
  });
}
