"use strict";
// What forms ask before they are sent: <form data-confirm="Revoke this key?">.
document.addEventListener("submit", function (event) {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) {
    event.preventDefault();
  }
});
