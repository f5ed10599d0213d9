import { describe, expect, it } from "vitest";
import { makeArtifactPath } from "./address";
import { layOut } from "./layers";

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
