/** Which page an address shows. Every page is a chunk of its own. */
import { lazy, Suspense } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { useStatus } from "./api/status";
import { Loading } from "./components/Loading";
import { NotFound } from "./pages/NotFound";
import { PageBoundary } from "./shell/PageBoundary";
import { Shell } from "./shell/Shell";

const ArtifactPage = lazy(() => import("./pages/artifacts/ArtifactPage"));
const ArtifactsPage = lazy(() => import("./pages/artifacts/ArtifactsPage"));
const ComparePage = lazy(() => import("./pages/compare/ComparePage"));
const loadConnect = () => import("./pages/connect/ConnectPage");
const ConnectPage = lazy(loadConnect);
const ServersPage = lazy(() => import("./pages/servers/ServersPage"));
const loadRuns = () => import("./pages/runs/RunsPage");
const RunsPage = lazy(loadRuns);
const RunPage = lazy(() => import("./pages/run/RunPage"));
const SettingsPage = lazy(() => import("./pages/settings/SettingsPage"));

// One of these two is next, and which one the server has yet to say: both come while it is asked.
if (window.location.pathname === "/") void Promise.allSettled([loadConnect(), loadRuns()]);

export function App() {
  const [location] = useLocation();
  return (
    <Shell>
      <PageBoundary at={location}>
        <Suspense fallback={<Loading what="the page" />}>
          <Switch>
            <Route path="/" component={Start} />
            <Route path="/connect" component={ConnectPage} />
            <Route path="/servers" component={ServersPage} />
            <Route path="/runs" component={RunsPage} />
            <Route path="/runs/*" component={RunPage} />
            <Route path="/compare" component={ComparePage} />
            <Route path="/artifacts" component={ArtifactsPage} />
            <Route path="/artifacts/*" component={ArtifactPage} />
            <Route path="/settings" component={SettingsPage} />
            <Route component={NotFound} />
          </Switch>
        </Suspense>
      </PageBoundary>
    </Shell>
  );
}

/** The runs; while there is nothing at all, the way to the first ones. */
function Start() {
  const status = useStatus();
  if (status.isPending) return <Loading what="your runs" />;
  const isEmpty = !status.data?.connections?.length && !status.data?.cached_experiments;
  return <Redirect to={isEmpty ? "/connect" : "/runs"} replace />;
}
