// Copies, links, exports and votes. Runs once, with `element`, `props`, `trigger` and `watch` given by the page.
// What is copied comes from the server; the page sends the number of a turn and what is wanted, nothing else.
const root = document.documentElement;
const find = (selector) => element.querySelector(selector);
const ADDRESS = "#source button.take-sentence";
const said = find(".take-said");
const dialog = find(".take-by-hand");
// Outside of the page's columns, which nobody reaches while the source covers them on a phone.
document.body.append(said, dialog);
root.classList.toggle("votes-kept", find(".takeaway").dataset.votes === "kept");

// One line for eyes and for screen readers; it goes after a while.
let silence = 0;
function say(text) {
  said.textContent = "";
  said.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (said.textContent = ""), 8000);
}

// Requests go one after another: each answer carries the ticket of its request.
let tickets = 0;
let last = Promise.resolve();
const waiting = new Map();
watch("value", () => {
  const reply = props.value;
  if (reply && waiting.has(reply.ticket)) waiting.get(reply.ticket)(reply);
});
function request(what) {
  const send = () =>
    new Promise((resolve) => {
      const ticket = ++tickets;
      const late = setTimeout(() => done({ error: "citewell does not answer. Is it still running?" }), 20000);
      function done(reply) {
        clearTimeout(late);
        waiting.delete(ticket);
        resolve(reply);
      }
      waiting.set(ticket, done);
      trigger("submit", { what, ticket });
    });
  last = last.then(send, send);
  return last;
}
async function textOf(what) {
  const reply = await request(what);
  if (typeof reply.text !== "string") throw new Error(reply.error || "There is no answer.");
  return reply.text;
}

// The clipboard. A page that is not served from this computer, or not over https, has none: then the old command is
// tried, and at last the text is shown to be copied by hand.
async function put(promise) {
  if (navigator.clipboard && navigator.clipboard.write && window.ClipboardItem) {
    const blob = promise.then((text) => new Blob([text], { type: "text/plain" }));
    blob.catch(() => {}); // told below
    try {
      // With the promise, not its text: some browsers copy only in the click itself.
      await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
      return true;
    } catch {
      // told by what follows
    }
  }
  const text = await promise;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return putByCommand(text);
  }
}
function putByCommand(text) {
  const before = document.activeElement;
  const area = dialog.querySelector("textarea");
  area.value = text;
  dialog.showModal();
  area.focus();
  area.select();
  let copied = false;
  try {
    copied = document.execCommand("copy");
  } catch {
    copied = false;
  }
  if (!copied) return false; // the dialog stays open
  area.value = "";
  dialog.close();
  if (before) before.focus({ preventScroll: true });
  return true;
}
dialog.querySelector(".take-done").addEventListener("click", () => dialog.close());
async function copy(promise, said) {
  try {
    if (await put(promise)) say(said);
  } catch (error) {
    say(error.message);
  }
}

const page = () => location.origin + location.pathname;
const FILES = { text: ["txt", "text/plain"], markdown: ["md", "text/markdown"], json: ["json", "application/json"] };
async function save(format) {
  try {
    const text = await textOf("all:" + format);
    const [ending, type] = FILES[format];
    const anchor = document.createElement("a");
    anchor.href = URL.createObjectURL(new Blob([text], { type: type + ";charset=utf-8" }));
    anchor.download = "citewell-" + new Date().toISOString().slice(0, 10) + "." + ending;
    anchor.click();
    setTimeout(() => URL.revokeObjectURL(anchor.href), 60000);
    say("Exported.");
  } catch (error) {
    say(error.message);
  }
}

async function vote(button, turn, verdict) {
  const wanted = button.classList.contains("pressed") ? "none" : verdict;
  const reply = await request(turn + ":" + wanted);
  say(reply.error || reply.said);
  if (reply.error) return;
  // The answer may have been drawn again since the click.
  for (const thumb of document.querySelectorAll("#chat button.thumb")) {
    const [own, means] = thumb.value.split(":");
    if (own === turn) thumb.classList.toggle("pressed", means === reply.vote);
  }
  mend();
}

// The page's sanitiser drops aria-* from answers.
function mend() {
  for (const thumb of document.querySelectorAll("#chat button.thumb")) {
    const pressed = String(thumb.classList.contains("pressed"));
    if (thumb.getAttribute("aria-pressed") !== pressed) thumb.setAttribute("aria-pressed", pressed);
  }
  addSentenceButton();
}

// In the source panel: the address of the sentence that is marked.
function addSentenceButton() {
  const header = document.querySelector("#source .article header");
  if (!header || header.querySelector(".take-sentence")) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "take-sentence";
  button.textContent = "Copy link to this sentence";
  header.append(button);
}
function sentenceAddress() {
  const section = document.querySelector("#source [data-reference]");
  const [article, start, end] = (section ? section.dataset.reference : "").split(/[:,]/);
  return page() + "?" + new URLSearchParams({ article, start, end });
}

document.addEventListener("click", (event) => {
  const clicked = event.target.closest ? event.target : document.body;
  for (const menu of document.querySelectorAll("details.take-menu[open]")) {
    if (!menu.contains(clicked) || clicked.closest("button.take")) close(menu);
  }
  if (clicked.closest(ADDRESS)) {
    copy(Promise.resolve(sentenceAddress()), "Copied the link to the sentence.");
    return;
  }
  const button = clicked.closest("#chat button.take, #takeaway button.take");
  if (!button) return;
  const [turn, what] = button.value.split(":");
  if (turn === "all") save(what);
  else if (what === "up" || what === "down") vote(button, turn, what);
  else if (what === "link") copy(textOf(button.value).then((query) => page() + query), "Copied the link.");
  else copy(textOf(button.value), "Copied.");
});
function close(menu) {
  if (menu.contains(document.activeElement)) menu.querySelector("summary").focus();
  menu.open = false;
}
// Before the source panel, which closes on Escape too.
document.addEventListener(
  "keydown",
  (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.take-menu[open]");
    if (!open && !dialog.open) return;
    if (open) close(open);
    event.stopPropagation();
  },
  true,
);

new MutationObserver(mend).observe(document.body, { childList: true, subtree: true });
mend();

// `/?article=ID&start=N&end=N` opens the article at the sentence, once the panel is there.
const asked = new URLSearchParams(location.search);
if (asked.has("article")) {
  const reference = ["article", "start", "end"].map((name) => (asked.get(name) || "").slice(0, 40)).join(":");
  const tries = { left: 1200 };
  (function openWhenReady() {
    if (window.citewellOpen) window.citewellOpen(reference);
    else if (tries.left--) requestAnimationFrame(openWhenReady);
  })();
}
