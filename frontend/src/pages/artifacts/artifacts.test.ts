import { describe, expect, it } from "vitest";
import { makeArtifactPath } from "./address";
import { layOut } from "./layers";
import { type Artifact, listArtifacts, readListing, turn, writeListing } from "./listing";

describe("layOut", () => {
  const links = [
    { source: "data", target: "train" },
    { source: "train", target: "model" },
    { source: "data", target: "eval" },
    { source: "model", target: "eval" },
  ];
  it("puts everything behind what it comes from", () => {
    const placed = layOut(["eval", "model", "train", "data"], links);
    const layer = Object.fromEntries(placed.map((one) => [one.id, one.layer]));
    expect(layer).toEqual({ data: 0, train: 1, model: 2, eval: 3 });
  });
  it("places every node once, also in circles and with links to nowhere", () => {
    const circle = [
      { source: "a", target: "b" },
      { source: "b", target: "a" },
      { source: "gone", target: "a" },
      { source: "a", target: "a" },
    ];
    const placed = layOut(["a", "b"], circle);
    expect(placed.map((one) => one.id).sort()).toEqual(["a", "b"]);
    expect(new Set(placed.map((one) => `${one.layer} ${one.row}`)).size).toBe(2);
    expect(layOut([], [])).toEqual([]);
  });
});

describe("makeArtifactPath", () => {
  it("carries what tells artifacts of one name apart", () => {
    expect(makeArtifactPath({ name: "a b/c", type: "model", server: "gpu1", version: 0 })).toBe(
      "/artifacts/a%20b/c?type=model&server=gpu1&version=0",
    );
    expect(makeArtifactPath({ name: "a" })).toBe("/artifacts/a");
  });
});

describe("the list of artifacts", () => {
  const make = (name: string, size_bytes: number | null, updated_at: number) =>
    ({ name, type: "model", server: "gpu1", num_versions: 1, size_bytes, updated_at }) as unknown as Artifact;
  const all = [make("b", 5, 3), make("a", null, 2), make("c", 10, 1)];
  const names = (text: string) =>
    listArtifacts(all, readListing(new URLSearchParams(text))).map((one) => one.name);
  it("is sorted as the address says, what is not known last", () => {
    expect(names("")).toEqual(["b", "a", "c"]);
    expect(names("sort=name")).toEqual(["a", "b", "c"]);
    expect(names("sort=latest")).toEqual(["b", "c", "a"]);
    expect(names("sort=latest&order=desc")).toEqual(["c", "b", "a"]);
    expect(names("sort=toString&q=GPU1")).toEqual(["b", "a", "c"]);
    expect(names("q=c ")).toEqual(["c"]);
  });
  it("turns round with a second click, and comes back from its address", () => {
    const listing = { q: "x ", ...turn(readListing(new URLSearchParams()), "changed") };
    expect(listing).toEqual({ q: "x ", sort: "changed", order: "desc" });
    expect(readListing(writeListing(listing))).toEqual(listing);
    expect(turn(listing, "changed").order).toBe("asc");
    expect(turn(listing, "name").order).toBe("asc");
  });
});
