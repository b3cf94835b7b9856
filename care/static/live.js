// Keeps marked parts of a page true: an element with data-live is fetched again from data-src when something it shows
// changed. The server says what changed, never what it says; the fragment comes with the reader's own rights.
//
//   data-live="task message"   which kinds of change matter
//   data-patient, data-task    only those of this patient, this task
//   data-every="30"            also every so many seconds

const regions = [...document.querySelectorAll("[data-live][data-src]")];
const waiting = new Map();

/** Puts fresh content into a region; whoever had the focus keeps it, and what they were typing. */
function place(region, html) {
  if (region.innerHTML === html) return;
  const active = document.activeElement;
  const held = active && region.contains(active) ? active.id : "";
  const atEnd = region.scrollHeight - region.scrollTop - region.clientHeight < 8;
  const from = region.scrollTop;
  region.innerHTML = html;
  region.scrollTop = atEnd ? region.scrollHeight : from;
  if (held) document.getElementById(held)?.focus({ preventScroll: true });
  region.dispatchEvent(new CustomEvent("vagen:fresh", { bubbles: true }));
}

async function refresh(region) {
  try {
    const answer = await fetch(region.dataset.src, { headers: { "x-fragment": "1" }, redirect: "manual" });
    if (answer.ok) place(region, await answer.text());
    // Signed out meanwhile: the whole page says so.
    else if (answer.type === "opaqueredirect" || answer.status === 401) location.reload();
  } catch {
    // No network: the next event or the reconnect asks again.
  }
}

/** Several changes at once are one refresh. */
function soon(region) {
  if (waiting.has(region)) return;
  waiting.set(region, setTimeout(() => { waiting.delete(region); refresh(region); }, 150));
}

function concerns(region, kind, change) {
  return region.dataset.live.split(" ").includes(kind)
    && (!region.dataset.patient || !change.patient || region.dataset.patient === change.patient)
    && (!region.dataset.task || !change.task || region.dataset.task === change.task);
}

function listen() {
  const source = new EventSource("/live");
  let opened = false;
  source.addEventListener("open", () => {
    // What happened while we were away was not heard.
    if (opened) regions.forEach(soon);
    opened = true;
  });
  for (const kind of ["task", "message", "reading", "health"]) {
    source.addEventListener(kind, (event) => {
      const change = JSON.parse(event.data);
      regions.filter((region) => concerns(region, kind, change)).forEach(soon);
    });
  }
  source.addEventListener("again", () => regions.forEach(soon));
  addEventListener("pagehide", () => source.close());
}

if (regions.length) {
  listen();
  for (const region of regions.filter((one) => one.dataset.every)) {
    setInterval(() => soon(region), Number(region.dataset.every) * 1000);
  }
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}
