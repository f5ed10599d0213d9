/** Short notices: what was done in the background, and what failed there. */
import { notifications } from "@mantine/notifications";
import { explain } from "@/api/client";

export function tell(title: string, message = ""): void {
  notifications.show({ title, message });
}

export function tellFailure(title: string, error: unknown): void {
  notifications.show({ title, message: explain(error), color: "red", autoClose: 15_000 });
}
