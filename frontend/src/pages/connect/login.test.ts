import { describe, expect, it } from "vitest";
import { ApiError } from "@/api/client";
import type { Location } from "@/format/location";
import { makeLogin, NO_CREDENTIALS, readRefusal } from "./login";

const HOME: Location = { host: "gpu1", port: null, username: null, path: "" };

describe("refusals", () => {
  it.each([
    [new ApiError(401, "Authentication failed: x"), "credentials"],
    [new ApiError(400, "username: this field is required."), "credentials"],
    [new ApiError(400, "private_key_path: ~/x: No such file or directory."), "credentials"],
    [new ApiError(429, "Rate limit exceeded", { retry_after: 7 }), "too-often"],
    [new ApiError(409, "?", { prompts: [{ text: "Code:", echo: false }], attempt: "a" }), "questions"],
    [new ApiError(409, "?", { host: "h", fingerprint: "SHA256:a", known_fingerprint: null }), "new-key"],
    [
      new ApiError(409, "?", { host: "h", fingerprint: "SHA256:a", known_fingerprint: "SHA256:b" }),
      "changed-key",
    ],
    [new ApiError(500, "Connection failed: connection refused"), "failed"],
  ])("%s asks for %s", (error, kind) => expect(readRefusal(error).kind).toBe(kind));
});

describe("logins", () => {
  it("begin with what this machine has", () => {
    expect(makeLogin(HOME, null)).toEqual({ host: "gpu1", port: null, username: null, use_agent: true });
  });

  it("then use what was given and nothing else", () => {
    const given = { ...NO_CREDENTIALS, username: "me", password: "secret" };
    expect(makeLogin(HOME, given, { attempt: "a", answers: ["1"] })).toEqual({
      host: "gpu1",
      port: null,
      username: "me",
      password: "secret",
      use_agent: false,
      attempt: "a",
      answers: ["1"],
    });
  });
});
