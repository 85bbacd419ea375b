"use strict";
{
  const told = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const draw = (count) => crypto.getRandomValues(new Uint32Array(1))[0] % count;
  // order and sides are drawn whenever the page is opened
  const order = told.pairs.map((pair) => ({ pair, left: draw(2) ? "a" : "b" }));
  for (let i = order.length - 1; i > 0; i--) {
    const j = draw(i + 1);
    [order[i], order[j]] = [order[j], order[i]];
  }
  const answers = [];
  let since = 0;

  const show = () => {
    const now = order[answers.length];
    at("place").textContent = `${answers.length + 1} of ${order.length}`;
    at("one").src = now.pair[now.left];
    at("two").src = now.pair[now.left === "a" ? "b" : "a"];
    at("original").src = now.pair.original;
    since = performance.now();
  };

  // as one-sided as this or more, by chance: both tails of the binomial distribution
  const chance = (most, count) => {
    let term = 0.5 ** count, sum = 0;
    for (let k = 0; k <= count - most; k++) {
      sum += term;
      term *= (count - k) / (k + 1);
    }
    return Math.min(1, 2 * sum);
  };

  const finish = () => {
    const first = answers.filter((answer) => answer.chosen === "a").length, count = answers.length;
    const [better, worse] = 2 * first >= count ? told.names : [...told.names].reverse();
    const most = Math.max(first, count - first);
    at("result").textContent = `${better} was preferred to ${worse} in ${most} of ${count} answers ` +
      `(binomial test, two-sided: p = ${chance(most, count).toPrecision(2)}).`;
    const name = (key) => told.names[key === "a" ? 0 : 1];
    at("list").replaceChildren(...answers.map((answer) => {
      const row = document.createElement("tr");
      for (const text of [answer.image, name(answer.chosen)]) row.append(Object.assign(document.createElement("td"), { textContent: text }));
      return row;
    }));
    const file = { format: told.format, page: told.page, names: told.names, judge: at("judge").value.trim(), made: new Date().toISOString(), answers };
    at("answers").href = "data:application/json;charset=utf-8," + encodeURIComponent(JSON.stringify(file, null, 1));
    at("answers").download = `answers-${file.made.slice(0, 19).replace(/[:T]/g, "-")}.json`;
    at("ask").hidden = true;
    at("end").hidden = false;
  };

  const answer = (key) => {
    if (at("ask").hidden) return;
    const now = order[answers.length];
    const chosen = (key === "1") === (now.left === "a") ? "a" : "b";
    answers.push({ image: now.pair.image, left: now.left, chosen, seconds: Math.round(performance.now() - since) / 1000 });
    if (answers.length === order.length) finish();
    else show();
  };

  at("start").addEventListener("click", () => {
    at("begin").hidden = true;
    at("ask").hidden = false;
    show();
  });
  at("print").addEventListener("click", () => window.print());
  for (const button of document.querySelectorAll("[data-key]")) button.addEventListener("click", () => answer(button.dataset.key));
  document.addEventListener("keydown", (event) => {
    // a key held down is one answer
    if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "1" || event.key === "2") answer(event.key);
    if (event.key === "Backspace" && !at("ask").hidden && answers.length) {
      event.preventDefault();
      answers.pop();
      show();
    }
  });
}
