/** The demo: a simulated server inside this Runferry, and its way in and out. */
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, post, remove } from "./client";
import { keys } from "./keys";

export function useDemo() {
  return useQuery({ queryKey: keys.demo, queryFn: ({ signal }) => get("/api/demo", { signal }) }).data;
}

/** `onDone` is called also when what asked is no longer shown: a demo that has begun takes its own offer away. */
export function useDemoChange(change: "start" | "remove", onDone?: () => void) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => (change === "start" ? post("/api/demo") : remove("/api/demo")),
    onSuccess: () => onDone?.(),
    onSettled: () => client.invalidateQueries(),
  });
}
