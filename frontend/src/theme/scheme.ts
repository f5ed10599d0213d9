/** The choice of light, dark or the system's: kept by public/static/app/scheme.js's key, so that the first paint knows it. */
import { localStorageColorSchemeManager } from "@mantine/core";

export const schemeManager = localStorageColorSchemeManager({ key: "runferry-scheme" });

/** What the server wrote into the page: lets our style elements, and nobody else's, through its policy. */
export function readStyleNonce(): string {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="style-nonce"]');
  return meta?.content ?? "";
}
