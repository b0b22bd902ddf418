// The source panel: a click on a citation shows its article. Runs once, with `element` and `server` given by the page.
// Everything from an article is set with textContent, so markup in it stays text.
const find = (selector) => element.querySelector(selector);
const root = document.documentElement;
let opener = null;
let newest = 0;

// The clicked place first, then the places in the same article that the same answer cites.
function referenceOf(button) {
  const [article] = button.value.split(":");
  const answer = button.closest(".answer");
  const values = [button.value];
  for (const other of answer ? answer.querySelectorAll("ol.quotes > li > blockquote button.cite") : []) {
    if (other.value.startsWith(article + ":") && !values.includes(other.value)) values.push(other.value);
  }
  const ranges = values.slice(0, 50).map((value) => value.slice(article.length + 1));
  return article + ":" + ranges.join(",");
}

function span(name, text, className) {
  const node = document.createElement(name);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

function fill(source) {
  find(".headline").textContent = source.title;
  const byline = [source.outlet, source.published, source.place, source.agency].filter(Boolean);
  find(".byline").replaceChildren(
    ...byline.flatMap((part, index) => [...(index ? [span("span", " · ", "dot")] : []), span("bdi", part)]),
  );
  const original = find(".original");
  original.hidden = !/^https?:\/\//.test(source.url || "");
  if (original.hidden) original.removeAttribute("href");
  else original.href = source.url;
  const focus = span("mark", source.quote, "focus");
  focus.tabIndex = -1;
  const pieces = (parts) => parts.map((part) => (part.cited ? span("mark", part.text, "cited") : part.text));
  find(".text").replaceChildren(...pieces(source.before), focus, ...pieces(source.after));
}

function show(source) {
  find(".hint").hidden = true;
  find(".trouble").hidden = !source.error;
  find(".article").hidden = Boolean(source.error);
  root.classList.add("source-open");
  if (source.error) {
    find(".trouble").textContent = source.error;
    find(".close").focus({ preventScroll: true });
    return;
  }
  fill(source);
  const focus = find("mark.focus");
  focus.focus({ preventScroll: true });
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  focus.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
}

function close() {
  if (!root.classList.contains("source-open")) return;
  root.classList.remove("source-open");
  if (opener && opener.isConnected) opener.focus();
}

async function open(reference, button) {
  const turn = ++newest;
  opener = button;
  let source;
  try {
    source = await server.load_source(reference);
  } catch {
    source = { error: "The article could not be loaded. Is citewell still running?" };
  }
  if (turn !== newest) return; // a later click has overtaken this one
  for (const other of document.querySelectorAll("button.cite.current")) other.classList.remove("current");
  if (button) button.classList.add("current");
  find(".article").dataset.reference = reference;
  show(source && typeof source === "object" ? source : { error: "The article could not be loaded." });
}

document.addEventListener("click", (event) => {
  const button = event.target.closest && event.target.closest("#chat button.cite");
  if (button) open(referenceOf(button), button);
});
// Opens the source at `ARTICLEID:START:END` without a click, as the address of the page asks for.
window.citewellOpen = (reference) => open(reference, null);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});
find(".close").addEventListener("click", close);

// Messages get a label with their raw markup, and the page's sanitiser drops the labels that the answers could bring:
// both are mended here, whenever messages are drawn.
function label(node, text) {
  if (node.getAttribute("aria-label") !== text) node.setAttribute("aria-label", text);
}
let drawn = "";
function mend() {
  for (const bubble of document.querySelectorAll("#chat [data-testid=user], #chat [data-testid=bot]")) {
    label(bubble, bubble.dataset.testid === "user" ? "Your question" : "The answer");
  }
  for (const button of document.querySelectorAll("#chat button.cite:not(.place)")) {
    label(button, "Source " + button.textContent.trim() + ": show it in the article");
  }
  // A new turn is read from its question down, however long the answer is.
  const rows = document.querySelectorAll("#chat .message-row");
  const now = rows.length + ":" + document.querySelectorAll("#chat .pending").length;
  if (now === drawn) return;
  drawn = now;
  const questions = document.querySelectorAll("#chat .user-row");
  const last = questions.length ? questions[questions.length - 1] : rows[rows.length - 1];
  if (last) last.scrollIntoView({ block: "start", behavior: "instant" });
}
const watched = { childList: true, subtree: true, attributes: true, attributeFilter: ["aria-label"] };
function watch() {
  const chat = document.querySelector("#chat");
  if (!chat) return false;
  new MutationObserver(mend).observe(chat, watched);
  mend();
  return true;
}
if (!watch()) {
  // The panel may be there before the chat is.
  const waiting = new MutationObserver(() => watch() && waiting.disconnect());
  waiting.observe(document.body, { childList: true, subtree: true });
}
