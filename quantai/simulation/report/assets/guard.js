"use strict";
// What goes wrong on the page is written on the page, for people and for tests.
function fail(reason) {
  document.documentElement.dataset.error = String(reason);
  const notice = document.getElementById("notice");
  if (notice) {
    notice.textContent = "The charts could not be drawn: " + reason;
    notice.hidden = false;
  }
}
window.addEventListener("error", (event) => fail(event.message));
window.addEventListener("unhandledrejection", (event) => fail(event.reason));
window.addEventListener("securitypolicyviolation", (event) => fail("blocked " + event.blockedURI));
