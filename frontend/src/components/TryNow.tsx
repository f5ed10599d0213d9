/** Tries a lost server at once, without waiting for the time of the next try. */
import { Button, type ButtonProps } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { post } from "@/api/client";
import { keys } from "@/api/keys";
import type { Connection } from "@/api/status";
import { tellFailure } from "./toasts";

interface Props extends ButtonProps {
  connection: Connection;
}

export function TryNow({ connection, ...looks }: Props) {
  const client = useQueryClient();
  const { mutate, isPending } = useMutation({
    mutationFn: () => post("/api/unified/sync", { connection_id: connection.connection_id }),
    onError: (error) => tellFailure("Not tried", error),
    onSettled: () => client.invalidateQueries({ queryKey: keys.status }),
  });
  if (connection.state !== "reconnecting" || connection.syncs.length === 0) return null;
  return (
    <Button {...looks} loading={isPending} onClick={() => mutate()}>
      Try now
    </Button>
  );
}
