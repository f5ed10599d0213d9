/**
 * Which lines of a long table are drawn, and in which element. A line that leaves gives its element to one that comes, at its
 * place in the document: to make new elements, or to move them, would cost the browser most of a frame.
 */
import { useVirtualizer } from "@tanstack/react-virtual";
import { type RefObject, useCallback, useEffect, useState } from "react";
import type { Layout } from "./view";

const AROUND = 6;

/** In pixels. */
export interface Sizes {
  row: number;
  head: number;
  above: number;
  below: number;
}

export interface Slot {
  slot: number;
  index: number;
  start: number;
}

export function useSlots(scroller: RefObject<HTMLElement | null>, layout: Layout, sizes: Sizes) {
  const [pool, setPool] = useState(1);
  const count = layout.length;
  const hasHeads = layout.sections.some((section) => section.value !== null);
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => (hasHeads && layout.at(index)?.kind === "head" ? sizes.head : sizes.row),
    rangeExtractor: useCallback(
      ({ startIndex }: { startIndex: number }) => listPlaces(startIndex, count, pool),
      [count, pool],
    ),
    useFlushSync: false,
    scrollPaddingStart: sizes.above,
    scrollPaddingEnd: sizes.below,
    paddingEnd: sizes.below,
  });
  const order = hasHeads ? layout : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: other sizes and other heads mean other places
  useEffect(() => virtualizer.measure(), [sizes.row, order]);
  const height = virtualizer.scrollRect?.height ?? 0;
  const needed =
    Math.ceil(height / (hasHeads ? Math.min(sizes.row, sizes.head) : sizes.row)) + 1 + 2 * AROUND;
  if (height > 0 && needed > pool) setPool(needed);
  const items = virtualizer.getVirtualItems();
  return {
    virtualizer,
    items,
    slots: assignSlots(items, pool),
    seen: findSeen(items, virtualizer.scrollOffset ?? 0, height - sizes.above),
  };
}

/** The places of the lines of which at least a half is in view; the others are drawn ahead. */
export function findSeen(
  items: readonly { index: number; start: number; size: number }[],
  top: number,
  height: number,
): number[] {
  const isSeen = (middle: number) => middle >= top && middle <= top + height;
  return items.filter(({ start, size }) => isSeen(start + size / 2)).map(({ index }) => index);
}

/** Always as many as there are elements: none is made while one scrolls. */
export function listPlaces(first: number, count: number, pool: number): number[] {
  const start = Math.max(0, Math.min(first - AROUND, count - pool));
  return Array.from({ length: Math.min(pool, count - start) }, (_, place) => start + place);
}

/** The lines in the order of their elements, which is not that of the lines; `aria-owns` tells the latter. */
export function assignSlots(items: readonly { index: number; start: number }[], pool: number): Slot[] {
  return items
    .map(({ index, start }) => ({ slot: index % pool, index, start }))
    .sort((one, other) => one.slot - other.slot);
}
