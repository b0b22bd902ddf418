// The answers in the chat: a quote unfolds into what stands around it, and Gradio's labels are mended. Everything in a
// function, so that its names stay its own.
(() => {
  const sentence = (text, className) => {
    const made = node("div", "", className);
    made.append(paragraphs([{ text }], text.length));
    return made;
  };

  function fold(button, item) {
    for (const around of item.querySelectorAll(".around")) around.remove();
    item.classList.remove("unfolded", "told");
    button.setAttribute("aria-expanded", "false");
  }

  async function unfold(button) {
    const item = button.closest("li");
    if (item.classList.contains("unfolded")) return fold(button, item);
    const passage = await load("load_passage", button.value);
    if (item.classList.contains("unfolded")) return; // pressed twice
    item.classList.add("unfolded");
    button.setAttribute("aria-expanded", "true");
    const quote = item.querySelector("blockquote");
    if (passage.error) return quote.after(sentence(passage.error, "around alone"));
    const [before, after] = [passage.before.trim(), passage.after.trim()];
    if (before) quote.before(sentence(before, "around before"));
    if (after) quote.after(sentence(after, "around after"));
    if (!before && !after) quote.after(sentence("Nothing stands before or after it.", "around alone"));
    // The sentence that says who "he" is may be among those before.
    const context = item.querySelector(".context bdi");
    item.classList.toggle("told", Boolean(context) && passage.before.includes(context.textContent));
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest("#chat button.unfold");
    if (button) unfold(button);
  });

  // Messages get a label with their raw markup, and the page's sanitiser drops the labels that the answers could
  // bring: both are mended here, whenever messages are drawn.
  const set = (at, name, value) => at.getAttribute(name) === value || at.setAttribute(name, value);
  let drawn = "";
  function mend() {
    renew();
    for (const bubble of document.querySelectorAll("#chat [data-testid=user], #chat [data-testid=bot]")) {
      set(bubble, "role", "group"); // a label is for something that has a role
      set(bubble, "aria-label", bubble.dataset.testid === "user" ? "Your question" : "The answer");
    }
    for (const button of document.querySelectorAll(CITE + ":not(.place)")) {
      set(button, "aria-label", "Source " + button.textContent.trim() + ": show it in the article");
    }
    for (const button of document.querySelectorAll("#chat button.unfold:not([aria-expanded])")) {
      set(button, "aria-expanded", "false");
    }
    // A new turn is read from its question down, however long the answer is.
    const rows = document.querySelectorAll("#chat .message-row");
    const now = rows.length + ":" + document.querySelectorAll("#chat .pending").length;
    if (now === drawn) return;
    drawn = now;
    emptyBox();
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
})();
