"use strict";
{
  const pictures = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const all = (what, within = document) => [...within.querySelectorAll(what)];
  const on = (id, then) => at(id) && at(id).addEventListener("change", then);

  // -- tables sort by the column whose head is pressed, numbers as numbers, what is not known last
  const valueOf = (row, column) => {
    const text = row.cells[column].textContent.trim().replace("−", "-");
    const number = parseFloat(text);
    return text === "–" ? null : Number.isNaN(number) || /^[A-Za-z]/.test(text) ? text : number;
  };
  const compared = (a, b) =>
    typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  for (const table of all("table")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.firstElementChild.addEventListener("click", () => {
        const falling = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", falling ? "descending" : "ascending");
        const rows = [...table.tBodies[0].rows].map((row) => [valueOf(row, column), row]);
        rows.sort(([a], [b]) => (a === null) - (b === null) || (falling ? compared(b, a) : compared(a, b)));
        table.tBodies[0].append(...rows.map(([, row]) => row));
      });
    });
  }
  on("rows-codec", () => {
    for (const row of at("pictures").tBodies[0].rows) {
      row.hidden = at("rows-codec").value !== "" && row.cells[1].textContent !== at("rows-codec").value;
    }
  });

  // -- of several tables one is shown
  const choose = (name, value) => {
    for (const part of all(`[data-choice="${name}"]`)) part.hidden = part.dataset.value !== value;
  };
  for (const id of ["bd-codec", "bd-method"]) on(id, () => choose("bd", `${at("bd-method").value} ${at("bd-codec").value}`));
  for (const id of ["equal", "ends"]) on(id, () => choose(id, at(id).value));

  // -- curves
  for (const box of all("[data-curve]")) {
    box.addEventListener("change", () => {
      for (const curve of all(".curve")) if (curve.dataset.codec === box.dataset.curve) curve.style.display = box.checked ? "" : "none";
    });
  }

  // -- pictures are filled in when they come near, so that a long page opens at once
  const source = (image, codec) => (pictures[image] || {})[codec] || "";
  const labels = Object.fromEntries(all("#left option").map((option) => [option.value, option.textContent]));
  const fill = (card) => {
    for (const side of ["left", "right"]) {
      const codec = at(side).value;
      card.querySelector(`img.${side}`).src = source(card.dataset.image, codec);
      card.querySelector(`.tag.${side}`).textContent = labels[codec];
    }
    for (const line of all("li", card)) {
      line.classList.toggle("on", [at("left").value, at("right").value].includes(line.dataset.codec));
    }
  };
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      if (entry.target.matches(".card")) fill(entry.target);
      else entry.target.src = source(entry.target.dataset.image, entry.target.dataset.codec);
    }
  }, { rootMargin: "600px" });
  for (const part of all(".card, .thumbs img")) near.observe(part);
  for (const side of ["left", "right"]) on(side, () => all(".card").forEach(fill));
  on("columns", () => document.querySelector(".cards").style.setProperty("--columns", at("columns").value));

  // -- dividers
  document.addEventListener("input", (event) => {
    const stage = event.target.closest(".stage");
    if (stage) stage.style.setProperty("--at", `${event.target.value / 10}%`);
  });
  const large = at("large");
  if (large) {
    document.addEventListener("click", (event) => {
      if (event.target.matches(".enlarge")) {
        const card = event.target.closest(".card");
        const stage = card.querySelector(".stage").cloneNode(true);
        stage.querySelector("input").value = 500;
        stage.style.cssText = card.style.cssText + ";--at:50%";
        large.querySelector(".room").replaceChildren(stage);
        large.querySelector("span").textContent = card.dataset.image;
        large.showModal();
      } else if (event.target.dataset.zoom) {
        large.style.setProperty("--zoom", event.target.dataset.zoom);
      }
    });
  }
}
