import { describe, expect, it } from "vitest";
import { indentJson, parseJson } from "./json";

describe("JSON", () => {
  it("keeps every digit of whole numbers", () => {
    const text =
      '{"seed": 12345678901234567890, "small": 7, "list": [-9007199254740993], "id": 9007199254740991}';
    expect(parseJson(text)).toEqual({
      seed: "12345678901234567890",
      small: 7,
      list: ["-9007199254740993"],
      id: 9007199254740991,
    });
  });
  it("leaves all else as it is", () => {
    const text = '{"loss": 0.12345678901234567, "huge": 1e300, "text": "12345678901234567890", "no": null}';
    expect(parseJson(text)).toEqual(JSON.parse(text));
    expect(parseJson("1.5e20")).toBe(1.5e20);
    expect(() => parseJson('{"a": 12345678901234567890')).toThrow();
  });
  it("is indented without another number in it", () => {
    expect(indentJson('{"a":12345678901234567890,"b":1.0}')).toBe(
      '{\n  "a": 12345678901234567890,\n  "b": 1.0\n}',
    );
    expect(indentJson("{")).toBe("{");
  });
});
