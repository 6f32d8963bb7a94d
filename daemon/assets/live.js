// Keeps a page up to date while something happens: the parts that differ are replaced, and what happened is announced.
// Everything works without this script; the page then says where to reload.
"use strict";
(() => {
  const main = document.querySelector("main[data-live]");
  const told = document.querySelector("[data-told-live]");
  const hint = document.querySelector("[data-reload]");
  if (!main || !told || !hint || !window.EventSource) {
    return;
  }
  const REST = 400; // several events are one look
  const TRIES = 3;
  const PATIENCE = 10000;
  let words = [];
  let timer = 0;
  let tries = 0;

  // What somebody has begun to fill in is never taken away.
  const begun = (part) =>
    [...part.querySelectorAll("input:not([type=hidden]), textarea")].some((e) => e.value !== e.defaultValue);

  const opened = (part) => [...part.querySelectorAll("details[open] > summary")].map((s) => s.textContent);

  const put = (old, fresh) => {
    const open = opened(old);
    const held = old.contains(document.activeElement) ? document.activeElement.textContent : null;
    const next = document.importNode(fresh, true);
    for (const summary of next.querySelectorAll("details > summary")) {
      summary.parentElement.open = open.includes(summary.textContent);
    }
    old.replaceWith(next);
    if (held !== null) {
      const same = [...next.querySelectorAll("a, button, summary, [tabindex]")].find((e) => e.textContent === held);
      if (same) {
        same.focus({ preventScroll: true });
      }
    }
  };

  // The answer is the same page, parsed by the browser; no text becomes markup here.
  const swap = (fresh) => {
    let left = false;
    for (const part of main.querySelectorAll("[data-part]")) {
      const next = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
      if (!next || next.isEqualNode(part)) {
        continue;
      }
      if (begun(part)) {
        left = true;
      } else {
        put(part, next);
      }
    }
    const last = words.slice(-3).join(". ");
    words = [];
    told.textContent = left ? `${last}. Your input was kept: reload this page before you send it.` : `${last}.`;
    hint.hidden = !left;
  };

  const stale = () => {
    told.textContent = "This page is no longer kept up to date.";
    hint.hidden = false;
  };

  const look = () => {
    timer = 0;
    const request = new XMLHttpRequest();
    request.open("GET", main.dataset.page);
    request.responseType = "document";
    request.timeout = 15000;
    request.onload = () => {
      if (request.status === 200 && request.response && request.response.querySelector("main[data-part-page]")) {
        tries = 0;
        swap(request.response);
      } else {
        stale();
      }
    };
    request.onerror = request.ontimeout = () => {
      tries += 1;
      if (tries < TRIES) {
        timer = window.setTimeout(look, 3000);
      } else {
        stale();
      }
    };
    request.send();
  };

  const soon = () => {
    if (!timer) {
      timer = window.setTimeout(look, REST);
    }
  };

  const source = new EventSource(main.dataset.live);
  let lost = 0;
  source.onopen = () => {
    window.clearTimeout(lost);
    lost = 0;
    hint.hidden = true;
  };
  source.onmessage = (event) => {
    words.push(JSON.parse(event.data).what);
    soon();
  };
  source.addEventListener("reset", () => {
    words.push("Something happened");
    soon();
  });
  source.onerror = () => {
    if (source.readyState === EventSource.CLOSED) {
      stale();
    } else if (!lost) {
      lost = window.setTimeout(stale, PATIENCE); // the browser tries again meanwhile
    }
  };
  window.addEventListener("pagehide", () => source.close());
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      stale();
    }
  });
})();
