/** One clock for all ages on a page: every component that shows one is drawn again together, not each by its own timer. */
import { useSyncExternalStore } from "react";

const TICK = 1000;

let now = Date.now() / 1000;
let timer: number | undefined;
const watchers = new Set<() => void>();

function subscribe(watcher: () => void): () => void {
  watchers.add(watcher);
  timer ??= window.setInterval(() => {
    now = Date.now() / 1000;
    for (const one of watchers) one();
  }, TICK);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0) {
      window.clearInterval(timer);
      timer = undefined;
    }
  };
}

/** What `read` makes of the present time (seconds); draws again only when that changes. */
export function useNow<T extends string | number | boolean>(read: (now: number) => T): T {
  return useSyncExternalStore(subscribe, () => read(now));
}
