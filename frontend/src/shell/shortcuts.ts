/** Keys that do things, told to one listener: pages add theirs while they are shown, and `?` lists what there is. */
import { useEffect, useRef, useSyncExternalStore } from "react";

export interface Shortcut {
  /** As `KeyboardEvent.key` says, steps parted by spaces: `g r`, `/`, `?`. */
  keys: string;
  does: string;
  run: () => void;
}

const SEQUENCE_MS = 1200;

class Shortcuts {
  private all: readonly Shortcut[] = [];
  private typed: string[] = [];
  private typedAt = 0;
  private readonly watchers = new Set<() => void>();

  add(shortcut: Shortcut): () => void {
    this.change([...this.all, shortcut]);
    return () => this.change(this.all.filter((one) => one !== shortcut));
  }

  list = (): readonly Shortcut[] => this.all;

  subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  handle = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || isTyping(event)) return;
    if (event.timeStamp - this.typedAt > SEQUENCE_MS) this.typed = [];
    this.typedAt = event.timeStamp;
    this.typed = [...this.typed, event.key].slice(-2);
    const found = this.find(this.typed.join(" ")) ?? this.find(event.key);
    if (found) {
      this.typed = [];
      event.preventDefault();
      found.run();
    }
  };

  /** The one added last wins: a page's own keys go before the shell's. */
  private find(keys: string): Shortcut | undefined {
    return this.all.findLast((one) => one.keys === keys);
  }

  private change(all: readonly Shortcut[]): void {
    this.all = all;
    for (const watcher of this.watchers) watcher();
  }
}

export const shortcuts = new Shortcuts();

/** Offer a key while the component is mounted. */
export function useShortcut(keys: string, does: string, run: () => void): void {
  const latest = useRef(run);
  useEffect(() => {
    latest.current = run;
  });
  useEffect(() => shortcuts.add({ keys, does, run: () => latest.current() }), [keys, does]);
}

export function useShortcutList(): readonly Shortcut[] {
  return useSyncExternalStore(shortcuts.subscribe, shortcuts.list);
}

function isTyping(event: KeyboardEvent): boolean {
  const target = event.target;
  if (!(target instanceof HTMLElement)) return false;
  if (target.closest("[role=dialog]") && event.key !== "?") return true;
  return (
    target.isContentEditable ||
    target.matches("input:not([type=checkbox]):not([type=radio]), textarea, select")
  );
}
