/** A small piece of state that this browser remembers. What cannot be read counts as not there. */
import { useCallback, useState } from "react";

export function useRemembered<T>(name: string, fallback: T): [T, (value: T) => void] {
  const key = `runferry-${name}`;
  const [value, setValue] = useState<T>(() => read(key, fallback));
  const keep = useCallback(
    (next: T) => {
      setValue(next);
      try {
        localStorage.setItem(key, JSON.stringify(next));
      } catch {
        // a full or forbidden store: it is forgotten with the page
      }
    },
    [key],
  );
  return [value, keep];
}

function read<T>(key: string, fallback: T): T {
  try {
    const text = localStorage.getItem(key);
    if (text === null) return fallback;
    const value: unknown = JSON.parse(text);
    return typeof value === typeof fallback && Array.isArray(value) === Array.isArray(fallback)
      ? (value as T)
      : fallback;
  } catch {
    return fallback;
  }
}
