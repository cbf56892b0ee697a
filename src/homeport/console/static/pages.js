"use strict";
// Charts in the page's colours, the live tail, sliders that say their value, tokens that say what else there was, and
// lists that are walked by keys. Every page works without any of it.
(function () {
  const root = document.documentElement;

  function colour(name) {
    return getComputedStyle(root).getPropertyValue("--" + name).trim();
  }

  function look() {
    const ink = colour("ink"), line = colour("line"), series = ["mark", "warn", "bad", "good"].map(colour);
    const axis = { labelColor: ink, titleColor: ink, gridColor: line, domainColor: line, tickColor: line, labelLimit: 140, labelFontSize: 12, titleFontSize: 12 };
    return {
      background: null,
      font: "system-ui, sans-serif",
      view: { stroke: null },
      axis: axis,
      legend: { labelColor: ink, titleColor: ink, labelFontSize: 12, orient: "top" },
      range: { category: series },
      bar: { color: series[0] },
      line: { color: series[0] },
      point: { color: series[0] },
      style: { wanted: { color: colour("bad"), fill: colour("bad") } },
    };
  }

  // The interpreter evaluates what a chart computes; the page's policy lets no script be made of text.
  function draw(place) {
    place.dataset.drawn = "yes";
    window.vegaEmbed(place, JSON.parse(place.dataset.chart), {
      actions: false,
      ast: true,
      config: look(),
      defaultStyle: false,
      renderer: "svg",
      tooltip: { disableDefaultStyle: true },
    }).then(function () {
      // The figure says what it shows, and a table has the numbers: nobody wants each bar read out.
      place.querySelectorAll("svg").forEach((drawing) => drawing.setAttribute("aria-hidden", "true"));
    }).catch(function (error) {
      place.textContent = "This chart cannot be drawn: " + error.message;
    });
  }

  function drawAll(within, which) {
    if (window.vegaEmbed) {
      within.querySelectorAll(which).forEach(draw);
    }
  }

  // Rows are made by the server, which escapes what is in them.
  function tail(place) {
    const button = place.querySelector("button"), told = place.querySelector("[data-told]");
    const rows = document.querySelector("#" + place.dataset.rows);
    let source = null, seen = 0, lost = 0;

    function say(how) {
      told.textContent = how + (seen ? ", " + seen + " came" : "") + (lost ? ", " + lost + " were too many to show" : "");
    }

    function stop() {
      source.close();
      source = null;
      button.textContent = "Follow live";
      button.setAttribute("aria-pressed", "false");
      say("stopped");
    }

    function start() {
      source = new EventSource(place.dataset.tail);
      button.textContent = "Stop";
      button.setAttribute("aria-pressed", "true");
      say("waiting for requests");
      source.addEventListener("rows", function (event) {
        const made = document.createElement("template");
        made.innerHTML = event.data;
        seen += made.content.childElementCount;
        rows.prepend(made.content);
        while (rows.childElementCount > 200) {
          rows.lastElementChild.remove();
        }
        say("live");
      });
      source.addEventListener("lost", function (event) {
        lost += Number(event.data);
        say("live");
      });
      source.onerror = function () {
        say("the connection is lost; it is tried again");
      };
    }

    button.addEventListener("click", function () {
      source ? stop() : start();
    });
  }

  function sliders(within) {
    within.querySelectorAll("output[data-of]").forEach(function (output) {
      const input = output.closest("label").querySelector("input");
      input.addEventListener("input", function () {
        output.textContent = input.value;
      });
    });
  }

  // One stop for the tab key; the arrow keys go on from there.
  function tokens(place) {
    const others = document.querySelector("#" + place.dataset.others);

    function choose(button) {
      place.querySelectorAll("[tabindex='0'], [aria-pressed]").forEach(function (one) {
        one.tabIndex = -1;
        one.removeAttribute("aria-pressed");
      });
      button.tabIndex = 0;
      button.setAttribute("aria-pressed", "true");
      others.textContent = button.dataset.told;
    }

    place.addEventListener("click", function (event) {
      const button = event.target.closest("button");
      if (button) {
        choose(button);
      }
    });
    place.addEventListener("keydown", function (event) {
      const next = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
      const button = next && event.target[next];
      if (button) {
        event.preventDefault();
        choose(button);
        button.focus();
      }
    });
  }

  // j and k walk the rows of a list, Enter opens one, / goes to the search and Escape out of it.
  function keys(event) {
    if (event.key === "Escape" && event.target.closest("[data-search]")) {
      event.target.blur();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) {
      return;
    }
    const search = document.querySelector("[data-search]");
    if (event.key === "/" && search) {
      event.preventDefault();
      search.focus();
      return;
    }
    const step = { j: 1, k: -1 }[event.key];
    const rows = step ? Array.from(document.querySelectorAll("[data-walk] tr")) : [];
    const links = rows.map(function (row) { return row.querySelector("a"); }).filter(Boolean);
    if (links.length) {
      const here = links.indexOf(document.activeElement);
      links[Math.min(links.length - 1, Math.max(0, here + step))].focus();
    }
  }

  function begin(within) {
    drawAll(within, "[data-chart]:not([data-drawn])");
    sliders(within);
    within.querySelectorAll("[data-tail]").forEach(tail);
    within.querySelectorAll("[data-others]").forEach(tokens);
  }

  function redraw() {
    drawAll(document, "[data-chart]");
  }

  begin(document);
  document.addEventListener("keydown", keys);
  document.addEventListener("htmx:afterSwap", function (event) {
    begin(event.detail.target);
  });
  new MutationObserver(redraw).observe(root, { attributeFilter: ["data-theme"] });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
})();
