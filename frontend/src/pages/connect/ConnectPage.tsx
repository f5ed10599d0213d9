import { Page } from "@/components/Page";

export default function ConnectPage() {
  return <Page title="Connect">…</Page>;
}
