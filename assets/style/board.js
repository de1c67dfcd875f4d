// The board on which rows are labelled: by keyboard, by clicks, by marking words with the mouse. Each act is an event of the
// component at once, {act, row, seen, by ...}; the page shows what the server has written down.
(() => {
  // Who labels here: so that two people on one data set are told apart, also after a reload.
  const me = () => {
    let name = localStorage.getItem("ftui-me");
    if (!name) {
      name = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => byte.toString(16).padStart(2, "0")).join("");
      localStorage.setItem("ftui-me", name);
    }
    return name;
  };

  // The words between two of them, both included, in the order of the text.
  const range = (units, a, b) => {
    const [low, high] = [units.indexOf(a), units.indexOf(b)].sort((x, y) => x - y);
    return units.slice(low, high + 1);
  };

  ftui.me = me;
  ftui.meIfOpen = () => document.querySelector("#labelling > button.open") ? me() : "";
  ftui.startBoard = () => { document.querySelector("[data-board]")?.focus({ preventScroll: true }); return []; };

  ftui.board = (element, trigger) => {
    element.dataset.board = "";
    element.tabIndex = 0;
    element.setAttribute("role", "group");
    let sent = "", at = 0, anchor = null, cursor = null;
    const board = () => element.querySelector(".board");
    const units = () => [...element.querySelectorAll(".marked i")];
    const chosen = () => units().filter((unit) => unit.classList.contains("chosen"));

    const send = (act, more = {}) => {
      const now = board();
      const key = [now.dataset.of, now.dataset.row, now.dataset.seen, act, more.name].join(":");
      if (key === sent && Date.now() - at < 1500) return;  // the same key again, before the answer was there
      [sent, at, anchor, cursor] = [key, Date.now(), null, null];
      element.focus({ preventScroll: true });
      trigger("click", { pick: JSON.stringify({ act, row: Number(now.dataset.row), seen: Number(now.dataset.seen), of: now.dataset.of, by: me(), ...more }) });
    };

    const choose = (some) => {
      units().forEach((unit) => unit.classList.toggle("chosen", some.includes(unit)));
      element.querySelector(".board")?.classList.toggle("choosing", some.length > 0);
    };

    const mark = (name) => {
      const some = chosen();
      if (!some.length) return ftui.flash(element.querySelector(".marked"));
      send("mark", { start: Number(some[0].dataset.a), end: Number(some.at(-1).dataset.b), name });
    };

    const act = (button) => {
      const { do: what, name } = button.dataset;
      what === "mark" ? mark(name) : send(what, name === undefined ? {} : { name });
    };

    // The mouse: a selection takes the words that it touches; a click takes one, a second click all up to there.
    element.addEventListener("mouseup", (event) => {
      if (!event.target.closest(".marked")) return;
      const selection = getSelection();
      if (selection.isCollapsed) return;
      const some = units().filter((unit) => selection.containsNode(unit, true));
      selection.removeAllRanges();
      if (some.length) { anchor = some[0]; cursor = some.at(-1); choose(some); }
      element.dataset.dragged = "1";
    });

    element.addEventListener("click", (event) => {
      const button = event.target.closest("[data-do]");
      if (button) return act(button);
      const unit = event.target.closest(".marked i");
      const dragged = element.dataset.dragged;
      delete element.dataset.dragged;
      if (!unit || dragged) return;
      if (unit.dataset.span !== undefined) {
        anchor = null;
        return choose(units().filter((other) => other.dataset.span === unit.dataset.span));
      }
      if (unit.classList.contains("chosen")) { anchor = null; return choose([]); }
      if (!anchor || !anchor.isConnected) anchor = unit;
      cursor = unit;
      choose(range(units(), anchor, unit));
      element.focus({ preventScroll: true });
    });

    // The keyboard: arrows go from word to word, with shift they choose more of them.
    const step = (way, more) => {
      const all = units();
      if (!all.length) return;
      const from = cursor?.isConnected ? all.indexOf(cursor) : way > 0 ? -1 : all.length;
      cursor = all[Math.min(Math.max(from + way, 0), all.length - 1)];
      if (!more || !anchor?.isConnected) anchor = cursor;
      choose(range(all, anchor, cursor));
    };

    element.addEventListener("keydown", (event) => {
      if (!board()) return;
      if (event.target.matches("input")) {
        if (event.key === "Escape") element.focus({ preventScroll: true });
        const name = event.target.value.trim();
        if (event.key !== "Enter" || event.isComposing || !name) return;
        event.preventDefault();
        return element.querySelector(".marked") ? mark(name) : send("label", { name });
      }
      if (event.altKey || event.metaKey || event.ctrlKey) {
        if (event.key.toLowerCase() !== "z") return;
        event.preventDefault();
        return send("undo");
      }
      if (event.target !== element && event.key === "Enter") return;  // a button that has the focus does what it says
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (way && element.querySelector(".marked")) { event.preventDefault(); return step(way, event.shiftKey); }
      if (event.key === "Escape") { anchor = null; return choose([]); }
      if (event.key === "Delete" || event.key === "Backspace") {
        const span = chosen().find((unit) => unit.dataset.span !== undefined);
        event.preventDefault();
        return span ? send("unmark", { span: Number(span.dataset.span) }) : undefined;
      }
      if (event.key.toLowerCase() === "n") { event.preventDefault(); return element.querySelector("[data-new]")?.focus(); }
      const button = element.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
      if (button && !event.repeat) { event.preventDefault(); act(button); }
    });
  };

  // What has to be chosen first shows itself.
  ftui.flash = (target) => {
    target?.classList.remove("flash");
    void target?.offsetWidth;
    target?.classList.add("flash");
  };
})();
