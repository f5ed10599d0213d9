// Exchanges the token for a cookie that scripts cannot read. It keeps nothing and puts nothing into the address.
const form = document.getElementById("login");
const field = document.getElementById("token");
const told = document.getElementById("told");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  told.textContent = "";
  const body = JSON.stringify({ token: field.value.trim() });
  try {
    const answer = await fetch("/login", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    if (answer.ok) {
      location.reload();
      return;
    }
    told.textContent = (await answer.json()).detail;
  } catch {
    told.textContent = "Runferry itself does not answer. Is runferry serve still running?";
  }
  field.select();
});
