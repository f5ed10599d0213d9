/** For those who have no server at hand: a simulated one, in one click. */
import { Button } from "@mantine/core";
import { useLocation } from "wouter";
import { useDemo, useDemoChange } from "@/api/demo";
import { ErrorNote } from "./ErrorNote";

export function TryDemo() {
  const demo = useDemo();
  const [, navigate] = useLocation();
  const start = useDemoChange("start", () => navigate("/runs"));
  if (!demo?.is_offered || demo.server !== null) return null;
  return (
    <>
      <Button variant="default" loading={start.isPending} onClick={() => start.mutate()}>
        Try the demo
      </Button>
      {start.isError && <ErrorNote error={start.error} />}
    </>
  );
}
