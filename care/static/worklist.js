// The worklist by keyboard, and a word to screen readers when a task is new.

const rows = document.getElementById("rows");
const news = document.getElementById("news");
const keys = document.getElementById("keys");

const links = () => [...rows.querySelectorAll("a.why")];
const rowOf = (element) => element?.closest?.("tr[data-task]");
const known = new Set([...rows.querySelectorAll("tr[data-task]")].map((row) => row.dataset.task));

function move(by) {
  const all = links();
  if (!all.length) return;
  const here = all.findIndex((link) => rowOf(link) === rowOf(document.activeElement));
  const to = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1);
  all[to].focus();
  all[to].scrollIntoView({ block: "nearest" });
}

/** Takes the task of the row that has the focus and stays there; the fresh rows come by the live stream. */
async function take() {
  const row = rowOf(document.activeElement);
  const form = row?.querySelector("form");
  if (!form) return;
  row.querySelector("a.why").focus();
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual" });
  // Somebody was faster, or the task is gone: its page says which.
  if (answer.type !== "opaqueredirect") location.href = row.querySelector("a.why").href;
}

addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || keys.open) return;
  if (event.target.matches("input, textarea, select")) return;
  const acts = {
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    t: take,
    p: () => rowOf(document.activeElement)?.querySelector("[data-patient-link]")?.click(),
    "?": () => keys.showModal(),
  };
  const act = acts[event.key] ?? acts[event.key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

rows.addEventListener("vagen:fresh", () => {
  const fresh = [...rows.querySelectorAll("tr[data-task]")].filter((row) => !known.has(row.dataset.task));
  fresh.forEach((row) => known.add(row.dataset.task));
  if (fresh.length) news.textContent = `${news.dataset.new} ${fresh.map((row) => row.dataset.say).join(" ")}`;
});
