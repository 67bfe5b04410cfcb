const said = document.createElement("p");
said.className = "hidden";
said.setAttribute("aria-live", "polite");
document.body.append(said);
for (const button of document.querySelectorAll("button.copy")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    let word = "Copied";
    try { await navigator.clipboard.writeText(button.previousElementSibling.textContent); } catch { word = "Not copied"; }
    button.textContent = said.textContent = word;
    setTimeout(() => { button.textContent = "Copy"; said.textContent = ""; }, 2000);
  });
}
