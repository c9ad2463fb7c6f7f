// Keys, and the live feed: newest rows of the ledger, pushed by the server. Everything is set as text, never as markup.
(function () {
  "use strict";
  // A slash goes to the search, as in many programs; Escape leaves it.
  document.addEventListener("keydown", function (event) {
    var search = document.getElementById("q");
    if (!search || event.ctrlKey || event.metaKey || event.altKey) { return; }
    if (event.key === "/" && !/^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && document.activeElement === search) {
      search.blur();
    }
  });
  var feed = document.querySelector("[data-feed]");
  if (feed && window.EventSource) {
    var body = feed.querySelector("tbody");
    var state = document.querySelector("[data-feed-state]");
    var source = new EventSource(feed.getAttribute("data-feed"));
    var most = 12;
    var say = function (text) { if (state) { state.textContent = text; state.className = "soft small end" + (text === "live" ? " live" : ""); } };
    var words = { serve: "served", warn: "warned", explain: "explained", refuse: "refused" };
    source.addEventListener("open", function () { say("live"); });
    source.addEventListener("error", function () { say("reconnecting"); });
    source.addEventListener("rows", function (event) {
      JSON.parse(event.data).forEach(function (row) {
        var line = document.createElement("tr");
        ["time", "account", "program", "version", "action", "count"].forEach(function (name) {
          var cell = document.createElement("td");
          cell.textContent = row[name];
          if (name === "action") {
            var mark = document.createElement("span");
            mark.textContent = words[row.action] || row.action;
            mark.className = "mark " + (/^[a-z]+$/.test(row.action) ? row.action : "");
            cell.textContent = "";
            cell.appendChild(mark);
          }
          if (name === "count") { cell.className = "n"; }
          line.appendChild(cell);
        });
        line.className = "new";
        body.insertBefore(line, body.firstChild);
      });
      var empty = feed.querySelector(".empty");
      if (empty) { empty.remove(); }
      while (body.children.length > most) { body.removeChild(body.lastChild); }
    });
    window.addEventListener("pagehide", function () { source.close(); });
  }
}());
