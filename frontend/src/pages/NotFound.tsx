import { Anchor } from "@mantine/core";
import { Link } from "wouter";
import { EmptyState } from "@/components/EmptyState";
import { Page } from "@/components/Page";

export function NotFound() {
  return (
    <Page title="No such page">
      <EmptyState title="There is nothing at this address">
        <Anchor component={Link} href="/runs">
          Go to the runs
        </Anchor>
      </EmptyState>
    </Page>
  );
}
