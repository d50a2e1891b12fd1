// A slider over the history, which fills in the field for the moment; without it, the field is there.
// Nothing is sent before its button is pressed: who moves it by keys would never get past one step.

export function offerSliders(root) {
  for (const slider of root.querySelectorAll("[data-slider][hidden]")) {
    const field = document.getElementById("as_of");
    const moments = momentsOf(slider);
    const later = moments.findIndex((moment) => field.value && moment.dataset.moment >= field.value);
    slider.querySelector("input").value = later < 0 ? moments.length : later;
    slider.hidden = false;
    tell(slider);
  }
}

function momentsOf(slider) {
  return [...slider.querySelectorAll("[data-moment]")];
}

function tell(slider) {
  const input = slider.querySelector("input");
  const moment = momentsOf(slider)[input.value];
  const text = moment ? moment.textContent : "Now";
  slider.querySelector("output").textContent = text;
  input.setAttribute("aria-valuetext", text);
  return moment?.dataset.moment ?? "";
}

document.addEventListener("input", (event) => {
  const slider = event.target.closest("[data-slider]");
  if (slider) document.getElementById("as_of").value = tell(slider);
});
