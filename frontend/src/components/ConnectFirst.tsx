/** The one next thing to do where no server is connected; nothing where one is. */
import { Button } from "@mantine/core";
import { Link } from "wouter";
import { useConnections } from "@/api/status";

export function ConnectFirst() {
  if (useConnections()?.length !== 0) return null;
  return (
    <Button component={Link} href="/connect">
      Connect a server
    </Button>
  );
}
