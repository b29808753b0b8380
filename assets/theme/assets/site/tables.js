/* Sorts tables that ask for it: <table data-sortable>, or any table inside <div class="sortable">.

   Every heading of a column becomes a button; `aria-sort` says what the rows are sorted by. A cell is
   compared by its `data-value` if it has one, else by its text: as a number where every cell of the
   column begins with one, else as words. Empty cells and dashes stay last. Without scripts the table
   stands as it was written. */
(function () {
  "use strict";

  const TABLES = "table[data-sortable], .sortable table";
  const NUMBER = /^[+\-\u2212]?(\d[\d,]*(\.\d+)?|\.\d+)(e[+-]?\d+)?/i;

  /** @param {HTMLTableCellElement | undefined} cell */
  function valueOf(cell) {
    if (!cell) return "";
    const text = (cell.dataset.value ?? cell.textContent).trim();
    return /^[\u2013\u2014-]?$/.test(text) ? "" : text;
  }

  /** @param {string} text */
  function toNumber(text) {
    const found = NUMBER.exec(text);
    return found ? Number(found[0].replace("\u2212", "-").replaceAll(",", "")) : NaN;
  }

  /** @type {(table: HTMLTableElement, column: number, descending: boolean) => void} */
  function sort(table, column, descending) {
    for (const body of table.tBodies) {
      const rows = [...body.rows].map((row) => ({ row, text: valueOf(row.cells[column]) }));
      const filled = rows.filter(({ text }) => text !== "");
      const numeric = filled.every(({ text }) => !Number.isNaN(toNumber(text)));
      const words = new Intl.Collator(document.documentElement.lang || "en", { numeric: true, sensitivity: "base" });
      const order = descending ? -1 : 1;
      // What begins alike is told apart by the rest: dates of one year, times of one hour.
      filled.sort(
        ({ text: a }, { text: b }) => order * ((numeric && toNumber(a) - toNumber(b)) || words.compare(a, b)),
      );
      body.append(...filled.map(({ row }) => row), ...rows.filter(({ text }) => text === "").map(({ row }) => row));
    }
  }

  /** @param {HTMLTableElement} table */
  function equip(table) {
    const head = table.tHead?.rows[table.tHead.rows.length - 1];
    if (!head || head.querySelector(".table-sort")) return;
    const headings = [...head.cells];
    // Spanning cells would make "the third column" mean two things.
    if (headings.some((cell) => cell.colSpan > 1)) return;
    headings.forEach((heading, column) => {
      const title = heading.textContent.trim();
      if (!title) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "table-sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => {
        const descending = heading.getAttribute("aria-sort") === "ascending";
        for (const other of headings) other.removeAttribute("aria-sort");
        heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sort(table, column, descending);
      });
    });
  }

  function mount() {
    for (const table of document.querySelectorAll(TABLES)) equip(/** @type {HTMLTableElement} */ (table));
  }

  // As in site.js: from the disk Material announces no page.
  const fromDisk = location.protocol === "file:";
  if (window.document$ && !fromDisk) window.document$.subscribe(() => setTimeout(mount));
  else if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
  else mount();
})();
