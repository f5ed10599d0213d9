/** Which runs are chosen. It survives filtering, sorting and other pages; it ends with the tab. */
import { useSyncExternalStore } from "react";

class Selection {
  private chosen: ReadonlySet<string> = new Set();
  private readonly watchers = new Set<() => void>();

  get = (): ReadonlySet<string> => this.chosen;

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  toggle(keys: readonly string[], isChosen?: boolean): void {
    const next = new Set(this.chosen);
    for (const key of keys) {
      if (isChosen ?? !next.has(key)) next.add(key);
      else next.delete(key);
    }
    this.change(next);
  }

  clear(): void {
    this.change(new Set());
  }

  private change(next: ReadonlySet<string>): void {
    this.chosen = next;
    for (const watcher of this.watchers) watcher();
  }
}

export const selection = new Selection();

export function useSelection(): ReadonlySet<string> {
  return useSyncExternalStore(selection.subscribe, selection.get);
}
