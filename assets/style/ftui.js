// Runs before Gradio does. The language of the page is the one in its address; a theme that was chosen once stays.
(() => {
  const lang = document.documentElement.lang;
  const code = lang === "zh" ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", { get: () => code });
  Object.defineProperty(navigator, "languages", { get: () => [code] });
  const themeKey = "ftui-theme";
  const address = new URL(location.href);
  const remembered = localStorage.getItem(themeKey);
  if (remembered && !address.searchParams.has("__theme")) {
    address.searchParams.set("__theme", remembered);
    history.replaceState(null, "", address);
    addEventListener("load", () => setTimeout(() => ftui.address({ __theme: "" }), 1500));
  }

  // Gradio adds its sheets as it loads; of equal rules the last one holds, and that is to be ours.
  const sheet = document.getElementById("ftui-style");
  new MutationObserver(() => { if (document.head.lastElementChild !== sheet) document.head.append(sheet); }).observe(document.head, { childList: true });

  const style = (name) => getComputedStyle(document.querySelector(".gradio-container") || document.body).getPropertyValue(name).trim();
  let plotly = null;
  const loadPlotly = () => plotly ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = new URL("../static/plotly.min.js", document.baseURI.replace(/[^/]*$/, ""));
    script.onload = () => done(window.Plotly);
    script.onerror = failed;
    document.head.append(script);
  });

  // A figure speaks of colours by their name ("var(--train)"); which they are depends on the theme of the page.
  const coloured = (value) => {
    if (typeof value === "string") return value.startsWith("var(--") ? style(value.slice(4, -1)) : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, coloured(v)]));
    return value;
  };

  const charts = new Set();
  new MutationObserver(() => charts.forEach((draw) => draw())).observe(document.documentElement, { attributes: true, attributeFilter: ["class"], subtree: false });
  addEventListener("DOMContentLoaded", () =>
    new MutationObserver(() => charts.forEach((draw) => draw())).observe(document.body, { attributes: true, attributeFilter: ["class"] }));

  addEventListener("load", () => setTimeout(loadPlotly, 500));

  // On a small screen the list of runs would cover the page: it starts closed (and unseen until it is).
  const small = () => Math.min(innerWidth, screen.width) < 768;  // a phone lays out a wide page first
  const closeSidebar = () => document.querySelector(".sidebar.open .toggle-button")?.click();
  if (small()) {
    document.documentElement.classList.add("starting");
    let closed = 0;
    const closing = setInterval(() => {
      const sidebar = document.querySelector(".sidebar");
      if (!sidebar) return;
      if (sidebar.classList.contains("open")) { closed = 0; closeSidebar(); } else closed += 1;
      if (closed > 30 || touched) { clearInterval(closing); document.documentElement.classList.remove("starting"); }
    }, 60);
  }

  let touched = false;
  for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => { touched = true; }, { capture: true });

  // Arrow keys go from step to step, as in every row of tabs.
  addEventListener("keydown", (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const tab = event.target.closest?.("#tabs [role=tab]");
    if (!way || !tab) return;
    const tabs = [...tab.parentElement.querySelectorAll("[role=tab]")];
    tabs[(tabs.indexOf(tab) + way + tabs.length) % tabs.length].focus();
  });

  // In a grid of buttons (the confusion matrix) arrow keys go from cell to cell; the tab key passes it in one step.
  addEventListener("keydown", (event) => {
    const [down, right] = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key] || [];
    const cell = event.target.closest?.("[data-grid] td");
    if (down === undefined || !cell) return;
    const row = cell.parentElement;
    const next = row.parentElement.rows[row.rowIndex - 1 + down]?.cells[cell.cellIndex + right]?.querySelector("button");
    event.preventDefault();
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  // Copies the text beside a button, also where the page is not served safely enough for the clipboard's own interface.
  addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const source = button.closest(".snippet").querySelector("pre");
    try {
      await navigator.clipboard.writeText(source.textContent);
    } catch {
      getSelection().selectAllChildren(source);
      document.execCommand("copy");
      getSelection().removeAllRanges();
    }
    const words = button.textContent;
    button.textContent = button.dataset.copy;
    setTimeout(() => { button.textContent = words; }, 1500);
  });

  // Gradio opens a list when its field gets the focus: after Escape the field still has it, and a click would do nothing.
  addEventListener("pointerdown", (event) => {
    const field = event.target.closest?.(".wrap-inner")?.querySelector("input[aria-autocomplete]");
    if (field && field === document.activeElement && field.getAttribute("aria-expanded") !== "true") field.blur();
  }, { capture: true });

  // A "Why?" closes with Escape, or when something else is clicked; a dialog also by a click beside it.
  const closeAnswers = (but) => document.querySelectorAll("details.why[open]").forEach((open) => { if (open !== but) open.open = false; });
  addEventListener("keydown", (event) => {
    const open = event.key === "Escape" && document.querySelector("details.why[open]");
    if (!open || document.querySelector("dialog[open]")) return;
    if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    closeAnswers();
  });
  addEventListener("click", (event) => {
    closeAnswers(event.target.closest?.("details.why"));
    if (event.target.id === "glossary") event.target.close();
  });

  // Back and forward go through the tabs; data set and run stay as they are.
  addEventListener("popstate", () => {
    const chosen = document.querySelector("#strip .strip")?.dataset ?? {};
    const tab = new URL(location.href).searchParams.get("tab") || (chosen.run ? "log" : "data");
    ftui.address({ data: chosen.data, run: chosen.run, tab });
    document.getElementById(`tab-${tab}-button`)?.click();
  });

  window.ftui = {
    lang,

    // A tab was opened. As the page loads Gradio opens the first one by itself, and the address still has to be read:
    // only after the visitor has done something is the tab written there.
    opened(tab) {
      if (touched) ftui.address({ tab }, new URL(location.href).searchParams.get("tab") !== tab);
      return tab;
    },

    // Names and values for the address; an empty value leaves. The page is not loaded anew. From a `further` one Back leads here.
    address(values, further = false) {
      const url = new URL(location.href);
      for (const [key, value] of Object.entries(values)) value ? url.searchParams.set(key, value) : url.searchParams.delete(key);
      if (url.href !== location.href) history[further ? "pushState" : "replaceState"](null, "", url);
    },

    // The strip at the head knows what is chosen; the address follows it.
    strip(element, watch) {
      watch("value", () => {
        const chosen = element.querySelector(".strip").dataset;
        ftui.address({ data: chosen.data, run: chosen.run });
      });
    },

    toggleTheme() {
      const dark = document.body.classList.toggle("dark");
      localStorage.setItem(themeKey, dark ? "dark" : "light");
    },

    switchLanguage(to) {
      const url = new URL(location.href);
      url.searchParams.delete("__theme");
      url.searchParams.set("lang", to);
      location.href = url.href;
    },

    // A chart is drawn once it has a width (an inactive tab has none) and again when its figure, width or theme changes.
    chart(element, props, watch) {
      const box = element.querySelector(".chart-box");
      const div = element.querySelector(".chart");
      let drawn = "";
      const draw = async () => {
        box.classList.toggle("blank", !props.value);
        if (!props.value || !div.clientWidth) return;
        const key = props.value + document.body.className + div.clientWidth;
        if (key === drawn) return;
        drawn = key;
        const Plotly = await loadPlotly();
        const figure = coloured(JSON.parse(props.value));
        figure.layout.width = div.clientWidth;
        if (figure.layout.meta) {  // a place that shows different charts by turns: each brings its heading
          box.querySelector(".h").textContent = figure.layout.meta.title;
          box.querySelector(".sub").textContent = figure.layout.meta.note;
          div.setAttribute("aria-label", figure.layout.meta.title);
        }
        Plotly.react(div, figure.data, figure.layout, { displayModeBar: false, doubleClick: "reset" });
      };
      watch("value", draw);
      new ResizeObserver(draw).observe(box);
      charts.add(draw);
      draw();
    },

    // A click on anything with data-pick is an event of the component, with that value.
    picker(element, trigger) {
      element.addEventListener("click", (event) => {
        const target = event.target.closest("[data-pick]");
        if (!target) return;
        trigger("click", { pick: target.dataset.pick });
        if (small() && element.closest(".sidebar")) closeSidebar();
      });
      // What was unfolded stays so when the piece is drawn anew.
      const open = new Set();
      element.addEventListener("toggle", ({ target }) => {
        if (target.dataset.kept && target.isConnected) open[target.open ? "add" : "delete"](target.dataset.kept);
      }, true);
      new MutationObserver(() => {
        element.querySelectorAll("details[data-kept]").forEach((part) => { if (open.has(part.dataset.kept)) part.open = true; });
      }).observe(element, { childList: true, subtree: true });
    },

    // What was asked for stands further down: it comes into view, and the keyboard goes on from there.
    reveal(selector) {
      const target = document.querySelector(selector);
      target?.setAttribute("tabindex", "-1");
      target?.focus({ preventScroll: true });
      target?.scrollIntoView({ block: "nearest", behavior: "smooth" });
      return [];
    },

    // Saves a file that a handler has made.
    download(file) {
      if (!file?.url) return [];
      const link = Object.assign(document.createElement("a"), { href: file.url, download: file.orig_name || "" });
      link.click();
      return [];
    },

    // Opens the glossary, at an entry of it.
    glossary(entry) {
      const dialog = document.getElementById("glossary");
      if (!dialog.open) dialog.showModal();
      const article = entry && document.getElementById("term-" + entry);
      dialog.querySelectorAll("article").forEach((other) => other.classList.toggle("chosen", other === article));
      article ? article.scrollIntoView({ block: "start" }) : dialog.querySelector(".body").scrollTo(0, 0);
    },

    // Copies a text; the button says so for a moment.
    async copy(text, id, done) {
      try {
        await navigator.clipboard.writeText(text);
      } catch {  // no clipboard without https
        const area = Object.assign(document.createElement("textarea"), { value: text });
        document.body.append(area);
        area.select();
        document.execCommand("copy");
        area.remove();
      }
      const button = document.getElementById(id);
      const label = button.textContent;
      if (label !== done) {
        button.textContent = done;
        setTimeout(() => { button.textContent = label; }, 1500);
      }
      return [];
    },
  };

  // The threshold of an answer with several labels: which of them are said.
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-threshold]")) return;
    const least = Number(event.target.value);
    event.target.parentElement.querySelector("b").textContent = least.toFixed(2);
    const answer = event.target.closest(".answer");
    const bars = [...answer.querySelectorAll("[data-share]")];
    bars.forEach((bar) => bar.classList.toggle("first", Number(bar.dataset.share) >= least));
    const said = bars.filter((bar) => bar.matches(".first")).map((bar) => bar.previousElementSibling.textContent);
    answer.querySelector("#answer-label").textContent = said.join(", ") || event.target.dataset.none;
  });
})();
