import { describe, expect, it } from "vitest";
import { compareValues, findBest } from "./differences";

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
