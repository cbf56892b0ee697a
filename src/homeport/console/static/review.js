"use strict";
// The page Review by keys alone: each key presses what says it in data-key. One press is one label: what is held down,
// and what is pressed while an answer is under way, does nothing. The page works without any of it.
(function () {
  const place = document.querySelector("[data-review]");
  let since = performance.now(), isWaiting = false;

  function free() {
    isWaiting = false;
    place.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  }

  function press(found) {
    if (found.matches("textarea")) {
      found.focus();
    } else if (found.matches("details")) {
      found.open = !found.open;
    } else {
      found.click();
    }
  }

  document.addEventListener("keydown", function (event) {
    const isText = event.target.closest("input, select, textarea");
    if (isText && event.key === "Escape") {
      event.target.blur();
    }
    if (isText || event.ctrlKey || event.metaKey || event.altKey || event.repeat || isWaiting) {
      return;
    }
    const found = document.querySelector('[data-key="' + CSS.escape(event.key) + '"]');
    if (found) {
      event.preventDefault();
      press(found);
    }
  });

  place.addEventListener("submit", function (event) {
    const seconds = event.target.querySelector("[name=seconds]");
    if (seconds) {
      seconds.value = ((performance.now() - since) / 1000).toFixed(1);
    }
  }, true);

  document.addEventListener("htmx:beforeRequest", function () {
    isWaiting = true;
  });
  document.addEventListener("htmx:responseError", free);
  document.addEventListener("htmx:sendError", free);
  // From then on the new forms are htmx's.
  document.addEventListener("htmx:afterSettle", function () {
    free();
    since = performance.now();
    const title = document.getElementById("item-title");
    if (title) {
      title.focus();
      place.scrollIntoView({ block: "nearest" });
    }
  });
})();
