import { describe, expect, it } from "vitest";
import { Layout, readView, turn, writeView } from "./view";

describe("views", () => {
  it("survive being written into an address", () => {
    const view = { q: "status:running lr<1e-3", sort: "best", order: "asc", group: "server" } as const;
    expect(readView(writeView(view))).toEqual(view);
    expect(writeView(readView(new URLSearchParams())).toString()).toBe("");
  });

  it("take nothing from an address that makes no sense", () => {
    const view = readView(new URLSearchParams("sort=evil&order=up&group=x"));
    expect(view).toEqual({ q: "", sort: "created_time", order: "desc", group: null });
  });

  it("are turned round by what they are sorted by, and begin with the greatest of another", () => {
    const view = readView(new URLSearchParams("q=nlp"));
    expect(turn(view, "created_time")).toEqual({ sort: "created_time", order: "asc" });
    expect(turn({ ...view, order: "asc" }, "created_time")).toEqual({ sort: "created_time", order: "desc" });
    expect(turn({ ...view, order: "asc" }, "best")).toEqual({ sort: "best", order: "desc" });
  });
});

describe("layouts", () => {
  it("without groups count rows", () => {
    const layout = new Layout([{ value: null, count: 3, isOpen: true }]);
    expect(layout.length).toBe(3);
    expect(layout.at(2)).toEqual({ kind: "row", section: 0, index: 2 });
    expect(layout.at(3)).toBeNull();
  });

  it("put a head before each group, and closed groups have nothing else", () => {
    const layout = new Layout([
      { value: "a", count: 2, isOpen: true },
      { value: "b", count: 5, isOpen: false },
      { value: "c", count: 1, isOpen: true },
    ]);
    expect(layout.length).toBe(6);
    expect([0, 1, 2, 3, 4, 5].map((place) => layout.at(place))).toEqual([
      { kind: "head", section: 0 },
      { kind: "row", section: 0, index: 0 },
      { kind: "row", section: 0, index: 1 },
      { kind: "head", section: 1 },
      { kind: "head", section: 2 },
      { kind: "row", section: 2, index: 0 },
    ]);
  });
});
