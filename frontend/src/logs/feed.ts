/** Brings a log's lines into a buffer: its end first, then every new line as it is written. */
import { get, makeUrl, type Schema } from "@/api/client";
import { Pace } from "@/charts/pace";
import { type LiveMessage, LogBuffer, PAGE } from "./buffer";

const TAIL = 2000;
const AGAIN_AFTER = 2_000;

export type LogFacts = Schema<"LogPageAnswer">;

export class LogFeed {
  readonly buffer = new LogBuffer();
  private socket: WebSocket | null = null;
  private timer: number | undefined;
  private cursor = "";
  private isOver = false;
  private version = 0;
  private readonly asked = new Set<number>();
  private readonly watchers = new Set<() => void>();
  private readonly pace = new Pace(() => this.tell(), 50);

  constructor(
    private readonly run: string,
    private readonly path: string | null,
  ) {}

  /** Fetch the end and follow it. Raises ApiError where there is no such log. */
  async open(): Promise<LogFacts> {
    const page = await this.fetch({ tail: TAIL });
    if (this.isOver) return page;
    this.buffer.open(page);
    this.cursor = page.cursor;
    this.pace.ask();
    this.follow();
    return page;
  }

  close(): void {
    this.isOver = true;
    window.clearTimeout(this.timer);
    this.pace.stop();
    this.socket?.close();
  }

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  getVersion = (): number => this.version;

  /** See that the lines around an index are fetched. */
  want(index: number): void {
    const page = this.buffer.missingPage(index);
    if (page === null || this.asked.has(page)) return;
    this.asked.add(page);
    this.fetch({ offset: page * PAGE, limit: PAGE })
      .then((found) =>
        this.buffer.keepPage(
          page,
          found.lines.map((line) => line.text),
        ),
      )
      .catch(() => undefined) // it is asked for again with the next look at it
      .finally(() => {
        this.asked.delete(page);
        this.pace.ask();
      });
  }

  private fetch(query: { tail?: number; offset?: number; limit?: number }): Promise<LogFacts> {
    return get("/api/runs/{run_id}/logs", {
      params: { run_id: this.run },
      query: { ...query, path: this.path ?? undefined },
    });
  }

  /** Learn where the end of a large log lies, once all its lines are counted; a line that comes may say so, too. */
  async number(): Promise<void> {
    if (this.buffer.isNumbered) return;
    const page = await this.fetch({ tail: 1 }).catch(() => undefined); // it is asked for again with the next facts
    const last = page?.lines.at(-1)?.number;
    if (last == null || page?.cursor !== this.cursor || this.isOver) return;
    this.buffer.number(last);
    this.pace.ask();
  }

  private follow(): void {
    if (this.isOver) return;
    const query = { after: this.cursor, format: "json", path: this.path };
    const url = makeUrl("/api/runs/{run_id}/logs/ws", { params: { run_id: this.run }, query });
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${url}`);
    this.socket = socket;
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data) as LiveMessage;
      this.cursor = message.cursor;
      this.buffer.take(message);
      this.pace.ask();
    };
    socket.onclose = () => {
      if (!this.isOver) this.timer = window.setTimeout(() => this.follow(), AGAIN_AFTER);
    };
  }

  private tell(): void {
    this.version += 1;
    for (const watcher of this.watchers) watcher();
  }
}
