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
