"use strict";
// Without this script every table is still there, in the order of the records.
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  const body = table.tBodies[0];
  const original = [...body.rows];
  // "95–99 %", "12.3×" and "1,234" sort by their first number; cells without one come last.
  const number = (text) => {
    const found = text.replace(/,(?=\d{3})/g, "").match(/[-+\u2212]?\d+(\.\d+)?(e[-+]?\d+)?/);
    return found ? Number(found[0].replace("\u2212", "-")) : Infinity;
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.append(button);
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] ?? "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      const rows = [...original];
      if (next !== "none") {
        head.setAttribute("aria-sort", next);
        const text = (row) => row.cells[column].textContent;
        const compare = head.classList.contains("number")
          ? (a, b) => number(text(a)) - number(text(b)) || 0
          : (a, b) => text(a).localeCompare(text(b), "en", { numeric: true });
        rows.sort((a, b) => (next === "ascending" ? compare(a, b) : compare(b, a)));
      }
      body.append(...rows);
    });
  });
  const copy = document.createElement("button");
  copy.type = "button";
  copy.className = "copy";
  copy.textContent = "Copy table";
  copy.setAttribute("aria-label", `Copy table: ${table.caption.textContent}`);
  copy.addEventListener("click", async () => {
    const lines = [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent).join("\t"));
    try {
      await navigator.clipboard.writeText(lines.join("\n"));
      copy.textContent = "Copied";
    } catch {
      // Some browsers keep the clipboard from files: mark the table, to be copied by hand.
      getSelection().selectAllChildren(table);
      copy.textContent = "Marked: copy it with your keyboard";
    }
    setTimeout(() => { copy.textContent = "Copy table"; }, 3000);
  });
  table.parentElement.after(copy);
}
// On paper nothing can be opened.
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details:not(:has(pre))")) details.open = true;
});
