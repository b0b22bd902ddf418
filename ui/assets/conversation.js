// "Ask as it stands" below a follow-up, and "Read it that way again": says which turn is meant, and sets off the event
// that asks it again. The browser sends the number of the turn; the question itself is the one that the server keeps.
document.addEventListener("click", (event) => {
  const button = event.target.closest && event.target.closest("#chat button.again");
  if (!button || button.disabled) return;
  button.disabled = true;
  document.documentElement.dataset.turn = button.value;
  document.querySelector(button.classList.contains("literal") ? "#ask-literally" : "#ask-as-read").click();
  // The button goes when the answer comes: the next question is asked from here.
  document.querySelector("#question textarea").focus({ preventScroll: true });
});

// The box is emptied when the chat shows the question that was in it: a question that was refused stays, and so does
// what was typed meanwhile. Not by the server, for which each such wish makes one more component for the session.
function emptyBox() {
  const { asked } = document.documentElement.dataset;
  const box = document.querySelector("#question textarea");
  delete document.documentElement.dataset.asked;
  if (!asked || !box || box.value !== asked) return;
  box.value = "";
  box.dispatchEvent(new Event("input", { bubbles: true }));
}
