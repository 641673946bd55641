"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const root = document.documentElement;

  // ---- light and dark: what the reader chose, else what the system says
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const theme = document.getElementById("theme");
  const kept = (value) => {
    try {
      if (value) localStorage.setItem("grader-theme", value);
      return localStorage.getItem("grader-theme");
    } catch { return null; } // a browser may keep nothing of files
  };
  const isDark = () => (root.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const label = () => { theme.textContent = isDark() ? "Light theme" : "Dark theme"; };
  if (["light", "dark"].includes(kept())) root.dataset.theme = kept();
  theme.hidden = false;
  theme.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; kept(root.dataset.theme); label(); });
  dark.addEventListener("change", label);
  label();

  // ---- a tab a track
  const panels = all(".panel");
  const bar = document.getElementById("tabs");
  const tabs = panels.length < 2 ? [] : panels.map((panel) => {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `${panel.id}-tab`;
    tab.textContent = panel.querySelector("h2").textContent;
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.addEventListener("click", () => choose(panel));
    bar.append(tab);
    return tab;
  });
  const choose = (panel) => panels.forEach((each, at) => {
    each.hidden = tabs.length > 0 && each !== panel;
    tabs[at]?.setAttribute("aria-selected", String(each === panel));
    if (tabs[at]) tabs[at].tabIndex = each === panel ? 0 : -1;
  });
  bar.addEventListener("keydown", (event) => {
    const at = tabs.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    const tab = tabs.at(to % tabs.length);
    choose(panels[tabs.indexOf(tab)]);
    tab.focus();
  });
  if (tabs.length) { bar.hidden = false; document.body.classList.add("tabbed"); }

  // ---- a section comes to be when it is opened: until then it is the text of its noscript
  const fill = (section) => {
    const packed = section.querySelector("noscript");
    if (packed) packed.outerHTML = packed.textContent;
  };
  document.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches(".sub")) fill(event.target);
  }, true);

  // ---- what an address points to is opened, in whatever tab it is
  const follow = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    const panel = (target && target.closest(".panel")) || panels.find((each) => !each.hidden) || panels[0];
    if (panel && (!target || panel.hidden || panels.some((each) => each !== panel && !each.hidden))) choose(panel);
    if (target && target.matches(".sub")) { target.hidden = false; fill(target); target.open = true; target.scrollIntoView(); }
  };
  addEventListener("hashchange", follow);
  document.addEventListener("click", (event) => { // the same address twice changes no hash
    const link = event.target.closest("a[href^='#']");
    if (link && link.hash === location.hash) follow();
  });

  // ---- tables
  const text = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const value = (cell) => {
    if (cell.dataset.k !== undefined) return Number(cell.dataset.k);
    const shown = (cell.querySelector("a") || cell).textContent.trim();
    return shown === "" || shown === "\u2013" ? null : shown;
  };
  const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : text.compare(a, b));

  for (const panel of panels) {
    const table = panel.querySelector(".standings");
    if (!table) continue;
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const heads = all("thead th", table);
    const sort = (head, direction) => {
      const column = head.cellIndex;
      const keyed = rows.map((row, at) => ({ row, at, key: value(row.cells[column]) }));
      const sign = direction === "ascending" ? 1 : -1;
      keyed.sort((a, b) => { // what is empty comes last either way; equals stay as they stand
        if (a.key === null || b.key === null) return (a.key === null) - (b.key === null) || a.at - b.at;
        return sign * compare(a.key, b.key) || a.at - b.at;
      });
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", direction);
      table.classList.toggle("banded", banded && keyed.every(({ at }, now) => at === now));
      body.append(...keyed.map(({ row }) => row));
    };
    const banded = table.classList.contains("banded");
    for (const head of heads) {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const now = head.getAttribute("aria-sort");
        const first = head.classList.contains("right") && head.cellIndex > 0 ? "descending" : "ascending";
        sort(head, !now ? first : now === "ascending" ? "descending" : "ascending");
      });
    }

    const controls = panel.querySelector(".controls");
    const [search, state, told] = ["input", "select", "output"].map((name) => controls.querySelector(name));
    const sections = new Map(all(".sub", panel).map((each) => [each.id, each]));
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let seen = 0;
      for (const row of rows) {
        const fits = (!state.value || row.dataset.state === state.value) && words.every((word) => row.dataset.words.includes(word));
        row.hidden = !fits;
        const section = sections.get(row.dataset.of);
        if (section) section.hidden = !fits;
        seen += fits;
      }
      told.textContent = seen === rows.length ? "" : `${seen} of ${rows.length} rows`;
    };
    search.addEventListener("input", filter);
    // Firefox does not clear it by itself
    search.addEventListener("keydown", (event) => { if (event.key === "Escape") { search.value = ""; filter(); } });
    state.addEventListener("change", filter);
    controls.hidden = rows.length < 2;
  }

  follow();
  performance.mark("usable");
})();
