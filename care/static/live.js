// Keeps marked parts of a page true: an element with data-live is fetched again from data-src when something it shows
// changed. The server says what changed, never what it says; the fragment comes with the reader's own rights.
//
//   data-live="task message"   which kinds of change matter
//   data-patient, data-task    only those of this patient, this task
//   data-every="30"            also every so many seconds

const regions = [...document.querySelectorAll("[data-live][data-src]")];
/** So long more changes are waited for: those of one commit come together. */
const GATHER_MS = 40;
/** The regions that are being fetched, and whether something changed since. */
const changed = new Map();
const shown = new WeakMap();

/** What a person has written or opened in a region since it came, by the id of the field or the fold. */
function touched(region) {
  const fields = [...region.querySelectorAll("textarea[id], input[id], select[id]")];
  const folds = [...region.querySelectorAll("details[id]")];
  return {
    fields: fields.filter((one) => one.value !== (one.defaultValue ?? "")).map((one) => [one.id, one.value]),
    folds: folds.map((one) => [one.id, one.open]),
  };
}

function restore({ fields, folds }) {
  for (const [id, value] of fields) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  for (const [id, open] of folds) {
    const fold = document.getElementById(id);
    if (fold) fold.open = open;
  }
}

/** Lets a list that is scrolled to its end begin with a whole message, not with half of one. */
function fit(list) {
  if (list.scrollTop > -1) list.style.maxHeight = "";
  const box = list.getBoundingClientRect();
  const top = [...list.querySelectorAll(".talk > li")].map((item) => item.getBoundingClientRect().top)
    .find((itemTop) => itemTop >= box.top - 1);
  if (list.scrollTop > -1 && list.scrollHeight > list.clientHeight && top !== undefined) list.style.maxHeight = `${box.bottom - top}px`;
}

/** Puts fresh content into a region. Focus, scroll and what was being written stay. */
function place(region, html) {
  if (shown.get(region) === html) return;
  shown.set(region, html);
  const active = document.activeElement;
  const held = active && region.contains(active) ? active.id : "";
  const caret = held && "selectionStart" in active ? active.selectionStart : null;
  const from = region.scrollTop;
  const kept = touched(region);
  if (region.matches(".talk-list")) {
    region.firstElementChild.innerHTML = html;
    fit(region);
  } else region.innerHTML = html;
  restore(kept);
  region.scrollTop = from;
  const again = held && document.getElementById(held);
  if (again) {
    again.focus({ preventScroll: true });
    if (caret !== null && "setSelectionRange" in again) try { again.setSelectionRange(caret, caret); } catch { /* a date has no caret */ }
  }
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

/** Several changes at once are one refresh, and no older answer comes after a newer one. */
function soon(region) {
  if (changed.has(region)) changed.set(region, true);
  else keepTrue(region);
}

async function keepTrue(region) {
  do {
    changed.set(region, true);
    await new Promise((gathered) => setTimeout(gathered, GATHER_MS));
    changed.set(region, false);
    await refresh(region);
  } while (changed.get(region));
  changed.delete(region);
}

function concerns(region, kind, change) {
  return region.dataset.live.split(" ").includes(kind)
    && (!region.dataset.patient || !change.patient || region.dataset.patient === change.patient)
    && (!region.dataset.task || !change.task || region.dataset.task === change.task);
}

/** What the regions of this page show, so that the server need not look up anything else for it. */
function wanted() {
  const kinds = new Set(regions.flatMap((region) => region.dataset.live.split(" ")));
  const about = regions.filter((region) => region.dataset.live !== "health");
  const patients = new Set(about.map((region) => region.dataset.patient ?? ""));
  const query = new URLSearchParams({ kinds: [...kinds].join(",") });
  if (patients.size === 1 && !patients.has("")) query.set("patient", [...patients][0]);
  return query;
}

function listen() {
  const source = new EventSource(`/live?${wanted()}`);
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
  document.querySelectorAll(".talk-list").forEach(fit);
  listen();
  for (const region of regions.filter((one) => one.dataset.every)) {
    setInterval(() => soon(region), Number(region.dataset.every) * 1000);
  }
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
}
