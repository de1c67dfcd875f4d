// What comes by itself: new log lines, a tick for what Gradio draws, the tab's title, a notification at the end.
// One question at a time to ../live. A worker keeps the beat: its timers also run while the tab is in the background.
(() => {
  const FAST = 1000, SLOW = 2000, IDLE = 6000, MOST = 1000;
  const ftui = window.ftui;
  const ticker = () => {
    const source = "let t; onmessage = (e) => { clearTimeout(t); t = setTimeout(() => postMessage(0), e.data); };";
    try { return new Worker(URL.createObjectURL(new Blob([source]))); }
    catch { return { set onmessage(f) { this.f = f; }, postMessage(ms) { clearTimeout(this.t); this.t = setTimeout(() => this.f(), ms); } }; }
  };

  const wish = { level: "all", find: "" };
  let run = "", have = 0, age = 0; // the run that is followed, how many of its lines are here, counted up when that is void
  let mark = "", drawn = "", state = "";
  let box = null, tick = () => {};
  const plain = document.title;

  // ---- who waits for which run, remembered by this browser
  const KEY = "ftui-waiting";
  const waiting = () => { try { return JSON.parse(localStorage.getItem(KEY)) || []; } catch { return []; } };
  const wait = (id, on) => localStorage.setItem(KEY, JSON.stringify([...waiting().filter((w) => w !== id), ...(on ? [id] : [])].slice(-20)));

  const notify = (id, said) => {
    if (!waiting().includes(id)) return; // another tab was quicker
    wait(id, false);
    if (!said.title || !("Notification" in window) || Notification.permission !== "granted") return;
    const note = new Notification(said.title, { body: said.text, tag: id, icon: new URL("../favicon.ico", document.baseURI).href });
    note.onclick = () => { window.focus(); const url = new URL(location.href); url.searchParams.set("run", id); url.searchParams.delete("tab"); if (id !== run) location.href = url.href; };
  };

  // ---- log lines
  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const shown = (element) => !!element && element.offsetParent !== null;
  let atEnd = true, unseen = 0;

  const put = (answer) => {
    if (!box) return;
    const log = box.querySelector(".log");
    if (answer.first !== have) log.replaceChildren(); // what lies between is gone, or everything is new
    if (answer.lines.length) {
      log.querySelector(".none")?.remove();
      const part = document.createDocumentFragment();
      for (const [time, level, text] of answer.lines) {
        const line = document.createElement("div");
        line.className = level;
        line.append(Object.assign(document.createElement("time"), { textContent: clock.format(time * 1000) }), text);
        part.append(line);
      }
      log.append(part);
      while (log.childElementCount > MOST) log.firstElementChild.remove();
      if (atEnd) log.scrollTop = log.scrollHeight; else unseen += answer.lines.length;
    }
    if (!log.childElementCount) log.append(Object.assign(document.createElement("div"), { className: "none", textContent: box.dataset.none }));
    have = answer.total;
    const more = box.querySelector(".more");
    more.hidden = have <= MOST;
    more.textContent = box.dataset.more.replace("{n}", MOST.toLocaleString()).replace("{all}", have.toLocaleString());
    pointDown();
  };

  const pointDown = () => {
    const button = box.querySelector(".newest");
    button.hidden = atEnd;
    button.querySelector("span").textContent = unseen ? box.dataset.new.replace("{n}", unseen.toLocaleString()) : box.dataset.newest;
  };

  const afresh = () => { age += 1; have = 0; atEnd = true; unseen = 0; box?.querySelector(".log").replaceChildren(); };

  // ---- the question
  const beat = ticker();
  let asking = false;
  const ask = async () => {
    if (asking) return;
    asking = true;
    const own = age, waits = waiting();
    let next = IDLE;
    try {
      if (run || waits.length) {
        const url = new URL("../live", document.baseURI);
        url.search = new URLSearchParams({ lang: ftui.lang, run, after: have, ...wish, wait: waits.join() });
        const answer = await (await fetch(url)).json();
        if (own !== age) next = 0; // asked for something else meanwhile
        else if (answer.lines) {
          put(answer);
          state = answer.state;
          mark = answer.mark;
          const changed = mark !== drawn && (shown(document.getElementById("status")) || mark.split(" ")[1] !== drawn.split(" ")[1]);
          if (run && changed && !document.hidden) { drawn = mark; tick(); }
          document.title = answer.title ? `${answer.title} · ftui` : plain;
          for (const [id, said] of Object.entries(answer.ended)) notify(id, said);
          next = answer.over && !waits.length ? IDLE : shown(box) && !document.hidden ? FAST : SLOW;
          offer();
        }
      } else document.title = plain;
    } catch { next = SLOW; } // the page's process is away; it may come back
    asking = false;
    beat.postMessage(next);
  };
  beat.onmessage = ask;
  const now = () => beat.postMessage(0);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) now(); });

  // ---- the offer of a notification
  let teller = null;
  const offer = () => {
    if (!teller) return;
    const root = teller.querySelector(".tell"), button = root.querySelector("button");
    const able = "Notification" in window && isSecureContext, refused = able && Notification.permission === "denied";
    const on = waiting().includes(run);
    root.hidden = !run || !state || ["finished", "failed", "stopped", "lost"].includes(state);
    button.setAttribute("aria-pressed", on);
    button.querySelector("span").textContent = on ? root.dataset.wait : root.dataset.offer;
    root.querySelector("p").textContent = on && refused ? root.dataset.denied : on && !able ? root.dataset.impossible : "";
  };

  const agoWords = new Intl.RelativeTimeFormat(document.documentElement.lang === "zh" ? "zh-CN" : "en", { numeric: "auto" });
  const STEPS = [["minute", 60], ["hour", 3600], ["day", 86400], ["month", 30 * 86400], ["year", 365 * 86400]];
  const ago = (seconds) => {
    const [unit, size] = STEPS.filter(([, size]) => seconds >= size).pop() || ["second", seconds < 45 ? Infinity : 1];
    return agoWords.format(-Math.floor(seconds / size) || 0, unit);
  };
  const dates = () => document.querySelectorAll("time[data-ago]").forEach((t) => { t.textContent = ago(Date.now() / 1000 - Number(t.dataset.ago)); });
  setInterval(dates, 20_000);

  addEventListener("keydown", (event) => { if (event.key === "Escape") document.querySelector(".dialog .close")?.click(); });

  Object.assign(ftui, {
    // The value is the run that the log tab shows; a click event has Gradio draw what is new.
    live(element, props, trigger, watch) {
      tick = () => trigger("click");
      const chosen = () => {
        if (run !== (props.value || "")) { run = props.value || ""; drawn = ""; state = ""; afresh(); offer(); }
        now();
      };
      watch("value", chosen);
      chosen();
    },

    // Which lines the reader wants: {level} or {find}.
    wish(values) {
      Object.assign(wish, values);
      afresh();
      now();
      return [];
    },

    // Follows the end of the log unless the reader has scrolled up.
    lines(element) {
      box = element.querySelector(".log-box");
      const log = box.querySelector(".log");
      log.addEventListener("scroll", () => {
        atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
        if (atEnd) unseen = 0;
        pointDown();
      });
      box.querySelector(".newest").addEventListener("click", () => { log.scrollTop = log.scrollHeight; });
      new ResizeObserver(() => { if (atEnd) log.scrollTop = log.scrollHeight; if (drawn !== mark) now(); }).observe(box);
      afresh();
      now();
    },

    // A notification is asked for by a click and by nothing else.
    tell(element) {
      teller = element;
      element.querySelector("button").addEventListener("click", async () => {
        wait(run, !waiting().includes(run));
        offer();
        if (waiting().includes(run) && "Notification" in window && Notification.permission === "default") await Notification.requestPermission();
        offer();
        now();
      });
      offer();
    },

    // Escape closes a dialog as its cross does; the focus goes in when it opens.
    dialog(element) {
      const close = document.getElementById(element.querySelector("[data-dialog]").dataset.dialog), box = close?.closest(".dialog");
      if (!box) return requestAnimationFrame(() => ftui.dialog(element)); // not in the page yet
      box.setAttribute("role", "dialog");
      box.setAttribute("aria-modal", "true");
      box.setAttribute("aria-label", box.querySelector(".h, .facts b")?.textContent || "");
      close.setAttribute("aria-label", element.querySelector("[data-dialog]").dataset.word);
      (box.querySelector("textarea, input") || close).focus();
    },

    // Times of the list of runs as people say them.
    ago(element, watch) { watch("value", dates); dates(); },
  });
})();
