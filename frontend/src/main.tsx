import "./theme/mantine.css";
import "./theme/tokens.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { setNonce } from "get-nonce";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ApiError } from "./api/client";
import { readStyleNonce, schemeManager } from "./theme/scheme";
import { resolveVariables, theme } from "./theme/theme";

const nonce = readStyleNonce();
setNonce(nonce);

const client = new QueryClient({
  defaultOptions: {
    // Runferry is on this machine: a browser that says it has no network reaches it all the same.
    mutations: { networkMode: "always" },
    queries: {
      networkMode: "always",
      staleTime: 5_000,
      retry: (count, error) => count < 2 && error instanceof ApiError && error.status === 0,
      retryDelay: 1_000,
    },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider
        theme={theme}
        colorSchemeManager={schemeManager}
        defaultColorScheme="auto"
        cssVariablesResolver={resolveVariables}
        getStyleNonce={() => nonce}
      >
        <QueryClientProvider client={client}>
          <App />
          <Notifications position="bottom-right" autoClose={8000} transitionDuration={0} />
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
