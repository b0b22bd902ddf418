// The list of articles. Runs once, with `element` given by the page. Everything from an article, a file or the server is
// set with textContent, so markup in it stays text.
const find = (selector) => element.querySelector(selector);
const dialog = find("dialog.shelf");
const chosen = new Map(); // id -> title, of the articles whose boxes are ticked
const scope = { sources: [], since: null, until: null, articles: new Map() };
let state = null;
let offset = 0;
let newest = 0;
let busy = false;
let asked = null; // the article whose removal waits for a yes, and whether that was said: { id, yes }

function node(name, text, className) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}
function button(text, label, act) {
  const made = node("button", text);
  made.type = "button";
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", act);
  return made;
}
function count(number, one, many) {
  return number.toLocaleString("en") + " " + (number === 1 ? one : many || one + "s");
}
const UNREACHABLE = "The server does not answer. Is citewell still running?";

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error(UNREACHABLE);
  }
  let found = {};
  try {
    found = await response.json();
  } catch {
    found = { error: response.status === 413 ? "That is too long." : UNREACHABLE };
  }
  if (!response.ok || found.error) throw new Error(found.error || found.detail || UNREACHABLE);
  return found;
}
function post(path, value) {
  return call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(value) });
}

// The list

function filters() {
  return { search: find(".search").value, source: find(".source-filter").value, since: find(".since").value, until: find(".until").value };
}
async function load(from) {
  const turn = ++newest;
  const given = filters();
  const query = new URLSearchParams({ offset: String(from) });
  for (const key of Object.keys(given)) if (given[key]) query.append(key, given[key]);
  let found;
  try {
    found = await call("/articles?" + query);
  } catch (error) {
    if (turn === newest) say(error.message, true);
    return;
  }
  if (turn !== newest) return; // a later one has overtaken this
  if (from > 0 && from >= found.total) return load(Math.max(0, from - found.page));
  offset = from;
  state = found;
  draw();
}
function say(text, trouble) {
  find(".state").textContent = text;
  find(".state").classList.toggle("trouble", Boolean(trouble));
}
function draw() {
  find(".open-articles").textContent = "Articles (" + state.all.toLocaleString("en") + ")";
  find(".adding").hidden = !state.changeable;
  const kinds = state.suffixes.filter((suffix) => suffix.lastIndexOf(".") === 0); // ".txt.gz" and the like go without saying
  find(".files").accept = state.suffixes.join(",");
  find(".drop-hint").textContent =
    "or drop them here: " + kinds.join(", ") + ", also packed; up to " + state.most.files + " at once, " + state.most.bytes / 1e6 + " MB each";
  if (!state.changeable) say("Articles cannot be added or removed on this page.");
  else if (state.sample) say("These are the sample articles. The first article that you add begins a collection of your own, which is asked instead of them from then on, here and the next time.");
  else say("What you add is kept word for word in the folder “" + state.place + "” beside the index, on the computer that runs citewell.");
  const select = find(".source-filter");
  const kept = select.value;
  select.replaceChildren(new Option("All sources", ""));
  for (const each of state.sources) select.append(new Option(each.outlet + " (" + each.articles.toLocaleString("en") + ")", each.outlet));
  select.value = state.sources.some((each) => each.outlet === kept) ? kept : "";
  const focused = find(".rows").contains(document.activeElement) ? document.activeElement.dataset.at : null;
  find(".rows").replaceChildren(...state.articles.map(row));
  if (focused) focusOn(focused);
  const last = offset + state.articles.length;
  const range = state.total > state.page ? (offset + 1).toLocaleString("en") + " to " + last.toLocaleString("en") + " of " : "";
  find(".pages").hidden = state.total <= state.page;
  find(".earlier").disabled = offset === 0;
  find(".later").disabled = last >= state.total;
  find(".found").textContent = range + count(state.total, "article") + (chosen.size ? ", " + chosen.size + " ticked" : "");
  const given = filters();
  find(".limit").disabled = !chosen.size && !given.source && !given.since && !given.until;
  find(".limit").title = find(".limit").disabled ? "Tick articles, or choose a source or dates" : "";
  drawScope();
}
function row(article) {
  const item = node("li");
  const label = node("label", undefined, "row-pick");
  const box = node("input");
  box.type = "checkbox";
  box.checked = chosen.has(article.id);
  box.setAttribute("aria-label", "Choose “" + article.title + "”");
  box.addEventListener("change", () => {
    if (box.checked) chosen.set(article.id, article.title);
    else chosen.delete(article.id);
    draw();
  });
  label.append(at(box, "box", article));
  const text = node("div");
  const name = node("p", article.title, "name");
  name.dir = "auto";
  const about = node("p", undefined, "about");
  about.append(node("bdi", article.outlet), " · ", node("bdi", article.published || "no date"));
  text.append(name, about);
  const side = node("div", undefined, "sure");
  if (state.changeable && !state.sample) side.append(...removal(article));
  item.append(label, text, side);
  return item;
}
// The list may be drawn again at any time: what has the focus is found again by its place.
function at(control, kind, article) {
  control.dataset.at = kind + "-" + article.id;
  return control;
}
function focusOn(place) {
  const control = find('.rows [data-at="' + place + '"]');
  if (control) control.focus();
}
function removal(article) {
  if (!asked || asked.id !== article.id) {
    const remove = button("Remove", "Remove “" + article.title + "”", () => {
      asked = { id: article.id, yes: false };
      draw();
      focusOn("keep-" + article.id);
    });
    return [at(remove, "remove", article)];
  }
  const sure = button("Yes, remove", "Yes, remove “" + article.title + "”", () => removeNow(article));
  const keep = button("Keep", "", () => {
    asked = null;
    draw();
    focusOn("remove-" + article.id);
  });
  sure.disabled = keep.disabled = asked.yes;
  return [node("span", "Remove it?"), at(sure, "sure", article), at(keep, "keep", article)];
}
function settle(article) {
  if (asked && asked.id === article.id) asked = null; // another one may be asked about by now
}
async function removeNow(article) {
  asked.yes = true;
  draw();
  try {
    const done = await post("/articles/remove", { articles: [article.id] });
    chosen.delete(article.id);
    scope.articles.delete(article.id);
    report([
      part(count(done.removed, "article") + " removed", [article.title]),
      part("Still on the disk; when it is read again, what was removed comes back", done.kept),
    ]);
    settle(article);
    await load(offset);
    find(".search").focus();
  } catch (error) {
    report([part("Nothing was removed", [error.message])]);
    settle(article);
    draw();
  }
}

// What adds to it

function part(head, lines) {
  if (!lines.length) return null;
  const made = node("div");
  const list = node("ul");
  for (const line of lines) list.append(typeof line === "string" ? node("li", line) : line);
  made.append(node("h3", head), list);
  return made;
}
function report(parts) {
  const shown = parts.filter(Boolean);
  find(".report").hidden = !shown.length;
  find(".report").replaceChildren(...shown);
}
function added(article) {
  const item = node("li");
  item.append(node("bdi", article.title), " ", node("span", "(" + article.outlet + (article.published ? ", " + article.published : "") + ")", "aside"));
  if (article.original) {
    const whole = article.copied === article.passages;
    const share = whole ? " is a copy of " : ": " + article.copied + " of " + count(article.passages, "passage") + (article.copied === 1 ? " stands" : " stand") + " in ";
    item.append(share, node("bdi", article.original.title), " ", node("span", "(" + article.original.outlet + ")", "aside"));
  }
  return item;
}
function step(text, done, total) {
  find(".step").textContent = text;
  const bar = find(".bar");
  if (total) {
    bar.max = total;
    bar.value = done;
  } else bar.removeAttribute("value");
}
const STAGES = { reading: "Reading the files", embedding: "Embedding the passages", "writing search files": "Writing the search files" };

// Bytes go by XMLHttpRequest, which tells how many have gone.
function send(file, told) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "/articles/file?name=" + encodeURIComponent(file.name));
    request.setRequestHeader("content-type", "application/octet-stream");
    request.upload.addEventListener("progress", (event) => told(event.loaded));
    request.addEventListener("error", () => reject(new Error(UNREACHABLE)));
    request.addEventListener("load", () => {
      let found = null;
      try {
        found = JSON.parse(request.responseText);
      } catch {
        found = { error: request.status === 413 ? "it is too long" : UNREACHABLE };
      }
      if (found.file) resolve(found.file);
      else reject(new Error(found.error || found.detail || UNREACHABLE));
    });
    request.send(file);
  });
}
async function index(tokens) {
  const response = await fetch("/articles/add", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ files: tokens }),
  });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let last = null;
  for (;;) {
    const { done, value } = await reader.read();
    rest += done ? "\n" : decoder.decode(value, { stream: true });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines.filter(Boolean)) {
      last = JSON.parse(line);
      if (last.stage) step((STAGES[last.stage] || last.stage) + " …", last.done, last.total);
    }
    if (done) break;
  }
  if (!last || !last.report) throw new Error((last && last.error) || "The server broke off.");
  return last.report;
}
async function under(work) {
  if (busy) return;
  busy = true;
  const before = state && state.sample;
  report([]);
  find(".under-way").hidden = false;
  for (const each of element.querySelectorAll(".files, .pasted button")) each.disabled = true;
  try {
    await work();
  } catch (error) {
    report([part("Nothing was added", [error.message])]);
  }
  busy = false;
  find(".under-way").hidden = true;
  for (const each of element.querySelectorAll(".files, .pasted button")) each.disabled = false;
  find(".files").value = "";
  await load(0);
  // Questions about the sample are none about the user's own articles.
  if (before && !state.sample) {
    const samples = document.querySelector("#examples");
    if (samples) samples.hidden = true;
    if (samples) samples.style.display = "none";
    limitTo([], null, null, new Map());
  }
}
function addFiles(files) {
  return under(async () => {
    const refused = [];
    const tokens = [];
    const taken = [...files].slice(0, state.most.files);
    for (const file of [...files].slice(taken.length)) refused.push(file.name + ": more than " + state.most.files + " at once");
    let before = 0;
    const total = taken.reduce((sum, file) => sum + file.size, 0);
    for (const file of taken) {
      const told = (loaded) => step("Sending " + file.name, before + Math.min(loaded, file.size), total || 1);
      told(0);
      try {
        if (file.size > state.most.bytes) throw new Error("longer than " + state.most.bytes / 1e6 + " MB");
        tokens.push(await send(file, told));
      } catch (error) {
        refused.push(file.name + ": " + error.message);
      }
      before += file.size;
    }
    await finish(tokens, refused);
  });
}
async function finish(tokens, refused) {
  let done = { added: [], unchanged: [], skipped: [] };
  const left = [...refused];
  if (tokens.length) {
    step("Reading the files …");
    try {
      done = await index(tokens);
    } catch (error) {
      left.push(error.message);
    }
  }
  for (const each of done.skipped) left.push(each.file + (each.line ? ", line " + each.line : "") + ": " + each.reason);
  report([
    part(count(done.added.length, "article") + " added", done.added.map(added)),
    part("Already there", done.unchanged),
    part("Left out", left),
  ]);
}
find(".files").addEventListener("change", () => {
  if (find(".files").files.length) addFiles(find(".files").files);
});
const drop = find(".drop");
drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  drop.classList.add("over");
});
drop.addEventListener("dragleave", () => drop.classList.remove("over"));
drop.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  if (event.dataTransfer.files.length) addFiles(event.dataTransfer.files);
});
find(".pasted").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const value = {};
  for (const name of ["title", "url", "published", "text"]) value[name] = form.elements[name].value;
  under(async () => {
    step("Sending the text");
    const { file } = await post("/articles/text", value);
    const done = await index([file]);
    report([
      part(count(done.added.length, "article") + " added", done.added.map(added)),
      part("Already there", done.unchanged.map(() => value.title || value.text.slice(0, 80))),
      part("Left out", done.skipped.map((each) => each.reason)),
    ]);
    if (done.added.length) form.reset();
  });
});

// What a question is limited to

function limitTo(sources, since, until, articles) {
  scope.sources = sources;
  scope.since = since;
  scope.until = until;
  scope.articles = articles;
  drawScope();
}
function drawScope() {
  const list = document.querySelector("#scope .scope-chips");
  if (!list) return;
  const chips = [];
  const chip = (text, drop) => {
    const item = node("li");
    const close = button("×", "Do not limit to " + text, () => {
      drop();
      drawScope();
      const next = list.querySelector("button") || document.querySelector("#question textarea");
      if (next) next.focus();
    });
    item.append(node("bdi", text), close);
    chips.push(item);
  };
  for (const source of scope.sources) chip(source, () => (scope.sources = scope.sources.filter((each) => each !== source)));
  if (scope.since) chip("from " + scope.since, () => (scope.since = null));
  if (scope.until) chip("to " + scope.until, () => (scope.until = null));
  for (const [id, title] of scope.articles) chip(title, () => scope.articles.delete(id));
  if (chips.length) chips.unshift(node("li", "Ask only", "lead"));
  list.hidden = !chips.length;
  list.replaceChildren(...chips);
}
window.citewellScope = () => {
  const limited = {};
  if (scope.sources.length) limited.sources = scope.sources;
  if (scope.since) limited.since = scope.since;
  if (scope.until) limited.until = scope.until;
  if (scope.articles.size) limited.articles = [...scope.articles.keys()];
  return Object.keys(limited).length ? JSON.stringify(limited) : "";
};
find(".limit").addEventListener("click", () => {
  const given = filters();
  limitTo(given.source ? [given.source] : [], given.since || null, given.until || null, new Map(chosen));
  dialog.close();
  const box = document.querySelector("#question textarea");
  if (box) box.focus();
});

// Opening, closing, filtering

find(".open-articles").addEventListener("click", () => {
  report([]);
  if (asked) {
    asked = null;
    draw();
  }
  dialog.showModal();
  load(0);
});
find(".shut").addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close(); // beside it
});
let typing = 0;
find(".search").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => load(0), 150);
});
for (const selector of [".source-filter", ".since", ".until"]) find(selector).addEventListener("change", () => load(0));
find(".earlier").addEventListener("click", () => load(Math.max(0, offset - state.page)));
find(".later").addEventListener("click", () => load(offset + state.page));
load(0);
