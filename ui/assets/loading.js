// While the models load, and when they could not be: one line at the head of the page. Text is set with textContent.
(() => {
  const line = document.createElement("div");
  line.id = "loading";
  line.setAttribute("role", "status");
  let shown = "";
  let missed = 0;

  function say(text, failed) {
    if (!line.isConnected) document.body.append(line);
    line.classList.toggle("failed", failed);
    if (text !== shown) line.textContent = shown = text;
  }

  async function ask() {
    let state;
    try {
      const answer = await fetch("loading", { cache: "no-store" });
      state = answer.ok ? await answer.json() : null;
    } catch {
      state = null;
    }
    if (state && state.status === "ready") {
      line.remove();
      return;
    }
    if (state && state.status === "failed") {
      say(state.line, true);
      return;
    }
    if (state) missed = 0;
    else if (++missed >= 10) {
      say("citewell does not answer any more. The terminal that ran it says why.", true);
      return;
    }
    if (state) say(state.line, false);
    setTimeout(ask, 500);
  }

  if (document.body) ask();
  else document.addEventListener("DOMContentLoaded", ask);
})();
