/** Stands where content will be. It shows itself only after 400 ms: quick answers cause no flicker. */
import { Loader } from "@mantine/core";
import classes from "./Loading.module.css";

export function Loading({ what }: { what: string }) {
  return (
    <div className={classes.loading} role="status">
      <Loader size="xs" color="gray" aria-hidden />
      <span>Loading {what}…</span>
    </div>
  );
}
