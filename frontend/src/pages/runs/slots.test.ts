import { describe, expect, it } from "vitest";
import { takeSome } from "./rows";
import { assignSlots, findSeen, listPlaces } from "./slots";

const place = (index: number) => ({ index, start: index * 30 });

describe("slots", () => {
  it("are always as many, at both ends of the table", () => {
    const at = (first: number) => listPlaces(first, 100, 20);
    expect([at(0), at(50), at(99)].map((places) => places.length)).toEqual([20, 20, 20]);
    expect([at(0)[0], at(50)[0], at(99)[0]]).toEqual([0, 44, 80]);
    expect(listPlaces(0, 3, 20)).toEqual([0, 1, 2]);
  });

  it("are more than the lines that can be seen", () => {
    const items = [0, 1, 2, 3, 4, 5].map((index) => ({ ...place(index), size: 30 }));
    expect(findSeen(items, 0, 90)).toEqual([0, 1, 2]);
    expect(findSeen(items, 50, 90)).toEqual([2, 3, 4]);
  });

  it("keep their line while others come and go", () => {
    const before = assignSlots([4, 5, 6, 7].map(place), 4);
    const after = assignSlots([5, 6, 7, 8].map(place), 4);
    expect(before.map((one) => one.index)).toEqual([4, 5, 6, 7]);
    expect(after.map((one) => one.index)).toEqual([8, 5, 6, 7]);
    expect(after.map((one) => one.slot)).toEqual([0, 1, 2, 3]);
  });
});

describe("rows", () => {
  it("that are new are drawn a few at a time, those that stay all at once", () => {
    const all = new Map([1, 2, 3, 4].map((one) => [one, `now ${one}`]));
    const taken = takeSome(all, new Map([[2, "before"]]), 2);
    expect([...taken]).toEqual([
      [1, "now 1"],
      [2, "now 2"],
      [3, "now 3"],
    ]);
    expect(takeSome(all, taken, 2)).toBe(all);
  });
});
