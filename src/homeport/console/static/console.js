"use strict";
// What forms ask before they are sent (<form data-confirm="Revoke this key?">) and that they are sent once; what could
// not be fetched anew is said, for old figures look like new ones.
(function () {
  document.addEventListener("submit", function (event) {
    const form = event.target, question = form.dataset.confirm;
    if (question && !window.confirm(question)) {
      event.preventDefault();
      return;
    }
    if (form.method !== "post") {
      return;
    }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (button && form.dataset.busy) {
      button.textContent = form.dataset.busy;
    }
  });

  // Whoever comes back to a page by the browser's button may send its forms again.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
  });

  function clock() {
    return new Date().toISOString().slice(11, 19) + " UTC";
  }

  function failed(event, why) {
    const place = event.detail.target, told = document.getElementById(place.dataset.stale || "");
    if (told) {
      told.textContent = "Not renewed at " + clock() + ": " + why + ". What stands here is older. It is tried again.";
      told.hidden = false;
    } else {
      const said = place.querySelector("[data-failed]") || place.appendChild(document.createElement("p"));
      said.dataset.failed = "yes";
      said.className = "bad";
      said.textContent = "This could not be fetched: " + why + ".";
    }
  }

  document.addEventListener("htmx:responseError", function (event) {
    failed(event, "the gateway answered " + event.detail.xhr.status);
  });
  document.addEventListener("htmx:sendError", function (event) {
    failed(event, "the gateway cannot be reached");
  });
  document.addEventListener("htmx:afterSwap", function (event) {
    const told = document.getElementById(event.detail.target.dataset.stale || "");
    if (told) {
      told.hidden = true;
    }
  });
})();
