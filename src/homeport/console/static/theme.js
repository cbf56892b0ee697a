"use strict";
// In the head and not deferred: the page is never painted in the wrong colours first.
(function () {
  const names = ["system", "light", "dark"];
  function chosen() {
    try {
      const kept = localStorage.getItem("homeport-theme");
      return names.includes(kept) ? kept : "system";
    } catch {
      return "system";
    }
  }
  function apply(name) {
    if (name === "system") {
      delete document.documentElement.dataset.theme;
    } else {
      document.documentElement.dataset.theme = name;
    }
    for (const place of document.querySelectorAll("[data-theme-name]")) {
      place.textContent = name;
    }
  }
  apply(chosen());
  document.addEventListener("DOMContentLoaded", function () {
    apply(chosen());
    for (const button of document.querySelectorAll("[data-theme-switch]")) {
      button.addEventListener("click", function () {
        const next = names[(names.indexOf(chosen()) + 1) % names.length];
        try {
          localStorage.setItem("homeport-theme", next);
        } catch {
          // Without storage the choice lasts as long as the page.
        }
        apply(next);
      });
    }
  });
})();
