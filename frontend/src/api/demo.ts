/** The demo: a simulated server inside this Runferry, and its way in and out. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, post, remove } from "./client";
import { keys } from "./keys";

export function useDemo() {
  return useQuery({ queryKey: keys.demo, queryFn: ({ signal }) => get("/api/demo", { signal }) }).data;
}

export function useDemoChange(change: "start" | "remove") {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => (change === "start" ? post("/api/demo") : remove("/api/demo")),
    onSettled: () => client.invalidateQueries(),
  });
}
