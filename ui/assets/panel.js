// The source panel: a citation's article, with its sentence in the middle. Runs once, with `element` and `server` given
// by the page; answers.js and preview.js follow in the same function.
// Everything from an article is set with textContent, so markup in it stays text.
const find = (selector) => element.querySelector(selector);
const root = document.documentElement;
const calm = window.matchMedia("(prefers-reduced-motion: reduce)");
const phone = window.matchMedia("(max-width: 800px)"); // as in source.css
const CITE = "#chat button.cite";

function node(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

// The answer's citations that the buttons of the panel walk along, and what they are called.
function walkOf(button) {
  if (!button) return { name: "", buttons: [] };
  if (button.matches(".place")) {
    return { name: "Place", buttons: [...button.closest(".quote").querySelectorAll("button.cite")] };
  }
  const related = button.closest("ol.related");
  if (related) return { name: "Close sentence", buttons: [...related.querySelectorAll("button.cite")] };
  return { name: "Citation", buttons: quotesOf(button) };
}

function quotesOf(button) {
  const answer = button && button.closest(".answer");
  return answer ? [...answer.querySelectorAll("ol.quotes > li > blockquote button.cite")] : [];
}

// The clicked place first, then the places in the same article that the same answer cites.
function referenceOf(button) {
  const [article] = button.value.split(":");
  const here = quotesOf(button).map((other) => other.value).filter((value) => value.startsWith(article + ":"));
  const ranges = [...new Set([button.value, ...here])].slice(0, 50).map((value) => value.slice(article.length + 1));
  return article + ":" + ranges.join(",");
}

// Many thousand paragraphs: laid out when they come into view.
const PART = 20_000;
const LONG = 100_000;

// The text as paragraphs, every character of it kept: blank lines are there, and hidden, since paragraphs stand apart.
function paragraphs(pieces, length) {
  const whole = document.createDocumentFragment();
  let part = whole;
  let filled = length > LONG ? PART : -Infinity;
  let paragraph = null;
  const add = (child) => {
    if (!paragraph) {
      if (filled >= PART) {
        part = whole.appendChild(node("div", "", "part"));
        filled = 0;
      }
      paragraph = part.appendChild(node("p", ""));
      paragraph.dir = "auto";
    }
    paragraph.append(child);
    filled += child.textContent.length;
  };
  for (const piece of pieces) {
    if (piece.mark) {
      add(piece.mark);
      continue;
    }
    // Every second one is a gap of blank lines.
    piece.text.split(/(\n\s*\n)/).forEach((text, index) => {
      if (!text) return;
      if (index % 2 === 0) return add(document.createTextNode(text));
      (paragraph || part).append(node("span", text, "gap"));
      paragraph = null;
    });
  }
  return whole;
}

// The sentences that the answer cites, each with its number there; the one in focus is `focus`.
function marks(source, numbers) {
  const cited = (piece) => {
    if (!piece.cited) return piece;
    const mark = node("mark", piece.text, "cited");
    mark.dataset.at = piece.cited;
    return { mark };
  };
  const focus = node("mark", source.quote, "focus");
  focus.tabIndex = -1;
  focus.dataset.at = source.at;
  const pieces = [...source.before.map(cited), { mark: focus }, ...source.after.map(cited)];
  for (const { mark } of pieces) {
    if (mark && numbers.has(mark.dataset.at)) mark.dataset.number = numbers.get(mark.dataset.at);
  }
  return pieces;
}

function fill(source, button) {
  find(".headline").textContent = source.title;
  const byline = [source.outlet, source.published, source.place, source.agency].filter(Boolean);
  find(".byline").replaceChildren(
    ...byline.flatMap((text, index) => [...(index ? [node("span", " · ", "dot")] : []), node("bdi", text)]),
  );
  const original = find(".original");
  original.hidden = !/^https?:\/\//.test(source.url || "");
  if (original.hidden) original.removeAttribute("href");
  else original.href = source.url;
  const [article] = source.reference.split(":");
  source.at = source.reference.slice(article.length + 1).split(",")[0];
  find(".article").dataset.reference = article + ":" + source.at;
  const numbers = new Map();
  for (const other of [...quotesOf(button), ...(button && !button.matches(".place") ? [button] : [])]) {
    if (other.value.startsWith(article + ":")) numbers.set(other.value.slice(article.length + 1), other.textContent.trim());
  }
  const pieces = marks(source, numbers);
  const length = pieces.reduce((sum, piece) => sum + (piece.mark || { textContent: piece.text }).textContent.length, 0);
  find(".text").replaceChildren(paragraphs(pieces, length));
  find(".text").classList.toggle("long", length > LONG);
}

function centre(mark) {
  const tall = mark.getBoundingClientRect().height > element.clientHeight * 0.7;
  const to = (behavior) => mark.scrollIntoView({ block: tall ? "start" : "center", behavior });
  if (!find(".text.long")) return to(calm.matches ? "instant" : "smooth");
  // What comes into view is laid out then, and may be higher or lower than it was taken for.
  to("instant");
  requestAnimationFrame(() => {
    if (!mark.isConnected) return;
    to("instant");
    requestAnimationFrame(() => mark.isConnected && to("instant"));
  });
}

// What is shown: the button that it belongs to (none, where a link led to it), and whether the reader is in it.
let opener = null;
let opened = false;
let newest = 0;

// Answers may be drawn anew, with other buttons for the same places.
const again = (value) => [...document.querySelectorAll(CITE)].find((button) => button.value === value) || null;
function renew() {
  if (!opener || opener.isConnected) return;
  opener = again(opener.value);
  if (opener) opener.classList.add("current");
}

function count(button) {
  const { name, buttons } = walkOf(button);
  const index = buttons.indexOf(button);
  const [previous, next] = [find(".previous"), find(".next")];
  find(".walk").hidden = index < 0 || buttons.length < 2;
  // Not `disabled`, which would take the focus away from whoever is pressing it.
  previous.setAttribute("aria-disabled", String(index <= 0));
  next.setAttribute("aria-disabled", String(index === buttons.length - 1));
  find(".at").textContent = index < 0 ? "" : `${name} ${index + 1} of ${buttons.length}`;
}

function step(by, keepFocus) {
  renew();
  const { buttons } = walkOf(opener);
  const index = buttons.indexOf(opener);
  const to = index < 0 ? null : buttons[index + by];
  if (!to) return;
  const folded = to.closest("details:not([open])");
  if (folded) folded.open = true;
  to.scrollIntoView({ block: "nearest", behavior: "instant" });
  open(to, keepFocus);
}

function show(source, button, keepFocus) {
  find(".hint").hidden = true;
  find(".bar").hidden = false;
  find(".trouble").hidden = !source.error;
  find(".article").hidden = Boolean(source.error);
  raise();
  count(button);
  if (source.error) {
    find(".trouble").textContent = source.error;
    if (!keepFocus) find(".close").focus({ preventScroll: true });
    return;
  }
  fill(source, button);
  const focus = find("mark.focus");
  if (!keepFocus) focus.focus({ preventScroll: true });
  centre(focus);
}

async function load(name, reference) {
  try {
    const found = await server[name](reference);
    if (found && typeof found === "object") return found;
  } catch {
    return { error: "The article could not be loaded. Is citewell still running?" };
  }
  return { error: "The article could not be loaded." };
}

async function open(button, keepFocus = false) {
  const turn = ++newest;
  const reference = referenceOf(button);
  const source = await load("load_source", reference);
  if (turn !== newest) return; // a later click has overtaken this one
  opener = button;
  for (const other of document.querySelectorAll("button.cite.current")) other.classList.remove("current");
  button.classList.add("current");
  show({ ...source, reference }, button, keepFocus);
}

// Opens the panel at `ARTICLEID:START:END`, as a link does; resolves when it is shown.
window.citewellOpen = async (reference) => {
  const cited = again(reference);
  if (cited) return open(cited);
  const turn = ++newest;
  const source = await load("load_source", reference);
  if (turn !== newest) return;
  opener = null;
  for (const other of document.querySelectorAll("button.cite.current")) other.classList.remove("current");
  show({ ...source, reference: String(reference) }, null, false);
};

// On a phone the panel covers the page: what lies below is out of reach, and the browser's way back leads back to it.
let pushed = false;
let leaving = false;

function cover() {
  const covering = opened && phone.matches;
  for (let at = element.closest("#beside"); at && at !== document.body; at = at.parentElement) {
    for (const below of at.parentElement.children) if (below !== at) below.inert = covering;
  }
  const sheet = find(".source");
  sheet.setAttribute("role", covering ? "dialog" : "region");
  if (covering) sheet.setAttribute("aria-modal", "true");
  else sheet.removeAttribute("aria-modal");
}

function raise() {
  opened = true;
  root.classList.add("source-open");
  cover();
  if (phone.matches && !pushed && !leaving) {
    history.pushState({ ...history.state, citewellSource: true }, "");
    pushed = true;
  }
}

function lower() {
  if (!opened) return;
  opened = false;
  root.classList.remove("source-open");
  cover();
  renew();
  const back = opener || document.querySelector("#question textarea");
  if (!back) return;
  root.classList.add("returning"); // no preview for a number that the reader comes back to
  back.focus();
  root.classList.remove("returning");
}

function close() {
  if (pushed) {
    pushed = false;
    leaving = true;
    history.back();
  }
  lower();
}

window.addEventListener("popstate", () => {
  const here = Boolean(history.state && history.state.citewellSource);
  if (leaving) {
    leaving = false;
    if (opened) raise(); // opened again while the browser was on its way back
  } else if (!here) {
    pushed = false;
    lower();
  } else if (!opened && phone.matches && find(".hint").hidden) {
    pushed = true; // forward again
    raise();
  }
});
phone.addEventListener("change", cover);

document.addEventListener("click", (event) => {
  const button = event.target.closest && event.target.closest(CITE);
  if (button) open(button);
});
document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && opened) close();
  // Only where the reader is at a citation: a bare key must not act from everywhere (WCAG 2.1.4).
  const by = { "[": -1, "]": 1 }[event.key];
  const at = document.activeElement;
  if (by && opened && at && (element.contains(at) || at.matches(CITE))) step(by, false);
});
find(".close").addEventListener("click", close);
find(".previous").addEventListener("click", () => step(-1, true));
find(".next").addEventListener("click", () => step(1, true));
// A lighter mark is another citation of the same answer.
find(".text").addEventListener("click", (event) => {
  const mark = event.target.closest("mark.cited");
  const article = find(".article").dataset.reference.split(":")[0];
  const button = mark && quotesOf(opener).find((other) => other.value === article + ":" + mark.dataset.at);
  if (button) open(button);
});
