/** How one came to the page that is shown: by a link or key, by going back or forward, or by loading it. */

type Way = "loaded" | "followed" | "traversed";

let way: Way = "loaded";

// Captured: before the router hears of it, and draws.
window.addEventListener("popstate", () => tell("traversed"), { capture: true });
window.addEventListener("pushState", () => tell("followed"), { capture: true }); // the router's own event

function tell(now: Way): void {
  way = now;
}

export function readWay(): Way {
  return way;
}
