import { describe, expect, it } from "vitest";
import { colorAt, isAlike } from "@/theme/palette";
import { assignColors, compareValues, findBest } from "./differences";

describe("compareValues", () => {
  it("tells what differs, also by being absent or of another kind of text", () => {
    const found = compareValues([
      { lr: 0.1, a: [1], only: 1 },
      { lr: 0.1, a: [2] },
    ]);
    expect(found).toEqual([
      { name: "a", values: ["[1]", "[2]"], isDifferent: true },
      { name: "lr", values: ["0.1", "0.1"], isDifferent: false },
      { name: "only", values: ["1", undefined], isDifferent: true },
    ]);
  });
});

describe("findBest", () => {
  it("knows which way is better, or does not pretend to", () => {
    expect(findBest("val/loss", [0.3, 0.1, 0.1])).toEqual([1, 2]);
    expect(findBest("accuracy", [0.3, "x", 0.9, null])).toEqual([2]);
    expect(findBest("epoch", [1, 2])).toEqual([]);
    expect(findBest("loss", [1, 1])).toEqual([]);
  });
});

describe("assignColors", () => {
  it("gives up to eight runs hues of their own, and no two shades of one", () => {
    const hues = new Set(Array.from({ length: 8 }, (_, place) => colorAt(place)));
    for (const start of [0, 10, 20, 30]) {
      const keys = Array.from({ length: 8 }, (_, place) => `gpu1/run${start + place}`);
      expect(new Set(assignColors(keys).values())).toEqual(hues);
    }
  });

  it("gives few runs hues that thin lines tell apart", () => {
    for (let start = 0; start < 40; start += 1) {
      const keys = [0, 1, 2, 3].map((place) => `gpu1/run${start + place}`);
      const colors = [...assignColors(keys).values()];
      const pairs = colors.flatMap((one, place) => colors.slice(place + 1).map((other) => [one, other]));
      expect(pairs.filter(([one, other]) => isAlike(one as string, other as string))).toEqual([]);
    }
  });

  it("gives each run a colour of its own, the same in any order", () => {
    const keys = Array.from({ length: 24 }, (_, place) => `gpu${place}/run`);
    const colors = assignColors(keys);
    expect(new Set(colors.values()).size).toBe(24);
    expect(assignColors([...keys].reverse())).toEqual(colors);
  });
});
