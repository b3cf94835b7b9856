// "None of it" stands alone: ticking it clears the rest, and ticking anything else clears it. Without this the server reads
// "none of it" beside a tick as that tick.

for (const set of document.querySelectorAll("form.questions fieldset")) {
  const boxes = [...set.querySelectorAll("input[type=checkbox]")];
  set.addEventListener("change", ({ target }) => {
    if (!target.checked) return;
    const alone = "alone" in target.dataset;
    for (const box of boxes) if (box !== target && (alone || "alone" in box.dataset)) box.checked = false;
  });
}
