// Shows the questions one at a time. Without this the same form stands whole on the page.

const form = document.querySelector("form[data-steps]");
const steps = form ? [...form.querySelectorAll("fieldset")] : [];

function button(words, kind) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = `button button-large ${kind}`;
  made.textContent = words;
  return made;
}

if (steps.length > 1) {
  const row = form.querySelector(".step-buttons");
  const send = row.querySelector("[data-send]");
  const back = button(form.dataset.back, "");
  const next = button(form.dataset.next, "button-primary");
  row.prepend(back, next);
  let at = 0;
  const show = (to, byHand) => {
    at = to;
    steps.forEach((step, index) => { step.hidden = index !== at; });
    back.hidden = at === 0;
    next.hidden = at === steps.length - 1;
    send.hidden = at !== steps.length - 1;
    if (byHand) {
      const first = steps[at].querySelector("input:checked") ?? steps[at].querySelector("input");
      first.focus();
      steps[at].scrollIntoView({ block: "nearest" });
    }
  };
  back.addEventListener("click", () => show(at - 1, true));
  next.addEventListener("click", () => show(at + 1, true));
  // Enter means "next" until the last question, so that nothing is sent by accident.
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && at < steps.length - 1 && event.target.type === "radio") {
      event.preventDefault();
      show(at + 1, true);
    }
  });
  show(0, false);
}
