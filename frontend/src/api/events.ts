/**
 * The one stream of events. It is open while the page is looked at, and tells anyone who asks; it keeps no data itself.
 * After a gap (`refetch`, or a page that was hidden) everyone is told to fetch again.
 */
import { useEffect, useRef, useSyncExternalStore } from "react";

export interface SyncEvent {
  sync_id: number;
  connection_id: string;
  mode: "smart" | "mirror";
  remote_root: string;
  state: string;
  files_done: number;
  files_total: number;
  bytes_done: number;
  bytes_total: number;
  bytes_per_second: number;
  current_file: string | null;
  problems: number;
  last_error: string | null;
  last_sync_at: number | null;
  next_sync_at: number | null;
}

/** What each kind of event carries. */
export interface EventData {
  connection: { connection_id: string; state: string; connected: boolean; last_error?: string | null };
  sync: SyncEvent;
  run: { changed: string[]; removed: string[] };
  problem: {
    sync_id: number;
    connection_id: string;
    count: number;
    new: { path: string; message: string }[];
  };
  series: { run: string; keys: string[]; points: number };
  log: { run: string; path: string; size: number; rewritten?: boolean };
  download: { id: string; state: string } & Record<string, unknown>;
  refetch: { reason: string };
}
export type EventKind = keyof EventData;
type Listener<K extends EventKind> = (data: EventData[K]) => void;

export type StreamState = "connecting" | "live" | "lost";

const KINDS: readonly EventKind[] = [
  "connection",
  "sync",
  "run",
  "problem",
  "series",
  "log",
  "download",
  "refetch",
];
const HIDDEN_FOR = 30_000;
const RETRY_AFTER = 3_000;

class EventStream {
  private source: EventSource | null = null;
  private state: StreamState = "connecting";
  private hasBeenLive = false;
  private users = 0;
  private timer: number | undefined;
  private readonly listeners = new Map<EventKind, Set<Listener<never>>>();
  private readonly watchers = new Set<() => void>();

  on<K extends EventKind>(kind: K, listener: Listener<K>): () => void {
    const all = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, all);
    all.add(listener as Listener<never>);
    return () => all.delete(listener as Listener<never>);
  }

  /** Keep the stream open until the returned function is called. */
  hold(): () => void {
    this.users += 1;
    if (this.users === 1) {
      document.addEventListener("visibilitychange", this.watchVisibility);
      this.open();
    }
    return () => {
      this.users -= 1;
      if (this.users === 0) {
        document.removeEventListener("visibilitychange", this.watchVisibility);
        this.close();
      }
    };
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  getState = (): StreamState => this.state;

  private open(): void {
    this.close();
    const source = new EventSource("/api/events");
    this.source = source;
    source.onopen = () => {
      if (this.hasBeenLive && this.state !== "live") this.tell("refetch", { reason: "reconnected" });
      this.hasBeenLive = true;
      this.change("live");
    };
    source.onerror = () => {
      this.change("lost");
      if (source.readyState === EventSource.CLOSED) this.later(RETRY_AFTER, () => this.open());
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => this.tell(kind, JSON.parse((event as MessageEvent).data)));
    }
  }

  private close(): void {
    window.clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  /** Browsers allow six connections per host: a page nobody looks at must not keep one. */
  private watchVisibility = (): void => {
    window.clearTimeout(this.timer);
    if (document.hidden) {
      this.later(HIDDEN_FOR, () => this.close());
    } else if (this.source === null) {
      this.state = "connecting";
      this.open();
    }
  };

  private later(delay: number, work: () => void): void {
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(work, delay);
  }

  private change(state: StreamState): void {
    this.state = state;
    for (const watcher of this.watchers) watcher();
  }

  private tell<K extends EventKind>(kind: K, data: EventData[K]): void {
    for (const listener of this.listeners.get(kind) ?? []) (listener as Listener<K>)(data);
  }
}

export const eventStream = new EventStream();

/** Whether the stream works: "lost" means that Runferry itself cannot be reached. */
export function useStreamState(): StreamState {
  return useSyncExternalStore(eventStream.subscribe, eventStream.getState);
}

/** Call `listener` with every event of this kind while the component is mounted. */
export function useServerEvent<K extends EventKind>(kind: K, listener: Listener<K>): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => eventStream.on(kind, (data) => latest.current(data)), [kind]);
}
