import { describe, expect, it } from "vitest";
import { align, findExtent, pad, readAt } from "./align";
import { groupMetrics } from "./groups";
import { quote } from "./saving";
import { smoothen } from "./smooth";
import { describeShown, formatTick } from "./ticks";
import { readView, writeView } from "./view";

const line = (x: number[], last: (number | null)[]) => ({ x, min: last, max: last, last });

describe("align", () => {
  it("lays curves of different steps over each other without inventing a value", () => {
    const { x, lines } = align([line([1, 3], [10, 30]), line([2, 3], [20, 31])], 0, false);
    expect(x).toEqual([1, 2, 3]);
    expect(lines.map((one) => one.last)).toEqual([
      [10, undefined, 30],
      [undefined, 20, 31],
    ]);
  });
  it("keeps the extremes of points that share one x", () => {
    const { x, lines } = align([line([1, 1, 1, 2], [5, 9, 1, 4])], 0, false);
    expect(x).toEqual([1, 2]);
    expect(lines[0]).toMatchObject({ last: [1, 4], low: [1, 4], high: [9, 4] });
  });
  it("has no place on a logarithmic axis for what is not above zero", () => {
    expect(align([line([1, 2], [0, 4])], 0, true).lines[0]?.last).toEqual([null, 4]);
  });
  it("finds the extremes, not only the last values", () => {
    const curve = { x: [1], min: [-7], max: [9], last: [1] };
    expect(findExtent(align([curve], 0, false))).toEqual([-7, 9]);
    expect(findExtent(align([line([1], [null])], 0, false))).toBeNull();
  });
  it("never pads to an empty range", () => {
    expect(pad([3, 3], false)[0]).toBeLessThan(3);
    expect(pad([0, 0], false)).toEqual([-1, 1]);
    expect(pad([2, 2], true)).toEqual([1, 4]);
  });
  it("reads the value at or before a place", () => {
    expect(readAt([undefined, 4, undefined], 2)).toBe(4);
    expect(readAt([undefined], 0)).toBeUndefined();
    expect(readAt([1, null], 1)).toBeNull();
  });
});

describe("smoothen", () => {
  it("begins at the first value and leaves a constant as it is", () => {
    const smooth = smoothen([2, 2, 2], 0.9);
    for (const value of smooth) expect(value).toBeCloseTo(2, 12);
  });
  it("keeps gaps", () => {
    expect(smoothen([1, null, undefined, 1], 0.5).map((one) => typeof one)).toEqual([
      "number",
      "object",
      "undefined",
      "number",
    ]);
  });
});

describe("groupMetrics", () => {
  it("groups by prefix, names numbers in order, plain ones first", () => {
    expect(groupMetrics(["val/a10", "val/a2", "loss", "acc", "loss"])).toEqual([
      { name: "Metrics", metrics: ["acc", "loss"] },
      { name: "val", metrics: ["val/a2", "val/a10"] },
    ]);
  });
});

describe("what stands at a chart", () => {
  it("says what is not shown", () => {
    expect(describeShown(2000, 1_200_000, 0)).toBe("2,000 of 1.2 M points, extremes kept");
    expect(describeShown(50, 50, 3)).toBe("3 NaN or infinite");
  });
  it("shortens large ticks", () => {
    expect(formatTick(20_000)).toBe("20k");
    expect(formatTick(1500)).toBe("1500".replace("1500", "1,500"));
    expect(formatTick(null)).toBe("");
  });
});

describe("the view in the address", () => {
  it("comes back as it was written and keeps what is not its own", () => {
    const search = new URLSearchParams("run=a&run=b");
    const view = { axis: "wall", smooth: 0.6, range: [1, 2.5], log: ["loss", "a b"] } as const;
    const written = writeView(search, view);
    expect(readView(written)).toEqual(view);
    expect(written.getAll("run")).toEqual(["a", "b"]);
  });
  it("takes nonsense for the default", () => {
    const view = readView(new URLSearchParams("x=q&smooth=7&from=3&to=1"));
    expect(view).toEqual({ axis: "step", smooth: 0.99, range: null, log: [] });
  });
});

describe("quote", () => {
  it("lets no name become a formula or a new column", () => {
    expect(quote("=1+1")).toBe("'=1+1");
    expect(quote('a,"b"')).toBe('"a,""b"""');
    expect(quote("-0.5")).toBe("-0.5");
  });
});
