// Tables that sort by the column whose name is selected; without this they are merely as they were made.
(() => {
  "use strict";
  const words = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const status = document.getElementById("sort-status");
  const key = {
    text: (cell) => cell.textContent,
    // Exact: a figure is a whole number of its last place.
    number: (cell) => BigInt(cell.dataset.value),
  };
  const order = {
    text: words.compare,
    number: (a, b) => (a < b ? -1 : a > b ? 1 : 0),
  };
  for (const table of document.querySelectorAll("table[data-sortable]")) {
    const headings = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    for (const heading of headings) {
      const button = heading.querySelector("button");
      if (!button) continue;
      button.addEventListener("click", () => {
        const kind = button.dataset.kind;
        const first = kind === "number" ? "descending" : "ascending";
        const second = kind === "number" ? "ascending" : "descending";
        const direction = heading.getAttribute("aria-sort") === first ? second : first;
        const sign = direction === "ascending" ? 1 : -1;
        const column = heading.cellIndex;
        const rows = [...body.rows].map((row) => [key[kind](row.cells[column]), row]);
        rows.sort(([a], [b]) => sign * order[kind](a, b));
        body.append(...rows.map(([, row]) => row));
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", direction);
        status.textContent = `Sorted by ${button.textContent}, ${direction}.`;
      });
    }
  }
})();
