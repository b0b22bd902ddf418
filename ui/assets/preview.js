// The preview of a quote: shown where a mouse points at a citation's number, or the keyboard comes to it, and not on
// touch. Escape puts it away, the mouse may move onto it, and it stays while it is pointed at (WCAG 2.2, 1.4.13).
(() => {
  const AFTER = 250; // milliseconds of pointing
  const GRACE = 250; // milliseconds for the way from the number to the preview
  const REACH = 180; // characters shown on each side of the quote
  const box = document.body.appendChild(node("div", "", ""));
  box.id = "preview";
  box.hidden = true;
  box.setAttribute("role", "tooltip");
  const known = new Map();
  let target = null;
  let timer = 0;

  function passageOf(button) {
    if (!known.has(button.value)) {
      if (known.size > 200) known.clear();
      const loading = load("load_passage", button.value);
      known.set(button.value, loading);
      loading.then((passage) => passage.error && known.delete(button.value));
    }
    return known.get(button.value);
  }

  function hide() {
    clearTimeout(timer);
    if (target) target.removeAttribute("aria-describedby");
    target = null;
    box.hidden = true;
  }

  function place(button) {
    const at = button.getBoundingClientRect();
    if (at.bottom < 0 || at.top > window.innerHeight || !at.width) return hide();
    box.style.maxHeight = "";
    const [above, below] = [at.top, window.innerHeight - at.bottom];
    const over = box.offsetHeight + 14 > below && above > below;
    box.style.maxHeight = Math.max(over ? above : below, 96) - 14 + "px";
    const left = Math.max(8, Math.min(at.left - 12, window.innerWidth - box.offsetWidth - 8));
    box.style.left = left + "px";
    box.style.top = (over ? Math.max(8, above - box.offsetHeight - 6) : at.bottom + 6) + "px";
  }

  function fill(passage) {
    if (passage.error) return box.replaceChildren(node("p", passage.error, "quote"));
    const quote = node("p", "", "quote");
    quote.dir = "auto";
    const before = passage.before.trimEnd();
    const after = passage.after.trimStart();
    quote.append(
      node("span", before.length > REACH ? "… " + before.slice(-REACH).replace(/^\S*\s+/, "") : before, "around"),
      before ? " " : "",
      node("span", passage.quote, "said"),
      after ? " " : "",
      node("span", after.length > REACH ? after.slice(0, REACH).replace(/\s+\S*$/, "") + " …" : after, "around"),
    );
    const title = node("p", "", "title");
    title.append(node("bdi", passage.title));
    const where = node("p", "", "where");
    where.append(node("bdi", passage.outlet));
    if (passage.published) where.append(" · ", node("bdi", passage.published));
    box.replaceChildren(...(passage.title.trim() ? [title] : []), where, quote);
  }

  async function show(button) {
    target = button;
    const passage = await passageOf(button);
    if (target !== button || !button.isConnected) return;
    fill(passage);
    box.hidden = false;
    place(button);
    button.setAttribute("aria-describedby", box.id);
  }

  function soon(button, wait) {
    if (button === target) return clearTimeout(timer);
    hide();
    timer = setTimeout(() => show(button), wait);
  }

  function later() {
    clearTimeout(timer);
    // Whoever came by the keyboard keeps it while the focus stays.
    if (target && !(target === document.activeElement && target.matches(":focus-visible"))) timer = setTimeout(hide, GRACE);
  }

  const cite = (event) => event.target.closest && event.target.closest(CITE);
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType === "touch") return;
    const button = cite(event);
    if (button) soon(button, AFTER);
    else if (box.contains(event.target)) clearTimeout(timer);
    else later();
  });
  document.documentElement.addEventListener("pointerleave", later);
  document.addEventListener("focusin", (event) => {
    const button = cite(event);
    if (button && button.matches(":focus-visible") && !root.classList.contains("returning")) soon(button, 0);
    else if (!button) hide();
  });
  document.addEventListener("focusout", (event) => event.target === target && later());
  document.addEventListener("click", (event) => box.contains(event.target) || hide(), true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || box.hidden) return;
    hide();
    event.preventDefault(); // the next Escape is for the panel
  }, true);
  document.addEventListener("scroll", () => !box.hidden && target && place(target), { capture: true, passive: true });
  window.addEventListener("resize", hide);
})();
