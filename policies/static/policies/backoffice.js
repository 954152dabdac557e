// Small comforts; every page works without them.

// "/" leads to the search, as on many sites.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, select, textarea, [contenteditable]");
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing) return;
  const search = document.getElementById("search-term");
  if (!search) return;
  event.preventDefault();
  search.focus();
  search.select();
});

// An open drop-down closes with Escape, and when the attention goes elsewhere.
const dropDowns = () => document.querySelectorAll("#menu details[open], details.filter[open]");
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const open of dropDowns()) {
    if (open.contains(document.activeElement)) open.querySelector("summary").focus();
    open.open = false;
  }
});
document.addEventListener("click", (event) => {
  for (const open of dropDowns()) if (!open.contains(event.target)) open.open = false;
});

// The server shows times in the zone that it finds here, and in UTC without it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) {
  const secure = location.protocol === "https:" ? "; secure" : "";
  document.cookie = `zone=${encodeURIComponent(zone)}; path=/admin/; max-age=31536000; samesite=lax${secure}`;
}

// A form on its way says so, and is not sent a second time. (Without this the server notices.)
const working = document.currentScript.dataset.working;
const relabel = (button, label) => {
  if (button.matches("input")) button.value = label;
  else button.textContent = label;
};
document.addEventListener("submit", (event) => {
  const { target: form, submitter: button } = event;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
  if (!button || button.ariaBusy) return;
  button.dataset.label = button.matches("input") ? button.value : button.textContent;
  button.ariaBusy = "true";
  relabel(button, working);
});

// Back shows a page as it was left: its form can be sent from there.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  for (const button of document.querySelectorAll("[aria-busy][data-label]")) {
    button.ariaBusy = null;
    relabel(button, button.dataset.label);
  }
});
