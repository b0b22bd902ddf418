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
