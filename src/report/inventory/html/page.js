"use strict";
// Sorts and filters the table. What is shown is kept in the address, so that it can be passed on.
(() => {
  const body = document.querySelector("tbody");
  const rows = [...body.rows];
  const heads = [...document.querySelectorAll("th[data-key]")];
  const search = document.getElementById("search");
  const kind = document.getElementById("kind");
  const count = document.getElementById("count");
  const state = { sort: "score", down: true };

  const value = (row, key) => {
    const text = row.dataset[key] ?? "";
    return text !== "" && !Number.isNaN(Number(text)) ? Number(text) : text;
  };
  const compare = (left, right) => {
    if (typeof left === "number" && typeof right === "number") return left - right;
    return String(left).localeCompare(String(right), "en");
  };

  const show = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const sorted = [...rows].sort((left, right) => {
      const order = compare(value(left, state.sort), value(right, state.sort));
      return (state.down ? -order : order) || rows.indexOf(left) - rows.indexOf(right);
    });
    let shown = 0;
    for (const row of sorted) {
      const text = row.textContent.toLowerCase();
      row.hidden = (kind.value !== "" && row.dataset.kind !== kind.value) || !words.every((word) => text.includes(word));
      shown += row.hidden ? 0 : 1;
      body.append(row);
    }
    for (const head of heads) {
      const own = head.dataset.key === state.sort;
      head.setAttribute("aria-sort", own ? (state.down ? "descending" : "ascending") : "none");
    }
    count.textContent = `${shown} of ${rows.length} identities`;
  };

  const keep = () => {
    const all = new URLSearchParams({ sort: state.sort, down: state.down ? "1" : "0", q: search.value, kind: kind.value });
    history.replaceState(null, "", `#${all}`);
  };

  const read = () => {
    const all = new URLSearchParams(location.hash.slice(1));
    if (!all.has("sort")) return;
    state.sort = heads.some((head) => head.dataset.key === all.get("sort")) ? all.get("sort") : "score";
    state.down = all.get("down") !== "0";
    search.value = all.get("q") ?? "";
    kind.value = all.get("kind") ?? "";
  };

  for (const head of heads) {
    head.querySelector("button").addEventListener("click", () => {
      const same = state.sort === head.dataset.key;
      state.down = same ? !state.down : head.dataset.key === "score";
      state.sort = head.dataset.key;
      show();
      keep();
    });
  }
  for (const field of [search, kind]) {
    field.addEventListener("input", () => {
      show();
      keep();
    });
  }
  window.addEventListener("hashchange", () => {
    read();
    show();
  });
  read();
  show();
})();
