import { Page } from "@/components/Page";

export default function ServersPage() {
  return <Page title="Servers">…</Page>;
}
